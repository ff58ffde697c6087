"""What approvals are bound to, pinned by values worked out by hand: a change would void every standing approval."""

import hashlib

import pytest

from sizing import canonical_json, digest, parse, size, spec_for

BODY = {
    "name": "peft-10b-qlora4-2x128mb",
    "description": "Custom hardware specification for foundation models",
    "nodes": {"cpu": {"units": "2"}, "mem": {"size": "8Gi"}, "gpu": {"num_gpu": 1}},
}
PAYLOAD = (
    '{"description":"Custom hardware specification for foundation models","name":"peft-10b-qlora4-2x128mb",'
    '"nodes":{"cpu":{"units":"2"},"gpu":{"num_gpu":1},"mem":{"size":"8Gi"}}}'
)
BOUND = (
    '{"body":{"description":"Custom hardware specification for foundation models","name":"peft-10b-qlora4-2x128mb",'
    '"nodes":{"cpu":{"units":"2"},"gpu":{"num_gpu":1},"mem":{"size":"8Gi"}}},'
    '"space_id":"6b1f-sp\\u00e5ce","target":"https://cpd.example.com:8443"}'
)
DIGEST = "27a805746cd09b13f20907c22233db2b8ba90207ab03f4800a10a55cbe2c0797"
"""``printf '%s' BOUND | sha256sum``, the text as it stands above after Python's own escapes."""


def test_canonical_json_is_this_text():
    """Sorted keys at every depth, no spaces, ASCII with lower-case escapes, numbers as they are."""
    assert canonical_json(BODY) == PAYLOAD
    assert canonical_json({"b": [1, True, None, "a"], "a": {"z": 0, "é": '"\\\n\u2028🚀'}}) == (
        r'{"a":{"z":0,"\u00e9":"\"\\\n\u2028\ud83d\ude80"},"b":[1,true,null,"a"]}'
    )


def test_the_digest_is_that_of_body_space_and_host():
    """SHA-256 of one text that holds all three; each of them by its own key."""
    assert hashlib.sha256(BOUND.encode()).hexdigest() == DIGEST
    assert digest(BODY, "https://cpd.example.com:8443", "6b1f-spåce") == DIGEST


def test_the_body_of_the_published_example_is_this():
    """From the text that a person typed to the bytes that are sent."""
    request = parse("10b 2x128MB qlora4")
    assert spec_for(request, size(request)).body() == BODY
    assert list(BODY) == list(spec_for(request, size(request)).body())


NAMES = [
    ("10b none lora", None, "peft-10b-lora-none"),
    ("7.5b 2x128MB 1x0.5KB qlora8", None, "peft-7_5b-qlora8-2x128mb-1x0_5kb"),
    ("llama-3.1-8b 4xr16 lora", None, "peft-llama-3_1-8b-lora-4x80mb"),
    ("10b none lora gpu=40", None, "peft-10b-lora-none-gpu40"),
    ("10b none lora gpu=80", None, "peft-10b-lora-none"),
    ("10b none lora gpu=40", 2, "peft-10b-lora-none-gpu40-use2gpu"),
    ("10b none lora space=prod", None, "peft-10b-lora-none"),
    ("10b none lora name=My_Spec", None, "My_Spec"),
    ("10b none lora name=My_Spec", 4, "My_Spec-use4gpu"),
]


def test_names_come_from_the_content():
    """Model, method, groups, the GPU's size and a chosen count; the space is no part of a name."""
    for text, use_gpus, name in NAMES:
        assert parse(text).name_for(use_gpus) == name


LONG = [
    # 64 letters
    (
        "10.25b 300x999.999MB+300x99.999MB+30x9.999MB+100x9MB qlora4",
        None,
        "peft-10_25b-qlora4-300x999_999mb-300x99_999mb-30x9_999mb-100x9mb",
        "peft-10_25b-qlora4-300x999_999mb-300x99_999mb-30x9_999mb-100x9mb",
    ),
    # 65 letters. sha256sum of "10.125b 300x999.999MB+300x99.999MB+30x9.999MB+100x9MB qlora4"
    # is e0bf678a…
    (
        "10.125b 300x999.999MB+300x99.999MB+30x9.999MB+100x9MB qlora4",
        None,
        "peft-10_125b-qlora4-300x999_999mb-300x99_999mb-30x9_999mb-100x9mb",
        "peft-10_125b-qlora4-300x999_999mb-300x99_999mb-30x9_999-e0bf678a",
    ),
    # 74 letters. sha256sum of "10.125b 300x999.999MB+300x99.999MB+30x9.999MB+100x9MB qlora4 use=64"
    # is 6ff6a2ea…
    (
        "10.125b 300x999.999MB+300x99.999MB+30x9.999MB+100x9MB qlora4",
        64,
        "peft-10_125b-qlora4-300x999_999mb-300x99_999mb-30x9_999mb-100x9mb-use64gpu",
        "peft-10_125b-qlora4-300x999_999mb-300x99_999mb-30x9_999-6ff6a2ea",
    ),
    # 69 letters. sha256sum of "100b 300x999.999MB+300x99.999MB+30x9.999MB+100x9MB qlora4 gpu=141"
    # is 4641beda…
    (
        "100b 300x999.999MB+300x99.999MB+30x9.999MB+100x9MB qlora4 gpu=141",
        None,
        "peft-100b-qlora4-300x999_999mb-300x99_999mb-30x9_999mb-100x9mb-gpu141",
        "peft-100b-qlora4-300x999_999mb-300x99_999mb-30x9_999mb-4641beda",
    ),
    # 72 letters. sha256sum of the text below and " use=4" is f1777921…
    (
        "10b none lora name=NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN",
        4,
        "NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN-use4gpu",
        "NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN-f1777921",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "use_gpus", "whole", "name"), LONG)
def test_a_name_over_64_letters_ends_in_a_hash_of_its_content(text, use_gpus, whole, name):
    """64 are kept; of more, 55 without a hyphen at the end, a hyphen, and 8 digits of the canonical text's SHA-256."""
    request = parse(text)
    assert request.canonical == text
    assert request.name_for(use_gpus) == name
    assert (name == whole) == (len(whole) <= 64)
    assert len(name) <= 64
    if name != whole:
        content = text if use_gpus is None else f"{text} use={use_gpus}"
        assert name[-8:] == hashlib.sha256(content.encode()).hexdigest()[:8]
        assert whole.startswith(name[:-9])

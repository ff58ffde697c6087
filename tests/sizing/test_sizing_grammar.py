"""What the grammar reads, and what it says about what it does not read."""

import pytest

from sizing import SizingError, parse

SAME = {
    "10b 2x128MB qlora4": [
        "qlora4 2x128MB 10b",
        "10 billion 2 × 128 MiB QLoRA4",
        "10bn 128MB*2 nf4",
        "10B 2х128mb w4a16",
        "“10b” `2x128MB` 'qlora4'",
        "0.01t 1x128MB+131072KB 4-bit",
        "10000m 1x0.125GB, 1x128MB int4",
        "10b\u00a02x128MB\u2009qlora4",
        "10b 1x128MB &amp; 1x128MB qlora4 gpu=80",
        "10b 2x128MB 0x64MB gptq",
    ],
    "llama-3.1-8b 4x80MB lora": [
        "meta-llama/Llama-3.1-8B-Instruct 4xr16",
        "Llama3.1-8b r16x4:all fp16",
        "meta-llama/llama-3-1-8b-instruct 4 x r16 bf16",
    ],
    "mixtral-8x7b none qlora8": [
        "8x7b 0 int8",
        "mistralai/Mixtral-8x7B-Instruct-v0.1 qlora-8bit",
        "8×7B 8bit none",
    ],
    "1t none lora": ["1 trillion", "1000b 16-bit", "1000000m none"],
    "10b none lora gpu=40 space=dev name=My_Spec-1": ["name=My_Spec-1 gpu=40 SPACE=dev 10b"],
}

REFUSED = [
    ("", "E01", (0, 1)),
    ("lora none", "E01", (9, 10)),
    ("4xr16 lora ", "E01", (11, 12)),
    ("10b 2x128MB lora;", "E02", (16, 17)),
    ("10b 2x128MB +", "E02", (12, 13)),
    ("10b 2x128MB ++ 1x64MB", "E02", (13, 14)),
    ("10b\x00 lora", "E02", (3, 4)),
    ("10b \ud800", "E02", (4, 5)),
    ("10b 2x128mb qlroa4", "E03", (12, 18)),
    ("10b 2x128MB lora 8", "E03", (17, 18)),
    ("llama-3.1-8b r16:foo", "E03", (13, 20)),
    ("10b 2x128", "E04", (4, 9)),
    ("10b 128 Mbit", "E04", (4, 12)),
    ("2x128b 10b", "E04", (0, 6)),
    ("10b 2 128MB", "E04", (4, 5)),
    ("10b lora lora", "E05", (9, 13)),
    ("10b 2x128MB none", "E05", (12, 16)),
    ("10b name=a name=b", "E05", (11, 17)),
    (".5b", "E06", (0, 3)),
    ("10 000m", "E06", (0, 7)),
    ("10b 2x1,5MB", "E06", (4, 11)),
    ("١٠b", "E06", (0, 3)),
    ("10b 2x-128MB", "E07", (4, 12)),
    ("llama-3.1-8b r0", "E07", (13, 15)),
    ("10b 0MB", "E07", (4, 7)),
    ("10.1t", "E08", (0, 5)),
    ("10b 600x1MB 600x2MB", "E08", (12, 19)),
    ("llama-3.1-8b r513", "E08", (13, 17)),
    ("1.0000000001b", "E09", (0, 13)),
    ("7x8b lora", "E10", (0, 4)),
    ("10b gpu=a100", "E11", (4, 12)),
    ("10b name=a/b", "E11", (4, 12)),
    ("10b 4xr16", "E12", (4, 9)),
    ("10", "E13", (0, 2)),
    ("10GB lora", "E13", (0, 4)),
    ("10b 3bit", "E14", (4, 8)),
    ("10b fp32", "E14", (4, 8)),
    ("10b gguf", "E14", (4, 8)),
    ("bloomz-176b", "E16", (0, 11)),
    ("@bob 10b", "E16", (0, 4)),
    (" " * 301, "E17", (0, 301)),
]


@pytest.mark.parametrize(("canonical", "text"), [(c, text) for c, texts in SAME.items() for text in texts])
def test_many_spellings_are_one_request(canonical, text):
    """Order, case, signs, spaces, units and synonyms do not matter; the canonical text is read back as the same."""
    assert parse(text).canonical == canonical
    assert parse(text) == parse(canonical)


@pytest.mark.parametrize(("text", "code", "span"), REFUSED)
def test_a_mistake_is_named_where_it_stands(text, code, span):
    """The code and the exact characters of the text as typed, and a whole request that can be sized."""
    with pytest.raises(SizingError) as refused:
        parse(text)
    assert (refused.value.code, refused.value.span) == (code, span)
    parse(refused.value.suggestion or refused.value.example)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("lama-3.1-8b lroa", "llama-3.1-8b lora"),
        ("bloomz-40b 2x64MB", "40b 2x64MB"),
        ("https://huggingface.co/meta-llama/Llama-3.1-8B lora", "llama-3.1-8b lora"),
        ("10b; 2x128MB; lora.", "10b 2x128MB lora"),
        ("model=10b adapters=2x128MB method=qlora4", "10b 2x128MB qlora4"),
        ("10b 2x128MB --qlora8", "10b 2x128MB qlora8"),
        ("10b two adapters of 128MB int8", "10b 2 adapters of 128MB int8"),
        ("10b 2 128MB int8", "10b 2x 128MB int8"),
        ("Qwen/Qwen2.5-7B-Instruct-AWQ 2x64MB", "qwen2.5-7b qlora4 2x64MB"),
        ("llama3.1:8b-instruct-q8_0", "llama-3.1-8b qlora8"),
        ("30b-a3b 2x128MB", "30b 2x128MB"),
        ("10b2x128MB/lora", None),
        ("10b2x128MB lora", "10b 2x128MB lora"),
        ("10b 2x128MB/lora", "10b 2x128MB lora"),
        ("10b 2x128МВ lora", "10b 2x128MB lora"),
        ("llama-3.1-8b r 16", "llama-3.1-8b r16"),
        ("10b 2x128MB 8", "10b 2x128MB qlora8"),
        ("10b ½x128MB", None),
        ("10b x2 128MB", None),
        ("10b 1e3x1MB", None),
        ("0b", None),
        ("10b 1001x1MB", None),
    ],
)
def test_a_fix_is_runnable_only_when_nothing_is_invented(text, suggestion):
    """Several mistakes are put right at once; a number that nobody typed makes it an example."""
    with pytest.raises(SizingError) as refused:
        parse(text)
    assert refused.value.suggestion == suggestion
    assert (refused.value.example is None) == (suggestion is not None)


def test_a_space_that_is_not_allowed_is_refused_where_it_stands():
    """`space=` is judged when the allowed values are given, kept as typed when not."""
    assert parse("10b space=dev").space == "dev"
    assert parse("10b space=dev", spaces=["dev"]).space == "dev"
    with pytest.raises(SizingError) as refused:
        parse("10b space=prod lora", spaces=["dev"])
    assert (refused.value.code, refused.value.span) == ("E11", (4, 14))
    assert refused.value.example == "10b lora"


def test_a_long_text_is_merged():
    """A text over the limit whose adapters are equal is offered in its canonical form."""
    with pytest.raises(SizingError) as refused:
        parse("10b " + "1x1MB " * 60)
    assert refused.value.suggestion == "10b 60x1MB lora"


def test_a_canonical_text_may_be_longer_than_what_was_typed():
    """Many sizes in few characters read back from their canonical text, though nobody may type so many."""
    request = parse("10b " + ",".join(f"{n}MB" for n in range(1, 60)))
    assert len(request.canonical) > 300
    assert parse(request.canonical) == request
    with pytest.raises(SizingError, match="at most 300"):
        parse(request.canonical.replace("+", " "))


def test_the_picture_underlines_what_is_wrong():
    """The caret line stands under the offending characters, also near the end of a long text."""
    with pytest.raises(SizingError) as refused:
        parse("10b 2x128Mbit lora")
    assert refused.value.picture() == "10b 2x128Mbit lora\n    ~~~~~~~~^"
    with pytest.raises(SizingError) as refused:
        parse("10b " + "1x1MB " * 40 + "lroa")
    line, marks = refused.value.picture().split("\n")
    assert line[marks.index("~") : marks.index("^") + 1] == "lroa"


def test_what_was_assumed_is_said():
    """A missing method, missing adapters and missing rank targets are told; the usual GPU size is not."""
    assert parse("10b").assumptions == ("method omitted -> lora", "adapters omitted -> base only")
    twice = "rank -> size in 16-bit; a saved PEFT file is often fp32 and so twice that"
    assert parse("llama-3.1-8b r16:qv lora").assumptions == (twice,)
    assert parse("llama-3.1-8b r16 lora").assumptions == (
        "rank targets omitted -> all (q k v o gate up down)",
        twice,
    )
    assert parse("allam-13b none lora").assumptions == ("allam-13b -> 13b by its name",)
    counted = "granite-13b -> 13.077390336b from its layer shapes, no count is published"
    assert parse("granite-13b none lora").assumptions == (counted,)
    assert parse("Qwen/Qwen2.5-7B-Instruct none lora").assumptions == (
        "Qwen/Qwen2.5-7B-Instruct -> qwen2.5-7b",
    )
    whole = "qwen3-30b-a3b -> all 30.532122624b, since every expert is in memory"
    assert parse("qwen3-30b-a3b none lora").assumptions == (whole,)
    assert parse("10b none lora").assumptions == ()

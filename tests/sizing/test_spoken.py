"""What people type: words round the units, names in several words, methods by any of their names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizing import SizingError, parse

MEANT = {
    "10 billion parameters, 2 lora adapters 128 MB each, 4-bit": "10b 2x128MB qlora4",
    "Llama 3.1 8B 2x128MB qlora4": "llama-3.1-8b 2x128MB qlora4",
    "llama3.1:8b": "llama-3.1-8b none lora",
    "10b 2*128mb q4": "10b 2x128MB qlora4",
    "10b with 2 128MB adapters in 4 bit": "10b 2x128MB qlora4",
    "10b 2 adapters of 128 MB gptq-8bit": "10b 2x128MB qlora8",
    "a 10B-parameter model with 4 adapters of 64 MB each in 8-bit precision": "10b 4x64MB qlora8",
    "model 7.5 bn params and 3 adapters at 64MB, int4": "7.5b 3x64MB qlora4",
    "10b, 2x128MB, qlora4": "10b 2x128MB qlora4",
    "10b,2x128MB,qlora4": "10b 2x128MB qlora4",
    "10b 2 adapters of 128MB and 1 of 64MB": "10b 2x128MB+1x64MB lora",
    "10b 1 adapter of 128MB and 64MB": "10b 1x128MB+1x64MB lora",
    "10b 128MB x2 each": "10b 2x128MB lora",
    "10b 128MB adapter": "10b 1x128MB lora",
    "10b lora adapters 2x128MB qlora4": "10b 2x128MB qlora4",
    "10b 2 qlora8 adapters of 128MB": "10b 2x128MB qlora8",
    "10b no adapters": "10b none lora",
    "10b 0 adapters 16 bit": "10b none lora",
    "10b 4-bit QLoRA": "10b none qlora4",
    "10b qlora in 8 bits": "10b none qlora8",
    "10b gptq int4": "10b none qlora4",
    "10b lora bf16": "10b none lora",
    "Granite 3.3 8B Instruct, 2 adapters of r16, int8": "granite-3.3-8b 2x94.375MB qlora8",
    "ibm granite 3.3 8b 3 r16:qv adapters": "granite-3.3-8b 3x16.25MB lora",
    "Mistral 7B Instruct v0.3 2x128MB": "mistral-7b-v0.3 2x128MB lora",
    "mixtral 8x7b fp8": "mixtral-8x7b none qlora8",
    "Qwen 2.5 7B instruct 4 adapters 64MB q8": "qwen2.5-7b 4x64MB qlora8",
    "phi 4 2x128MB": "phi-4 2x128MB lora",
    "mistral large 2 adapters of 128MB": "mistral-large-2 2x128MB lora",  # the 2 counts adapters
    "gpt oss 20b qlora4": "gpt-oss-20b none qlora4",
    "Gemma_2_9B_it 1 128MB adapter": "gemma-2-9b 1x128MB lora",
    "qwen3-30b-a3b 2x128MB": "qwen3-30b-a3b 2x128MB lora",
}

REFUSED = [
    ("30b-a3b 2x128MB", "E10", (0, 7)),
    ("8x7bx2 lora", "E10", (0, 6)),
    ("10b 2 128MB lora", "E04", (4, 5)),
    ("10b 2 adapters", "E04", (4, 5)),
    ("10b with adapters", "E04", (9, 17)),
    ("10b 128MB adapters", "E04", (10, 18)),
    ("10b 128MB each", "E04", (10, 14)),
    ("10b 2 adapters of 128MB and 64MB", "E04", (4, 23)),
    ("10b int8 8bit", "E05", (9, 13)),
    ("10b lora lora", "E05", (9, 13)),
    ("10b 2x128MB,", "E02", (11, 12)),
    (",10b", "E02", (0, 1)),
    ("10b, + 2x128MB", "E02", (5, 6)),
    ("phi 4 128MB", "E16", (0, 3)),  # 4 adapters, or Phi-4
    ("Granite 8B lora", "E16", (0, 10)),
    ("10b 3 bits", "E14", (4, 10)),
]


@pytest.mark.parametrize(("text", "canonical"), MEANT.items())
def test_what_people_type_is_understood(text, canonical):
    """Where only one reading exists it is taken, and its canonical text is read back as the same."""
    assert parse(text).canonical == canonical
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(("text", "code", "span"), REFUSED)
def test_what_has_no_one_reading_is_refused(text, code, span):
    """The code and the characters of the text as typed, and a whole request that can be sized."""
    with pytest.raises(SizingError) as refused:
        parse(text)
    assert (refused.value.code, refused.value.span) == (code, span)
    parse(refused.value.suggestion or refused.value.example)


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        (
            "10b 2 adapters of 128MB and 64MB qlora4",
            ["10b 2x128MB+1x64MB qlora4", "10b 1x128MB+1x64MB qlora4"],
        ),
        ("10b 3 adapters 128MB + 64MB", ["10b 3x128MB+1x64MB lora", "10b 3x128MB+3x64MB lora"]),
        ("10b lora 4bit", ["10b none lora", "10b none qlora4"]),
        ("10b llama-3.1-8b lora", ["llama-3.1-8b none lora", "10b none lora"]),
        (
            "granite-8b 2x128MB",
            ["granite-3.1-8b 2x128MB lora", "granite-3.3-8b 2x128MB lora", "granite-8b-code 2x128MB lora"],
        ),
        ("qwen 9b", ["qwen3-8b none lora", "qwen2.5-7b none lora", "qwen2.5-14b none lora"]),
        (
            "bloomz-176b",
            ["falcon-180b none lora", "mixtral-8x22b-instruct none lora", "mixtral-8x22b none lora"],
        ),
    ],
)
def test_several_readings_are_all_offered(text, candidates):
    """Both readings, or the three nearest models, each as a whole request; in JSON too."""
    with pytest.raises(SizingError) as refused:
        parse(text)
    assert [parse(candidate).canonical for candidate in refused.value.candidates] == candidates
    assert refused.value.to_json()["candidates"] == list(refused.value.candidates)


def test_an_error_with_one_way_out_has_no_candidates():
    """The JSON key is there only where there is a choice."""
    with pytest.raises(SizingError) as refused:
        parse("10b 2x128MB qlroa4")
    assert "candidates" not in refused.value.to_json()


MODELS = {
    "10b": [
        "10b",
        "10 B",
        "10bn",
        "10 billion",
        "10 billion parameters",
        "10B params",
        "model 10b",
        "10b model",
    ],
    "llama-3.1-8b": [
        "llama-3.1-8b",
        "Llama 3.1 8B",
        "llama3.1:8b",
        "meta-llama/Llama-3.1-8B-Instruct",
        "Meta Llama 3.1 8B Instruct",
        "LLAMA_3.1_8B",
    ],
    "gemma-2-9b": ["gemma-2-9b-it", "Gemma 2 9B", "gemma2:9b", "google/gemma-2-9b"],
}
METHODS = {
    "qlora4": ["qlora4", "4bit", "4-bit", "in 4 bit", "4 bits", "int4", "nf4", "q4", "awq", "gptq", "GPTQ-Int4"],
    "qlora8": ["qlora8", "8bit", "int8", "q8", "in 8-bit precision", "gptq-8bit", "qlora 8bit", "8-bit QLoRA"],
    "lora": ["lora", "fp16", "bf16", "16bit", "at 16 bit", "lora fp16"],
}  # fmt: skip
ADAPTERS = [
    "{n}x{s}MB",
    "{n} x {s} MB",
    "{n} × {s}MB",
    "{n}*{s}mb",
    "{s}MB x{n}",
    "{n} adapters of {s} MB",
    "{n} adapters of {s}MB each",
    "{n} lora adapters {s} MB each",
    "{n} {s}MB adapters",
    "{n} {s} MB lora adapters",
    "with {n} adapters at {s}MB",
    "{n} of {s}MB",
    "adapters {n}x{s}MB",
]
spellings = st.tuples(
    st.sampled_from([(meant, typed) for meant, several in MODELS.items() for typed in several]),
    st.tuples(st.sampled_from(ADAPTERS), st.integers(2, 99), st.integers(1, 999)),
    st.sampled_from([(meant, typed) for meant, several in METHODS.items() for typed in several]),
    st.permutations(range(3)),
    st.sampled_from([" ", ", ", " with ", " and "]),
)


@given(spellings)
def test_every_spelling_is_one_request(spelling):
    """Any spelling of a part, in any order, is the same request, and reads back from its canonical text."""
    (model, typed_model), (form, count, size), (method, typed_method), order, joint = spelling
    parts = [typed_model, form.format(n=count, s=size), typed_method]
    text = joint.join(parts[place] for place in order)
    request = parse(text)
    assert request.canonical == f"{model} {count}x{size}MB {method}"
    assert parse(request.canonical) == request


def test_places_count_the_characters_of_the_text_as_given():
    """Also behind words that are left out and names of several words."""
    text = "Llama 3.1 8B with 2 × 128\u00a0MB each, “qlroa4”"
    with pytest.raises(SizingError) as refused:
        parse(text)
    start, end = refused.value.span
    assert text[start:end] == "qlroa4"
    assert re.fullmatch(r" +~+\^", refused.value.picture().split("\n")[1])

"""The grammar and the advice at their edges: joiners, long words, widths, GPU counts, and what JSON never holds."""

import json

import pytest
from pydantic import ValidationError

from sizing import SizingError, advise, canonical_json, digest, parse, result_json, size
from sizing.payload import Cpu, HardwareSpec, Mem

STRAY_JOINERS = [
    ("+ 10b 2x128MB", "before", (0, 1), "10b 2x128MB", None),
    (", 10b", "before", (0, 1), "10b", None),
    ("& 2x128MB 10b", "before", (0, 1), "2x128MB 10b", None),
    ("+10b", "before", (0, 1), "10b", None),
    ("10b + 2x128MB", "before", (4, 5), "10b 2x128MB", None),
    ("10b&amp;2x128MB", "before", (3, 8), "10b 2x128MB", None),
    ("10b lora + 2x128MB", "before", (9, 10), "10b lora 2x128MB", None),
    ("10b +", "before", (4, 5), "10b", None),
    ("10b 2x128MB + lora", "after", (12, 13), "10b 2x128MB lora", None),
    ("10b 2x128MB +1x64MB + lora", "after", (20, 21), "10b 2x128MB +1x64MB lora", None),
    ("10b 2x128MB ,", "after", (12, 13), "10b 2x128MB", None),
    ("+", "before", (0, 1), None, "10b"),
    ("&amp;", "before", (0, 5), None, "10b"),
    ("+ +", "before", (0, 1), None, "10b"),
]


@pytest.mark.parametrize(("text", "where", "span", "suggestion", "example"), STRAY_JOINERS)
def test_a_joiner_stands_between_two_groups(text, where, span, suggestion, example):
    """Anywhere else it is named as it was typed, with the side on which the group is missing."""
    with pytest.raises(SizingError) as refused:
        parse(text)
    error = refused.value
    typed = text[slice(*span)]
    role = "stands between two parts of a request" if typed == "," else "joins adapter groups"
    assert error.message == f"“{typed}” {role}; there is none {where} it."
    assert (error.code, error.span) == ("E02", span)
    assert (error.suggestion, error.example) == (suggestion, example)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1 million none lora", "1m none lora"),
        ("500million 2x1MB lora", "500m 2x1MB lora"),
        ("1000 MILLION none lora", "1b none lora"),
        ("1.5 billion none lora", "1.5b none lora"),
        ("10 trillion none lora", "10t none lora"),
        ("2 m none lora", "2m none lora"),
        ("2bn none lora", "2b none lora"),
        ("2 t none lora", "2t none lora"),
    ],
)
def test_a_scale_may_be_written_out(text, canonical):
    """`million`, `billion` and `trillion` are the scales that their letters are."""
    assert parse(text).canonical == canonical


@pytest.mark.parametrize("text", ["0.5 million", "999999.9999m2", "10.000001 trillion"])
def test_a_written_scale_has_the_same_limits(text):
    """One million is the smallest model and ten trillion the largest, however they are written."""
    with pytest.raises(SizingError):
        parse(text)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("gptq4", "qlora4"),
        ("gptq8", "qlora8"),
        ("gptq-8", "qlora8"),
        ("awq4", "qlora4"),
        ("awq_8bit", "qlora8"),
        ("gptqq", "gptq"),
        ("gtpq", "gptq"),
    ],
)
def test_a_width_that_was_typed_is_kept(word, meant):
    """`gptq8` is 8-bit: offering `gptq`, which is read as 4-bit, would halve the request unasked."""
    with pytest.raises(SizingError) as refused:
        parse(f"10b none {word}")
    assert refused.value.suggestion == f"10b none {meant}"
    assert refused.value.message == f"I don't know “{word}”. Did you mean {meant}?"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("llama-3.1-8b-awq 2x128MB", "llama-3.1-8b qlora4 2x128MB"),
        ("llama-3.1-8b-awq 2x128MB qlora4", "llama-3.1-8b 2x128MB qlora4"),
        ("in 4 bit llama-3.1-8b-awq", "in 4 bit llama-3.1-8b"),
        ("llama-3.1-8b-awq rank=16", "llama-3.1-8b qlora4 r16"),
        ("llama-3.1-8b r=16:qv", "llama-3.1-8b r16:qv"),
        ("llama-3.1-8b 2x128MB rank=16", "llama-3.1-8b 2x128MB"),
    ],
)
def test_a_fix_keeps_what_was_typed(text, meant):
    """The method wherever it stands, and the adapter that a rank asks for unless its size was typed."""
    with pytest.raises(SizingError) as refused:
        parse(text)
    assert refused.value.suggestion == meant


def test_a_width_without_a_row_is_no_gptq():
    """3-bit is in no row, whatever the technique is called."""
    with pytest.raises(SizingError) as refused:
        parse("10b none gptq3")
    assert (refused.value.code, refused.value.suggestion) == ("E14", "10b none qlora4")


@pytest.mark.parametrize("word", ["gptq", "awq", "qlora"])
def test_a_technique_of_several_widths_is_four_bit_and_says_so(word):
    """Read as 4-bit, with an assumption and a warning that name the word."""
    request = parse(f"10b none {word}")
    assert (request.method, request.method_word) == ("qlora4", word)
    assert request.assumptions == (f"{word} -> assumed 4-bit",)
    (warning,) = advise(request, size(request)).warnings
    assert tuple(warning) == ("W4", f"“{word}” comes in more than one width: 4-bit is assumed.")


START = "Tensor parallelism usually cannot start on {} GPUs; "
NEXT = START + "the next valid count is {}."
NONE_NEXT = START + "the next is more than one 8-GPU node."
NODE = "{} GPUs are more than one 8-GPU node."

COUNTS = [
    ("26.666666666b", 1, None, []),
    ("53b", 2, None, []),
    ("80b", 3, 4, [("W1", NEXT.format(3, 4))]),
    ("106b", 4, None, []),
    ("133b", 5, 8, [("W1", NEXT.format(5, 8))]),
    ("134b", 6, 8, [("W1", NEXT.format(6, 8))]),
    ("186b", 7, 8, [("W1", NEXT.format(7, 8))]),
    ("213.333333333b", 8, None, []),
    ("213.333333334b", 9, None, [("W1", NONE_NEXT.format(9)), ("W2", NODE.format(9))]),
    ("425b", 16, None, [("W1", NONE_NEXT.format(16)), ("W2", NODE.format(16))]),
]  # fmt: skip


@pytest.mark.parametrize(("model", "gpus", "following", "said"), COUNTS)
def test_which_gpu_counts_are_warned_about(model, gpus, following, said):
    """1, 2, 4 and 8 start and fit a node; 3 and 5 to 7 have a next; more than 8 have none and need a second node."""
    request = parse(f"{model} none lora")
    needs = size(request)
    advice = advise(request, needs)
    assert needs.num_gpus == gpus
    assert advice.next_valid_gpus == following
    assert [tuple(warning) for warning in advice.warnings] == said


@pytest.mark.parametrize("units", ["0", "01", "-1", "+2", "2.0", "2 ", " 2", "2\n", "", "two", "٢"])
def test_a_number_of_cpus_is_a_whole_number_in_text(units):
    """No zero before it, no sign, no space, no line end, and only the digits 0 to 9."""
    with pytest.raises(ValidationError):
        Cpu(units=units)


@pytest.mark.parametrize(
    "memory", ["0Gi", "08Gi", "8", "8GiB", "8gi", "8.5Gi", "Gi", "8Gi\n", " 8Gi", "-8Gi", "٢Gi"]
)
def test_an_amount_of_memory_is_a_whole_number_of_gibibytes(memory):
    """As the API's sample writes it, and nothing else."""
    with pytest.raises(ValidationError):
        Mem(size=memory)


def test_the_largest_numbers_are_taken():
    """More digits than any deployment has are still the API's form."""
    assert (Cpu(units="10").units, Mem(size="1024Gi").size) == ("10", "1024Gi")


NODES = {"cpu": {"units": "2"}, "mem": {"size": "8Gi"}, "gpu": {"num_gpu": 1}}


@pytest.mark.parametrize("name", ["a", "A-b_9", "x" * 64])
def test_a_name_that_every_service_takes(name):
    """One to 64 letters, digits, hyphens and underscores."""
    spec = {"name": name, "description": "", "nodes": NODES}
    assert HardwareSpec.model_validate(spec).body() == spec


@pytest.mark.parametrize("name", ["", "x" * 65, "a.b", "a/b", "é", "a b", "a\n", "a="])
def test_a_name_that_some_service_refuses(name):
    """Anything else is refused here, before it is approved."""
    with pytest.raises(ValidationError):
        HardwareSpec.model_validate({"name": name, "description": "", "nodes": NODES})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_never_written_as_json(number):
    """`NaN` and `Infinity` are no JSON: nothing with them is sent or fingerprinted."""
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"num_gpu": number})
    with pytest.raises(ValueError, match="JSON"):
        digest({"num_gpu": number}, "https://a", "s")


@pytest.mark.parametrize("text", ["nanb", "inf b", "1e999b", "infinityMB", "nan x 128MB", "10b naNx1MB"])
def test_no_answer_holds_what_is_no_number(text):
    """Words that Python reads as such numbers are refused like any other, and the answer is JSON."""
    answer = result_json(text)
    assert set(answer) == {"error"}
    json.dumps(answer, allow_nan=False)

"""The values of the engine: what was computed or approved is not changed afterwards, and nothing is added to it."""

import pytest
from pydantic import ValidationError

from sizing import SizingError, advise, parse, size, spec_for
from sizing.formula import Breakdown
from sizing.methods import METHODS

REQUEST = parse("80b 2x128MB lora")
NEEDS = size(REQUEST)
SPEC = spec_for(REQUEST, NEEDS)
VALUES = [REQUEST, NEEDS, SPEC, SPEC.nodes, SPEC.nodes.cpu, SPEC.nodes.mem, SPEC.nodes.gpu]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_not_changed(value):
    """Every field of every value refuses another content."""
    for name in type(value).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(value, name, getattr(value, name))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_nothing_is_added_to_a_value(value):
    """A field that nobody knows is refused, not dropped."""
    content = dict(value)
    assert type(value).model_validate(content) == value
    with pytest.raises(ValidationError, match="more"):
        type(value).model_validate({**content, "more": 1})


def test_a_breakdown_in_full():
    """Ticks and whole numbers, worked out by hand: 80 × 2 + 2 × 0.125 GB, and a half of it more, is 240.375 GB."""
    gb = 2**37 * 5**9  # ticks
    assert (
        Breakdown(
            request=REQUEST,
            base_ticks=160 * gb,
            adapter_ticks=gb // 4,
            raw_ticks=240 * gb + 3 * gb // 8,
            gpu_memory_gb=241,
            num_gpus=4,
            num_cpus=5,
            cpu_memory_gb=241,
        )
        == NEEDS
    )
    assert NEEDS.formula == "(80 × 2 + 2 × 128/1024) × 1.5 = 240.375"


def test_the_formula_writes_each_unit_as_gigabytes():
    """GB as they are, MB by 1024, KB by 1024 times 1024."""
    needs = size(parse("10b 2x1.5GB 1x128MB 3x512KB lora"))
    assert needs.formula == "(10 × 2 + 2 × 1.5 + 1 × 128/1024 + 3 × 512/1048576) × 1.5 = 34.689697265625"


def test_gpus_chosen_by_hand_have_limits():
    """From the computed number to 64; the range is told."""
    assert spec_for(REQUEST, NEEDS, 4).body() == spec_for(REQUEST, NEEDS).body()
    assert spec_for(REQUEST, NEEDS, 5).body()["nodes"]["gpu"] == {"num_gpu": 5}
    assert spec_for(REQUEST, NEEDS, 64).body()["nodes"] == {
        "cpu": {"units": "65"},
        "mem": {"size": "241Gi"},
        "gpu": {"num_gpu": 64},
    }
    for wrong in (3, 65):
        with pytest.raises(ValueError, match=rf"^use_gpus={wrong} is not 4 to 64$"):
            spec_for(REQUEST, NEEDS, wrong)


def test_more_gpus_than_the_limit_may_be_computed():
    """The limit is for people; the formula's own number stands, whatever it is."""
    request = parse("3t none lora")
    needs = size(request)
    assert needs.num_gpus == 113
    assert spec_for(request, needs, 113) == spec_for(request, needs)


def test_a_long_text_is_shown_around_its_fault():
    """At most sixty characters before the fault, and eighty from where they begin, with the mark under the fault."""
    text = "x" * 61 + " 10b " + "2x128MB " * 3 + "foo " + "y" * 100
    error = SizingError("E03", "No.", source=text, span=(90, 93))
    assert error.picture() == f"{text[30:113]}\n{' ' * 60}~~^"
    at_the_end = SizingError("E01", "No.", source="lora", span=(4, 5))
    assert at_the_end.picture() == "lora\n    ^"
    whole = SizingError("E17", "No.", source="z" * 300, span=(0, 300))
    assert whole.picture() == f"{'z' * 80}\n{'~' * 79}^"
    control = SizingError("E02", "No.", source="10b \x00\n lora", span=(4, 6))
    assert control.picture() == "10b �� lora\n    ~^"


def test_the_largest_base_below_a_billion_is_told_in_millions():
    """Cut, never rounded up: (2 × 8 - 3 × 5) / (3 × 2) billion parameters fit beside one adapter of 5 GB."""
    request = parse("1m 1x5GB lora gpu=8")
    advice = advise(request, size(request))
    assert (advice.largest_base_params, advice.largest_base) == (166_666_666, "166.6m")
    request = parse("1b none lora gpu=8")
    assert advise(request, size(request)).largest_base == "2.6b"


def test_methods_have_titles():
    """As the card and the form show them."""
    assert [row.title for row in METHODS.values()] == ["LoRA, 16-bit", "QLoRA, 8-bit", "QLoRA, 4-bit"]

"""Requests, breakdowns and specs are values: complete, unchangeable, and strangers to fields that nobody defined."""

import pytest
from pydantic import ValidationError

from sizing import parse, size, spec_for

REQUEST = parse("10b 2x128MB qlora4")
NEEDS = size(REQUEST)
SPEC = spec_for(REQUEST, NEEDS)
VALUES = [REQUEST, NEEDS, SPEC, SPEC.nodes, SPEC.nodes.cpu, SPEC.nodes.mem, SPEC.nodes.gpu]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_stays_as_it_is(value):
    """No field can be set once it is made: what was approved is what is sent."""
    for name in type(value).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(value, name, getattr(value, name))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_knows_its_fields_alone(value):
    """A field too many is refused by name, not dropped."""
    with pytest.raises(ValidationError, match=r"surplus\n\s+Extra inputs are not permitted"):
        type(value)(**dict(value), surplus=1)

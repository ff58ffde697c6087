"""Requests, breakdowns and specs are values: complete, unchangeable, and strangers to fields that nobody defined."""

import pytest
from pydantic import BaseModel, ValidationError

from sizing import parse, size, spec_for


def values() -> list[BaseModel]:
    request = parse("10b 2x128MB qlora4")
    needs = size(request)
    spec = spec_for(request, needs)
    return [request, needs, spec, spec.nodes, spec.nodes.cpu, spec.nodes.mem, spec.nodes.gpu]


def test_a_value_stays_as_it_is() -> None:
    """No field can be set once it is made: what was approved is what is sent."""
    for value in values():
        for name in type(value).model_fields:
            with pytest.raises(ValidationError, match="frozen"):
                setattr(value, name, getattr(value, name))


def test_a_value_knows_its_fields_alone() -> None:
    """A field too many is refused by name, not dropped."""
    for value in values():
        with pytest.raises(ValidationError, match=r"surplus\n\s+Extra inputs are not permitted"):
            type(value)(**dict(value), surplus=1)

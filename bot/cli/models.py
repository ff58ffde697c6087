"""``peftsize models``: the model table, and which model a name means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.cli.output import say_json, table
from bot.errors import Refused
from sizing import models
from sizing.parsing import nearest
from sizing.units import decimal_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLUMNS = ("name", "billions", "counted", "IBM LoRA", "IBM QLoRA", "Hugging Face")


def listing(words: Sequence[str], *, as_json: bool) -> None:
    """Print the models that a text names, or all.

    Args:
        words: A model's name as people paste it, or part of a name; empty for all.

    Raises:
        Refused: No model matches.
    """
    text = " ".join(words)
    rows = _rows(text)
    if as_json:
        say_json([_json(row) for row in rows])
        return
    if not rows:
        raise Refused("unknown_model", detail=", ".join(nearest.models_like(text[:80])))
    table(_COLUMNS, [_cells(row) for row in rows])


def _rows(text: str) -> list[models.BaseModel]:
    """Return the one model that a name means, else those whose name contains the text."""
    known = models.find(text) if text else None
    if known is not None:
        return [known]
    typed, reduced = text.lower().replace(" ", "-"), models.key(text)
    rows = models.table().values()
    matches = [row for row in rows if any(typed in name.lower() for name in row.names)]
    return matches or [row for row in rows if any(reduced in models.key(name) for name in row.names)]


def _cells(row: models.BaseModel) -> tuple[str, ...]:
    billions = decimal_text(row.params, 10**9)
    return (row.name, billions, row.params_are, row.lora, row.qlora, row.hub_id or "-")


def _json(row: models.BaseModel) -> dict[str, Any]:
    """Return a model with its layer shapes, None if only its name is known."""
    fields = {key: value for key, value in row._asdict().items() if key != "shapes"}
    fields["aliases"] = list(row.aliases)
    shapes = row.shapes
    fields["shapes"] = None if shapes is None else shapes._asdict()
    for part in ("mamba", "latent"):
        inner = getattr(shapes, part, None)
        if inner is not None:
            fields["shapes"][part] = inner._asdict()
    return fields

"""Drift: what differs between the live specs and our records, told hourly and never repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.approvals.request import State
from tests.support.bench import HOUR_MS, NODES, OTHER_NODES, Bench
from tests.support.team import NAME

if TYPE_CHECKING:
    from collections.abc import Callable


def sweep(bench: Bench) -> list[str]:
    """Let an hour pass, have live specs and records compared, and return what differs."""
    bench.advance(HOUR_MS)
    bench.periodic()
    with bench.product.store.read() as tx:
        return list(tx.noted("drift") or [])


def test_nothing_differs(bench: Bench) -> None:
    """Our spec as approved, predefined specs and other people's names are no drift."""
    bench.created()
    bench.add_spec(OTHER_NODES, "peft-global", space=None)
    bench.add_spec(OTHER_NODES, "team-a")
    assert sweep(bench) == []
    assert bench.slack.dms("ines") == []


def test_vanished(bench: Bench) -> None:
    """A spec that we created and that is gone; our record stays as it is."""
    made = bench.created()
    bench.cluster.api.remove(str(made.spec_id))
    (words,) = sweep(bench)
    assert words.startswith(f"{NAME} ({made.spec_id}) was created by {made.id} and is gone: ")
    assert bench.row(made) == made


def test_a_spec_that_we_deleted_has_not_vanished(bench: Bench) -> None:
    """Its request says deleted since."""
    deletion = bench.approved_deletion(bench.created())
    bench.run_due()
    assert bench.row(deletion).state is State.DELETED
    assert sweep(bench) == []


def test_a_deletion_under_way_is_no_second_record(bench: Bench) -> None:
    """A request to delete names the spec too, but did not create it."""
    made = bench.created()
    deletion = bench.approved_deletion(made)
    bench.cluster.faults.refused = 1
    bench.run_due()
    assert bench.row(deletion).state is State.FAILED
    bench.cluster.api.remove(str(made.spec_id))
    (words,) = sweep(bench)
    assert made.id in words


def changed(bench: Bench, **parts: Any) -> list[str]:
    """Have somebody change our spec, and return what differs."""
    made = bench.created()
    bench.change_spec(str(made.spec_id), **parts)
    found = sweep(bench)
    assert bench.row(made) == made
    assert bench.calls()[-1] == "list"
    return [words.replace(str(made.spec_id), "ID").replace(made.id, "R") for words in found]


def test_changed_hardware(bench: Bench) -> None:
    """Told, and neither repaired nor taken over."""
    (words,) = changed(bench, nodes={**NODES, "gpu": {"num_gpu": 8}})
    assert words.startswith(f"{NAME} (ID), created by R, is not what was approved any more: ")


def test_changed_name(bench: Bench) -> None:
    """The same hardware under another name is not what was approved either."""
    (words,) = changed(bench, name="peft-renamed")
    assert words.startswith(f"{NAME} (ID), created by R, is not what was approved any more: ")


def test_numbers_written_otherwise_are_no_change(bench: Bench) -> None:
    """Services answer units as text or as a number."""
    assert changed(bench, nodes={**NODES, "cpu": {"units": 2}}) == []


def test_a_stranger(bench: Bench) -> None:
    """A spec with our name pattern that no request of ours created."""
    spec_id = bench.add_spec(OTHER_NODES, "peft-by-hand")
    (words,) = sweep(bench)
    assert words.startswith(f"peft-by-hand ({spec_id}) has our name pattern but was not made by this bot: ")


def test_further_spaces_are_looked_at_too(new_bench: Callable[..., Bench]) -> None:
    """Each once, with its own records."""
    bench = new_bench(peftsize_spaces="prod=space-2")
    bench.cluster.api.add_space("space-2", "prod")
    first, second = bench.created(), bench.created("10b 2x128MB qlora4 space=prod")
    assert (first.space_id, second.space_id) == (bench.cluster.space_id, "space-2")
    before = len(bench.calls())
    assert sweep(bench) == []
    assert bench.calls()[before:] == ["list", "list"]
    bench.cluster.api.remove(str(second.spec_id))
    stranger = bench.add_spec(OTHER_NODES, "peft-a", space="space-2")
    found = sweep(bench)
    assert [words.split(" ")[1] for words in found] == [f"({stranger})", f"({second.spec_id})"]


def test_the_order_is_by_kind_and_name(bench: Bench) -> None:
    """So that two sweeps read alike."""
    made = [bench.created(text) for text in ("10b qlora4", "7b qlora4", "8b qlora4")]
    for request in made[:2]:
        bench.cluster.api.remove(str(request.spec_id))
    bench.change_spec(str(made[2].spec_id), nodes=OTHER_NODES)
    for name in ("peft-z", "peft-a"):
        bench.add_spec(OTHER_NODES, name)
    assert [words.split(" ")[0] for words in sweep(bench)] == [
        made[2].name,
        "peft-a",
        "peft-z",
        made[0].name,
        made[1].name,
    ]


def test_a_sweep_without_an_answer_tells_nothing(bench: Bench) -> None:
    """What was known stays known, and the next sweep looks again."""
    made = bench.created()
    bench.cluster.api.remove(str(made.spec_id))
    known = sweep(bench)
    bench.cluster.faults.broken = 1
    assert sweep(bench) == known
    assert sweep(bench) == known

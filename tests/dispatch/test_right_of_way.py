"""Deliveries go first, and due work is never starved by them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from bot.dispatch.right_of_way import PATIENCE_MS, RightOfWay
from bot.runtime.metrics import Metrics
from tests.support.workers import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.workers import Replica


@pytest.fixture
def given() -> Iterator[tuple[RightOfWay, threading.Thread]]:
    """A row that gives way to a delivery, in a thread of its own."""
    way = RightOfWay(step_s=30)
    with way.delivery():
        thread = threading.Thread(target=way.give_way, args=("outbox", 0))
        thread.start()
        yield way, thread
    thread.join(10)
    assert not thread.is_alive()


def test_a_row_goes_on_as_soon_as_no_delivery_is_under_way(
    given: tuple[RightOfWay, threading.Thread],
) -> None:
    """Not before the last of them is acknowledged; one that fails gives the way back, too."""
    way, thread = given

    def fails() -> None:
        with way.delivery():
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert way.is_taken
    assert thread.is_alive()


@pytest.mark.parametrize("lane", PATIENCE_MS)
def test_an_old_row_gives_way_no_more(lane: str) -> None:
    """The bound on how old a due row gets: with it reached, the call returns while a delivery is under way."""
    way = RightOfWay(step_s=30)
    with way.delivery():
        way.give_way(lane, PATIENCE_MS[lane])
    way.give_way(lane, 0)


def test_nothing_starves_while_deliveries_never_end(replica: Replica) -> None:
    """Every lane is worked on under a delivery that stays for ever, and the metric says how old its rows got."""
    with replica.store.write() as tx:
        tx.queues.receive("click-1", {})
        tx.queues.put("card:1", "card", due_at=tx.now - 3_000)
    metrics = Metrics(replica.store)
    assert _age(metrics, "outbox") >= 3.0
    assert _age(metrics, "requests") == 0.0
    with replica.worker.right_of_way.delivery():
        replica.dispatcher.start()
        wait_until(lambda: replica.service.decided and replica.announcer.had)
        wait_until(lambda: _age(metrics, "outbox") == 0.0 == _age(metrics, "inbox"))


def _age(metrics: Metrics, lane: str) -> float:
    start = f'peftsize_due_age_seconds{{lane="{lane}"}} '
    line = next(line for line in metrics.text().decode().splitlines() if line.startswith(start))
    return float(line.removeprefix(start))

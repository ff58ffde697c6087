"""Another policy comes into force: when what waits is looked at next, and what that costs Slack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.policy_file import Policy
from bot.workflow.new_policy import redraw_waiting
from tests.support.bench import HOUR_MS, MINUTE_MS, Bench
from tests.support.team import POLICY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.desk import Desk


def test_once_a_policy(desk: Desk) -> None:
    """Every card that Slack has, in the start that brings another policy, and in no start after that."""
    cards = [desk.carded(f"{size}b none qlora4").id for size in (5, 6)]
    desk.ask("7b none qlora4")  # its card is yet to be posted, and is drawn by the policy in force then
    desk.told()
    for approver in ("U0ADA", "U0BEN", "U0ADA"):
        desk.service.rules = Policy.model_validate({"defaults": {"approvers": [approver]}})
        assert [redraw_waiting(desk.service) for _ in range(2)] == [2, 0]
        assert [key for key, _ in desk.told()] == [f"card:{one}" for one in cards]


def test_a_new_stage_comes_in_its_time(new_bench: Callable[..., Bench]) -> None:
    """A request that waits is looked at when the new policy's escalation is due, not at the old one's reminder."""
    bench = new_bench()
    request = bench.ask()
    assert bench.due_at(request) == request.created_at + 4 * HOUR_MS
    bench.rules(POLICY + 'escalate = [{ after = "1h", to = ["S0APPROVE"] }]\n')
    bench.restart()
    assert redraw_waiting(bench.product.service) == 1
    assert bench.due_at(request) == request.created_at + HOUR_MS


def test_many_cards_wait_their_turn(either_bench: Bench) -> None:
    """Each is one message in the outbox that spends Slack's budget for edits; they are put there once a policy."""
    asked = [either_bench.ask(f"{size}b none qlora4") for size in (5, 6, 7, 8, 9)]
    either_bench.advance(MINUTE_MS)
    either_bench.run_due()  # the last cards waited for the channel's budget
    service = either_bench.product.service
    assert redraw_waiting(service, at_once=2) == 5
    assert redraw_waiting(service, at_once=2) == 0
    with either_bench.product.store.read() as tx:
        waiting = [tx.queues.message(f"card:{one.id}") for one in asked]
    assert {message.kind for message in waiting if message is not None} == {"card"}
    either_bench.run_due()
    assert len([call for call in either_bench.slack.calls if call.method == "chat.update"]) == 5

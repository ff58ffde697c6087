"""Workflow Builder's step: a request in a name that proves nothing, and how the step ends.

Only the execution's id is kept, never the event's token, so the step also ends after a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.approvals.policy import Person
from bot.approvals.request import State
from bot.slack.blocks import answers
from bot.slack.inbound import commands
from bot.slack.inbound.payload import delivery_key
from bot.workflow import outbox
from bot.workflow.ports import Ask
from sizing import SizingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.slack.inbound.context import ListenerContext


def begin(context: ListenerContext, body: Mapping[str, Any], origin: str) -> None:
    """Submit a workflow's request; an invalid one ends the step at once.

    Raises:
        StoreError: Nothing was stored.
    """
    event, inputs = body["event"], body["event"].get("inputs") or {}
    execution_id = str(event.get("function_execution_id") or "")[:64]
    if not execution_id:
        return
    requester = str(inputs.get("requester") or "")[:32]
    who = Person(str(body.get("team_id") or ""), requester, requester, body.get("enterprise_id") or None)
    text = str(inputs.get("request_text") or "")
    purpose = str(inputs.get("purpose") or "")
    ask = Ask(delivery_key(body), text, who, "", origin, execution_id=execution_id, purpose=purpose)
    try:
        outcome = context.service.submit(commands.placed(context, ask))
    except SizingError as error:
        end(context, execution_id, {"error": f"{error.message} {error.hint}"})
        return
    row = outcome.request
    if row is not None and row.execution_id == execution_id:
        return  # asked now, or the same event again
    if outcome.code == "existing" and row is not None and row.state is State.CREATED:
        end(context, execution_id, answers.step_result(row))
        return
    if (wrong := commands.problem(outcome)) is not None:
        end(context, execution_id, {"error": wrong})


def end(context: ListenerContext, execution_id: str, outcome: dict[str, Any]) -> None:
    """Let the worker complete the step, which it retries until Slack accepts it."""
    with context.service.store.write() as tx:
        outbox.step_without_request(tx, execution_id, outcome)

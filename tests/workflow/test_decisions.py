"""What each press is decided to do: a refusal with its fact, a new revision, a deletion, an end; and its audit row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from bot.approvals.policy_file import Policy
from bot.approvals.request import Kind, State
from bot.approvals.state_machine import Action
from bot.errors import Unavailable
from bot.store.attempts import Attempt
from bot.store.tables import outbox
from bot.workflow.ports import Deployment, Outcome, Source
from tests.support.desk import ADA, BEN, ROSA
from tests.support.rows import T0, transition

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request
    from bot.errors import SpecsError
    from tests.support.desk import Desk

TEXT, THREE = "10b 2x128MB qlora4", "80b none lora"
HOUR = 3_600_000


def private(desk: Desk, user_id: str) -> str | None:
    """Return which request the only private answer to somebody is about."""
    with desk.store.read() as tx:
        (row,) = tx.connection.execute(select(outbox).where(outbox.c.kind == "private"))
    assert json.loads(row.body)["user_id"] == user_id
    return row.request_id  # type: ignore[no-any-return] # a column


class Cluster:
    """Lists deployments of the spec ``spec-1``, or fails."""

    def __init__(self, *names: str, error: SpecsError | None = None) -> None:
        self.names, self.error = names, error

    def deployments(self, _space_id: str) -> tuple[Deployment, ...]:
        if self.error is not None:
            raise self.error
        return (
            Deployment("d-0", "other", "spec-0"),
            *(Deployment(f"d-{n}", n, "spec-1") for n in self.names),
        )


def created(desk: Desk, request: Request, **more: Any) -> Request:
    """Return a request whose spec exists."""
    with desk.store.write() as tx:
        done = transition(Action.FINISH, State.CREATED)
        assert tx.requests.move(request, done, tx.now, spec_id="spec-1", **more)
    return desk.row(request.id)


@pytest.mark.parametrize(
    ("action", "more", "code", "detail"),
    [
        ("edit", {"text": "10b 2x128MB qlora5"}, "unreadable", "qlora"),
        ("edit", {"text": '20b none lora for=""'}, "unreadable", "for="),
        ("edit", {"text": "20b none lora name=taken"}, "name_taken", "R0000002"),
        ("use_gpus", {}, "nothing_to_override", ""),
        ("use_existing", {}, "no_existing", ""),
        ("delete", {}, "wrong_state", "pending"),
        ("approve", {"revision": 2}, "stale_revision", "1"),
        ("approve", {"message_ts": "9.9"}, "foreign_message", ""),
    ],
)
def test_a_refusal_says_why(desk: Desk, action: str, more: dict[str, Any], code: str, detail: str) -> None:
    """With the fact that the sentence needs, in the answer and in the audit; the row stays as it is."""
    request = desk.carded(TEXT)
    desk.ask("7b none lora name=taken")
    who = ADA if action == "approve" else ROSA
    got = desk.press(who, action, request.id, **more)
    assert (got.code, got.request, detail in got.detail, bool(got.detail)) == (
        code,
        request,
        True,
        bool(detail),
    )
    event = desk.events()[-1]
    assert event["event"] == f"{action}.refused"
    assert event["reason"] == (f"{code}: {got.detail}" if detail else code)
    assert event["slack"]["message_ts"] == more.get("message_ts", "1.1")
    assert private(desk, event["actor"]["user_id"]) == request.id
    assert desk.row(request.id) == request


def test_a_request_that_does_not_exist(desk: Desk) -> None:
    """Refused with the id that the button named."""
    assert desk.press(ADA, "approve", "R9") == Outcome("unknown_request", None, "R9")
    assert desk.outcomes == [Outcome("unknown_request", None, "R9")]
    assert private(desk, "U0ADA") is None


def test_the_same_refusal_twice_is_told_once(desk: Desk) -> None:
    """Within a minute."""
    request = desk.carded(TEXT)
    for told in ([f"card:{request.id}", "private:k2"], []):
        assert desk.press(BEN, "approve", request.id).code == "not_an_approver"
        assert [key for key, _ in desk.told()] == told


def test_where_the_policy_asks_once_more(new_desk: Callable[..., Desk]) -> None:
    """Only the modal that repeats the row counts."""
    desk = new_desk(defaults={"approvers": ["U0ADA"], "confirm_from_gpus": 1})
    request = desk.carded(TEXT)
    assert desk.press(ADA, "approve", request.id).code == "confirm_first"
    assert desk.press(ADA, "approve", request.id, source=Source.MODAL).code == "done"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"text": "20b none lora"}, f"{TEXT} → 20b none lora"),
        ({"text": f"{TEXT} name=mine"}, f"{TEXT} → {TEXT} name=mine"),
        ({"text": None, "purpose": "eval"}, f"{TEXT} → {TEXT}, for: eval"),
        ({"text": '20b none lora for="eval"'}, f"{TEXT} → 20b none lora, for: eval"),
    ],
)
def test_an_edit(desk: Desk, more: dict[str, Any], reason: str) -> None:
    """Before and after, with the purpose where that changed; the author and the time are those of the press."""
    request = desk.carded(TEXT)
    desk.clock.ms += HOUR
    got = desk.press(ROSA, "edit", request.id, **more)
    assert got == Outcome("done", desk.row(request.id))
    row = desk.row(request.id)
    assert desk.events()[-1]["reason"] == reason
    assert (row.revision, row.author_id, row.asked_at) == (2, "U0ROSA", T0 + HOUR)
    assert (row.expires_at, row.quorum) == (T0 + 25 * HOUR, 1)
    assert row.purpose == ("eval" if "eval" in reason else None)


def test_an_edit_begins_anew(desk: Desk) -> None:
    """Whatever was noted of the revision before is gone: reminders, stages, an error, a spec that would serve it."""
    request = desk.carded(TEXT)
    with desk.store.write() as tx:
        noted = {"reminded": 2, "escalated_ms": 7, "error": "x", "existing_id": "s", "existing_name": "n"}
        tx.requests.note(request.id, **noted)
    desk.press(ROSA, "edit", request.id, text="20b none lora space=dev")
    row = desk.row(request.id)
    assert (row.reminded, row.escalated_ms, row.error, row.existing) == (0, None, None, None)
    assert (row.name, row.space_id, row.num_gpus, row.canonical) == (
        "peft-20b-lora-none",
        "space-1",
        1,
        "20b none lora space=dev",
    )


def test_an_edit_takes_a_purpose_away(desk: Desk) -> None:
    """Said in the audit and in the thread."""
    request = desk.carded(f'{TEXT} for="eval"')
    desk.press(ROSA, "edit", request.id, purpose="")
    assert desk.row(request.id).purpose is None
    assert desk.events()[-1]["reason"] == f"{TEXT}, for: eval → {TEXT}"
    (line,) = [body for key, body in desk.told() if key.startswith("thread:")]
    assert (line["purpose"], line["before"], line["after"]) == ("none", TEXT, TEXT)


def test_the_next_number_of_gpus(desk: Desk) -> None:
    """Three cannot be used in parallel, four can: a revision by hand, with its purpose."""
    request = desk.carded(f'{THREE} for="eval"')
    assert request.num_gpus == 3
    desk.press(ROSA, "use_gpus", request.id)
    row = desk.row(request.id)
    assert (row.num_gpus, row.use_gpus, row.purpose) == (4, 4, "eval")
    assert desk.events()[-1]["reason"] == f"{THREE} → {THREE}, 4 GPUs by hand"
    (line,) = [body for key, body in desk.told() if key.startswith("thread:")]
    assert (line["use_gpus"], line["purpose"], line["by"]) == (4, None, "U0ROSA")


def test_an_edit_voids_approvals(new_desk: Callable[..., Desk]) -> None:
    """Whoever gave one is told, but not of their own edit."""
    desk = new_desk(defaults={"approvers": ["U0ADA", "U0BEN"], "quorum": 3, "admins": ["U0ADA"]})
    request = desk.carded(TEXT)
    for who in (ADA, BEN):
        desk.press(who, "approve", request.id)
    desk.told()
    assert desk.press(ADA, "edit", request.id, text="20b none lora").code == "done"
    told = dict(desk.told())
    facts = {"before": TEXT, "after": "20b none lora", "purpose": None, "use_gpus": None, "spec_id": None}
    facts |= {"reason": None, "voided": 2, "by": "U0ADA"}
    assert told["private:voided:R0000001:4:U0BEN"] == {
        "user_id": "U0BEN",
        "channel_id": None,
        "code": "vote_voided",
        **facts,
    }
    assert told["thread:R0000001:4"] == {"code": "edited", **facts}
    assert "private:voided:R0000001:4:U0ADA" not in told


def test_a_deletion_is_asked_for(desk: Desk) -> None:
    """A request of its own in the name of who pressed, with the audit's words; a second one is told of the first."""
    made = created(desk, desk.carded(TEXT))
    desk.clock.ms += HOUR
    got = desk.press(ADA, "delete", made.id)
    assert got.code == "submitted"
    row = got.request
    assert row is not None
    assert (row.id, row.kind, row.state, row.spec_id) == ("R0000002", Kind.DELETE, State.PENDING, "spec-1")
    assert (row.requester_id, row.team_id, row.enterprise_id) == ("U0ADA", "T1", "E1")
    assert (row.channel_id, row.origin, row.created_at) == ("C1", "slack-http", T0 + HOUR)
    event = desk.events()[-1]
    assert (event["event"], event["request_id"], event["at"]) == ("requested", row.id, T0 + HOUR - 300)
    assert event["reason"] == f"delete {made.name} (spec-1), created by {made.id}"
    assert [key for key, _ in desk.told() if key.startswith("card:")] == [f"card:{row.id}"]
    again = desk.press(ROSA, "delete", made.id)
    assert (again.code, again.detail) == ("deletion_asked", row.id)


def test_a_denied_deletion_and_a_denied_edit(desk: Desk) -> None:
    """The policy is asked at the press."""
    made, waits = created(desk, desk.carded(TEXT)), desk.carded("7b none lora")
    desk.service.rules = Policy.model_validate({"rule": [{"deny": "Not this week."}]})
    for action, request in (("delete", made), ("edit", waits)):
        got = desk.press(ROSA, action, request.id, text="8b none lora")
        assert (got.code, got.detail) == ("denied", "Not this week.")


def test_giving_up_keeps_the_reason(desk: Desk) -> None:
    """Of the failure; who gave up and when are in the row."""
    desk.service.rules = Policy.model_validate({"defaults": {"approvers": ["U0BEN"], "admins": ["U0ADA"]}})
    request = desk.carded(TEXT)
    with desk.store.write() as tx:
        tx.attempts.begin(Attempt("a-1", request.id, 1, request.digest, T0, T0))
        assert tx.requests.move(request, transition(Action.FAIL, State.FAILED), tx.now, error="HTTP 403")
    assert desk.press(ADA, "give_up", request.id).code == "done"
    row = desk.row(request.id)
    assert (row.state, row.error, row.reserved) == (State.FAILED, "HTTP 403", False)
    with desk.store.read() as tx:
        attempt = tx.attempts.latest(request.id)
    assert attempt is not None
    assert attempt.outcome == "abandoned"


@pytest.mark.parametrize("action", ["reject", "cancel"])
def test_an_end_by_a_person(desk: Desk, action: str) -> None:
    """When it was pressed, by whom and why; nothing is due any more."""
    request = desk.carded(TEXT)
    with desk.store.write() as tx:
        tx.requests.note(request.id, tries=3)
    desk.clock.ms += HOUR
    got = desk.press(ADA if action == "reject" else ROSA, action, request.id, reason="Too large.")
    assert (got.code, desk.due_at(request.id)) == ("done", None)
    row = desk.row(request.id)
    assert (row.error, row.ended_at, row.tries) == ("Too large.", T0 + HOUR - 300, 0)
    assert row.ended_by == ("U0ADA" if action == "reject" else "U0ROSA")
    assert desk.events()[-1]["at"] == T0 + HOUR - 300


def test_a_vote_outlives_its_own_rejection(new_desk: Callable[..., Desk]) -> None:
    """Whoever approved and then rejects has done both."""
    desk = new_desk(defaults={"approvers": ["U0ADA", "U0BEN"], "quorum": 2})
    request = desk.carded(TEXT)
    desk.press(ADA, "approve", request.id)
    desk.press(ADA, "reject", request.id, reason="Too large.")
    row = desk.row(request.id)
    assert (row.state, [vote.user_id for vote in row.votes]) == (State.REJECTED, ["U0ADA"])


@pytest.mark.parametrize(("late_ms", "state"), [(0, State.APPROVED), (1, State.PENDING)])
def test_an_old_approval_no_longer_counts(new_desk: Callable[..., Desk], late_ms: int, state: State) -> None:
    """``approval_valid`` to the millisecond."""
    defaults = {"approvers": ["U0ADA", "U0BEN"], "quorum": 2, "approval_valid": "1h"}
    desk = new_desk(defaults=defaults)
    request = desk.carded(TEXT)
    desk.press(ADA, "approve", request.id)
    desk.clock.ms += HOUR + late_ms
    assert desk.press(BEN, "approve", request.id).code == "done"
    assert desk.row(request.id).state is state


def test_an_approval_is_carried_out_at_once(desk: Desk) -> None:
    """The row is due when it is decided, and the dispatcher hears of it; so it does of what is new."""
    request = desk.carded(TEXT)
    assert ("requests", request.id, desk.due_at(request.id)) in desk.dispatcher.woken
    desk.dispatcher.woken.clear()
    desk.clock.ms += HOUR
    assert desk.press(ADA, "approve", request.id).code == "done"
    assert desk.due_at(request.id) == T0 + HOUR
    assert ("requests", request.id, T0 + HOUR) in desk.dispatcher.woken
    made = created(desk, desk.row(request.id))
    deletion = desk.press(ROSA, "delete", made.id).request
    assert deletion is not None
    assert ("requests", deletion.id, T0 + HOUR) in desk.dispatcher.woken


def test_what_a_workflow_asked_for_stays_a_workflows(new_desk: Callable[..., Desk]) -> None:
    """An edit is ruled on as one, too; its step hears of the end, and of nothing before."""
    desk = new_desk(defaults={"approvers": ["U0ADA", "U0BEN"], "workflow": "quorum-of-two"})
    asked, person = desk.carded(TEXT, execution_id="Fx1"), desk.carded("7b none lora")
    assert (asked.quorum, asked.origin, person.quorum, person.origin) == (2, "workflow", 1, "slack-http")
    for request, quorum in ((asked, 2), (person, 1)):
        desk.press(ROSA, "edit", request.id, text=f"{request.text} name=mine-{quorum}")
        assert desk.row(request.id).quorum == quorum
        assert [key for key, _ in desk.told() if key.startswith("step:")] == []
        desk.press(ROSA, "cancel", request.id, revision=2)
        steps = [key for key, _ in desk.told() if key.startswith("step:")]
        assert steps == ([f"step:{request.id}"] if request is asked else [])


# --- a deletion, and who uses the spec


def test_a_spec_in_use_is_not_deleted(new_desk: Callable[..., Desk]) -> None:
    """The names are in the answer and in the audit."""
    desk = new_desk(specs=Cluster("chat", "batch"))
    made = created(desk, desk.carded(TEXT))
    got = desk.press(ROSA, "delete", made.id)
    assert (got.code, got.detail, len(desk.rows())) == ("in_use", "batch, chat", 1)


def test_a_deletion_where_nobody_can_know(new_desk: Callable[..., Desk]) -> None:
    """It is asked for; row and audit say that it is not known."""
    desk = new_desk(specs=Cluster(error=Unavailable("no answer")))
    made = created(desk, desk.carded(TEXT))
    got = desk.press(ROSA, "delete", made.id)
    words = "whether a deployment uses it is not known: no answer"
    assert got.request is not None
    assert (got.code, got.request.error) == ("submitted", words)
    assert desk.events()[-1]["reason"] == f"delete {made.name} (spec-1), created by {made.id}; {words}"


def test_a_spec_that_nobody_uses(new_desk: Callable[..., Desk]) -> None:
    """It is asked for, and there is nothing to note; what is no spec of ours is not asked about."""
    desk = new_desk(specs=Cluster())
    made = created(desk, desk.carded(TEXT))
    got = desk.press(ROSA, "delete", made.id)
    assert got.request is not None
    assert (got.code, got.request.error) == ("submitted", None)
    assert desk.events()[-1]["reason"] == f"delete {made.name} (spec-1), created by {made.id}"
    assert desk.press(ROSA, "delete", "R9").code == "unknown_request"

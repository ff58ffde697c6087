"""What is found just before the effect, each finding with its reason: the row, its seals, its story, its people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.approvals.policy_file import Policy
from bot.approvals.state_machine import Action
from bot.audit import checkpoint
from bot.audit.anchor import AnchorFile
from bot.audit.chain import Rest
from bot.audit.signing_key import SigningKey
from bot.errors import PeopleError
from bot.provisioning.approval import AskAgain, Finding, NotNow, Tampered, examine
from bot.provisioning.transitions import step
from tests.support.desk import ADA, BEN
from tests.support.owner import Owner
from tests.support.rows import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request
    from tests.support.desk import Desk

HOUR_MS = 3_600_000
FEW = "0 of 2 approvals count under the policy in force"
TWO = {"approvers": ["U0ADA", "U0BEN"], "quorum": 2}


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    """Two must approve, and their approval is good for an hour."""
    return new_desk(defaults=TWO | {"approval_valid": "1h"})


def approved(desk: Desk, **more: str) -> Request:
    """Return a request that two people approved."""
    request = desk.carded("10b 2x128MB qlora4", **more)
    for who in (ADA, BEN):
        assert desk.press(who, "approve", request.id).code == "done"
    return desk.row(request.id)


def found(desk: Desk, request: Request) -> Finding | None:
    """Examine the row as it is now."""
    row = desk.row(request.id)
    return examine(desk.service, row, desk.service.ruling_of(row))


def owner(desk: Desk) -> Owner:
    """Return somebody who writes the desk's database."""
    return Owner(Path(str(desk.store.database.engine.url.database)))


@pytest.mark.parametrize("more", [{}, {"execution_id": "Fx1"}])
def test_nothing_is_found(new_desk: Callable[..., Desk], more: dict[str, str]) -> None:
    """What two people approved is carried out, whoever asked: a person, or a workflow."""
    desk = new_desk(defaults=TWO | {"workflow": "allow"})
    assert found(desk, approved(desk, **more)) is None


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE requests SET requester_id = 'U0ZOE'", "its requester is not that in the audit"),
        ("UPDATE requests SET team_id = 'T9'", "its requester is not that in the audit"),
        ("UPDATE revisions SET author_id = 'U0ZOE'", "its author is not that in the audit"),
        ("UPDATE revisions SET digest = 'd'", "its digest is not that in the audit"),
        ("UPDATE revisions SET created_at = created_at - 1", "it was asked for later than it says"),
        ("UPDATE votes SET at = at - 1 WHERE user_id = 'U0ADA'", "the approval of U0ADA bears a false seal"),
        ("UPDATE requests SET state = 'failed'", "its state is not that in the audit"),
    ],
)
def test_a_row_that_was_written_by_hand(desk: Desk, statement: str, reason: str) -> None:
    """The first thing that differs from the audit is named."""
    request = approved(desk)
    assert owner(desk).write(statement)
    assert found(desk, request) == Tampered(reason)


def test_what_a_workflow_asked_for_stays_a_workflows(new_desk: Callable[..., Desk]) -> None:
    """A row that says otherwise was written by hand."""
    desk = new_desk(defaults=TWO | {"workflow": "allow"})
    request = approved(desk, execution_id="Fx1")
    assert owner(desk).write("UPDATE requests SET execution_id = NULL")
    assert found(desk, request) == Tampered("a workflow asked for it")


def test_an_approval_that_was_withdrawn(desk: Desk) -> None:
    """Put back by hand, it has a good seal, and the audit knows that it no longer stands."""
    request = desk.carded("10b 2x128MB qlora4")
    desk.press(ADA, "approve", request.id)
    (vote,) = owner(desk).rows("SELECT * FROM votes")
    desk.press(ADA, "withdraw", request.id)
    owner(desk).put("votes", vote)
    desk.press(BEN, "approve", request.id)
    assert found(desk, request) == Tampered("the approval of U0ADA was withdrawn, or never given")


@pytest.mark.parametrize(
    ("size", "finding"),
    [
        (1, None),
        (2, AskAgain("the audit has since begun a new origin, as after a restored backup")),
        (3, AskAgain("the audit has since begun a new origin, as after a restored backup")),
    ],
)
def test_a_new_origin_of_the_audit(desk: Desk, tmp_path: Path, size: int, finding: Finding | None) -> None:
    """Its first checkpoint has rows that another log may have had; a request whose first row is one is asked again."""
    desk.ask("7b none lora")
    request = approved(desk)  # its story begins with the second row
    desk.store.anchor = AnchorFile(tmp_path / "anchor")
    for origin, rows in (("log.example/1", 9), ("log.example/2", size)):
        desk.store.anchor.note_checkpoint(checkpoint.sign(origin, rows, bytes(32), KEY))
    assert found(desk, request) == finding


@pytest.mark.parametrize(
    ("seq", "finding"), [(1, None), (2, Tampered("row 2 of the audit was changed or removed"))]
)
def test_the_audit_is_read_from_the_requests_first_row(desk: Desk, seq: int, finding: Finding | None) -> None:
    """What was changed before it is for ``audit verify`` to find."""
    desk.ask("7b none lora")
    request = approved(desk)
    assert owner(desk).write("UPDATE audit SET reason = 'another' WHERE seq = ?", seq)
    assert found(desk, request) == finding


def test_an_anchor_that_cannot_be_written(desk: Desk, tmp_path: Path) -> None:
    """It waits, before anybody is looked up."""
    request = approved(desk)
    desk.store.anchor = AnchorFile(tmp_path)
    desk.people.live = False
    finding = found(desk, request)
    assert isinstance(finding, NotNow)
    assert finding.what.startswith("the anchor of the audit cannot be written (")
    assert (finding.retry_after_s, desk.people.live) == (None, False)


def test_what_was_sent_before(desk: Desk) -> None:
    """An attempt that nobody has let be repeated forbids another, in whatever state the row is."""
    request = approved(desk)
    with desk.store.write() as tx:
        sent = desk.service.write(tx, request, step(request, Action.START), Rest(attempt="a-1"))
        desk.service.write(tx, sent, step(sent, Action.RELEASE), Rest(attempt="a-2"))
    assert found(desk, request) == Tampered(
        "this revision was sent already, and nobody has let it be sent again"
    )


def test_an_approval_is_good_for_an_hour(desk: Desk) -> None:
    """To the millisecond, counted from the press."""
    request = approved(desk)
    desk.clock.ms = request.votes[0].at + HOUR_MS
    assert found(desk, request) is None
    desk.clock.ms += 1
    old = "given too long ago"
    assert found(desk, request) == AskAgain(
        f"{FEW} (U0ADA: {old}; U0BEN: {old})", f"{FEW} (Ada: {old}; Ben: {old})"
    )


def test_approvals_that_were_sealed_otherwise(desk: Desk) -> None:
    """With another key, or by a release that sealed nothing: they are given again."""
    request = approved(desk)
    owner(desk).write("UPDATE votes SET seal = NULL WHERE user_id = 'U0ADA'")
    desk.service.key = SigningKey(Ed25519PrivateKey.generate())
    assert found(desk, request) == AskAgain(
        f"{FEW} (U0ADA: given before approvals were sealed; U0BEN: sealed with another key)",
        f"{FEW} (Ada: given before approvals were sealed; Ben: sealed with another key)",
    )


@pytest.mark.parametrize(
    ("barred", "why"),
    [
        ("deleted", "the account is deactivated"),
        ("unknown_person", "Slack no longer knows the account"),
        ("foreign_team", "now belongs to another workspace"),
        ("guest", "is a guest by now"),
        ("bot", "can no longer decide"),
    ],
)
def test_who_may_no_longer_decide(desk: Desk, barred: str, why: str) -> None:
    """Looked up live; the audit names ids, the card names."""
    request = approved(desk)
    desk.people.barred = barred
    assert found(desk, request) == AskAgain(
        f"{FEW} (U0ADA: {why}; U0BEN: {why})", f"{FEW} (Ada: {why}; Ben: {why})"
    )
    assert desk.people.live


def test_who_is_no_approver_any_more(new_desk: Callable[..., Desk]) -> None:
    """Of two who approved, the one who has left the group since."""
    desk = new_desk(defaults={"approvers": ["S0TEAM", "U0BEN"], "quorum": 2})
    request = desk.carded("10b 2x128MB qlora4")
    for who in (replace(ADA, groups=frozenset({"S0TEAM"})), BEN):
        desk.press(who, "approve", request.id)
    few, why = "1 of 2 approvals count under the policy in force", "no longer an approver"
    assert found(desk, request) == AskAgain(f"{few} (U0ADA: {why})", f"{few} (Ada: {why})")


@pytest.mark.parametrize("retry_after_s", [None, 17.0])
def test_while_slack_does_not_say(desk: Desk, retry_after_s: float | None) -> None:
    """It waits, as long as Slack asks."""
    request = approved(desk)
    desk.people.silent = PeopleError("users.info", "fatal", retry_after_s=retry_after_s)
    what = "Slack did not say whether those who approved still may (users.info: fatal)"
    assert found(desk, request) == NotNow(what, retry_after_s)


def test_too_few_without_a_doubt(desk: Desk) -> None:
    """A policy that asks for more than there are: there is nobody to name."""
    request = approved(desk)
    desk.service.rules = Policy.model_validate(
        {"defaults": {"approvers": ["U0ADA", "U0BEN", "U0INES"], "quorum": 3}}
    )
    assert found(desk, request) == AskAgain("2 of 3 approvals count under the policy in force")

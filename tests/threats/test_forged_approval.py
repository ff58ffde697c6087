"""The owner of the database forges, replays and rewrites: nothing is sent that nobody approved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bot.approvals.policy import Person
from bot.approvals.request import State
from bot.workflow.ports import Ask
from tests.support.owner import Owner
from tests.support.team import ADA, BEN, CHANNEL, POLICY, ROSA, TEXT, TWO
from tests.threats import owner_run
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request
    from tests.support.team import Team

THREAT = Threat(
    what="Ownership of the database: approvals and the audit",
    can={
        "have requests asked again or failed": "test_a_vote_without_a_seal_is_asked_again",
    },
    cannot={
        "approve": "test_a_vote_without_a_seal_is_asked_again",
        "use the seal of another request or person": "test_a_copied_seal_fails",
        "use an approval that was withdrawn": "test_a_withdrawn_vote_that_was_put_back_fails",
        "use an approval of an earlier revision": "test_an_earlier_revision_that_was_put_back_fails",
        "use an approval twice": "test_what_was_created_is_not_created_again",
        "press Retry": "test_a_failed_request_is_not_sent_again",
        "press a button by writing it down": "test_a_click_that_was_written_down_is_nobodys",
        "press a button again that somebody pressed": "test_a_click_that_was_decided_counts_once",
        "take away what the audit says": "test_a_rewritten_audit_fails",
        "have people approve their own requests": "test_another_requester_fails",
        "have anything else sent, whatever is written at random": "test_nothing_is_sent_that_nobody_approved",
    },
    do="restore the database, then run `peftsize audit verify`.",
)


@pytest.fixture
def team(new_team: Callable[..., Team]) -> Team:
    """Two people must approve."""
    return new_team(policy=TWO)


@pytest.fixture
def owner(team: Team) -> Owner:
    return Owner(team.folder / "team.db")


def approved(team: Team) -> Request:
    """Return a request that two people approved, and that waits for a cluster that is down."""
    team.break_cluster()
    request = team.ask()
    team.approve("ada", request)
    return team.approve("ben", request)


def go_on(team: Team) -> None:
    """Have the bot carry out what is due."""
    if team.cluster._http.stopping.is_set():
        team.cluster.come_back()
    team.later(120)


def failed(team: Team, request: Request, word: str, posts: int = 0) -> None:
    """Assert that a request failed as tampered, told to an admin, and that no more was sent."""
    assert (team.row(request).state, team.posts()) == (State.FAILED, posts), team.row(request).error
    assert word in team.last("tampered")["reason"]
    assert "was changed in the database" in team.words(team.slack.dms("ines")[-1])


def asked_again(team: Team, request: Request, word: str) -> None:
    """Assert that a request needs approval anew, that the card says why, and that nothing was sent."""
    row = team.row(request)
    assert (row.state, row.revision, row.votes, team.posts()) == (State.PENDING, request.revision + 1, (), 0)
    assert word in team.shows(request)


def vote(request: Request, user_id: str, **more: Any) -> dict[str, Any]:
    return {
        "request_id": request.id, "revision": request.revision, "team_id": request.team_id, "user_id": user_id,
        "name": "made up", "at": request.created_at, "via": json.dumps(["S0APPROVE"]),
    } | more  # fmt: skip


def test_sealed_approvals_are_carried_out(team: Team) -> None:
    """What two people approved is created once the cluster is back, although the owner looks on."""
    request = approved(team)
    go_on(team)
    assert (team.row(request).state, team.posts()) == (State.CREATED, 1)


def test_a_vote_without_a_seal_is_asked_again(team: Team, owner: Owner) -> None:
    """Forged votes and a forged state lead to the approvers, not to a POST."""
    request = team.ask()
    for who in (ADA, BEN):
        owner.put("votes", vote(request, who))
    owner.append(owner.story(request.id)[-1], event="approved", to_state="approved")
    owner.approve(request.id)
    go_on(team)
    asked_again(team, request, "given before approvals were sealed")


def test_a_copied_seal_fails(team: Team, owner: Owner) -> None:
    """A genuine seal under another request, or under another name, is a false one."""
    team.break_cluster()
    first, second = team.ask(), team.ask("7b none qlora4")
    for who in ("ada", "ben"):
        team.approve(who, first)
    team.approve("ada", second)
    (seal,) = owner.rows("SELECT seal FROM votes WHERE request_id = ? AND user_id = ?", first.id, BEN)
    owner.put("votes", vote(second, BEN, seal=seal["seal"]))
    owner.append(owner.story(second.id)[-1], event="approved", to_state="approved")
    owner.approve(second.id)
    go_on(team)
    assert team.row(first).state is State.CREATED
    failed(team, second, "bears a false seal", posts=1)


def test_a_withdrawn_vote_that_was_put_back_fails(team: Team, owner: Owner) -> None:
    """The seal is genuine; the audit knows that it was taken back."""
    team.break_cluster()
    request = team.ask()
    team.approve("ada", request)
    (kept,) = owner.rows("SELECT * FROM votes")
    team.click("ada", "withdraw", request)
    team.approve("ben", request)
    owner.put("votes", kept)
    owner.append(owner.story(request.id)[-1], event="approved", to_state="approved", from_state="pending")
    owner.approve(request.id)
    go_on(team)
    failed(team, request, f"the approval of {ADA} was withdrawn")


def test_an_earlier_revision_that_was_put_back_fails(team: Team, owner: Owner) -> None:
    """An edit voids approvals for good: the row cannot return to the revision that had them."""
    request = team.ask()
    team.approve("ada", request)
    (kept,) = owner.rows("SELECT * FROM votes")
    team.edit("rosa", request, "7b none qlora4")
    (before,) = owner.rows("SELECT * FROM revisions WHERE revision = 1")
    owner.put("votes", kept)
    owner.write(
        "UPDATE requests SET revision = 1, canonical = ?, name = ?", before["canonical"], before["name"]
    )
    team.break_cluster()
    team.approve("ben", team.row(request))
    owner.approve(request.id)
    go_on(team)
    assert (team.row(request).state, team.posts()) == (State.FAILED, 0)
    assert "its revision is not that in the audit" in team.last("tampered")["reason"]


def test_what_was_created_is_not_created_again(team: Team, owner: Owner) -> None:
    """The spec is deleted by hand and the row set back: the approval has been used."""
    request = team.ask()
    team.approve("ada", request)
    spec_id = team.approve("ben", request).spec_id
    team.cluster.api.remove(spec_id)
    owner.approve(request.id)
    go_on(team)
    failed(team, request, "its state is not that in the audit", posts=1)


def test_what_was_created_is_not_created_again_whatever_is_appended(team: Team, owner: Owner) -> None:
    """Rows that lead back to approved, chained as they should be, change nothing: they bear no seal."""
    request = team.ask()
    team.approve("ada", request)
    spec_id = team.approve("ben", request).spec_id
    team.cluster.api.remove(spec_id)
    rows = owner.story(request.id)
    sealed = next(row for row in rows if row["event"] == "approved")
    for event in ("released", "retried", "approved"):
        owner.append(rows[-1] | {"seal": sealed["seal"]}, event=event, to_state="approved")
    owner.approve(request.id)
    go_on(team)
    failed(team, request, "it had ended before", posts=1)


def refused(team: Team, request: Request) -> Request:
    """Return a request whose create the cluster refused."""
    team.cluster.faults.refused = 1
    team.approve("ada", request)
    failed_row = team.approve("ben", request)
    assert (failed_row.state, team.posts()) == (State.FAILED, 1)
    team.cluster.faults.clear()
    return failed_row


@pytest.mark.parametrize("event", ["retried", "released"])
def test_a_failed_request_is_not_sent_again(team: Team, owner: Owner, event: str) -> None:
    """Only a person's Retry lets a second POST be made, and it is sealed with the attempt that it releases."""
    request = refused(team, team.ask())
    rows = owner.story(request.id)
    sealed = next(row for row in rows if row["event"] == "approved")
    owner.append(rows[-1] | {"seal": sealed["seal"]}, event=event, to_state="approved")
    owner.approve(request.id)
    go_on(team)
    failed(team, request, "nobody has let it be sent again", posts=1)


def test_retry_lets_one_more_be_sent(team: Team, owner: Owner) -> None:
    """A person's Retry is sealed; copied below the next failure it lets nothing more be sent."""
    request = refused(team, team.ask())
    team.cluster.faults.refused = 1
    team.click("ines", "retry", request)
    assert (team.row(request).state, team.posts()) == (State.FAILED, 2)
    team.cluster.faults.clear()
    (retried,) = [row for row in owner.story(request.id) if row["event"] == "retried"]
    owner.append(retried)
    owner.approve(request.id)
    go_on(team)
    failed(team, request, "nobody has let it be sent again", posts=2)


@pytest.mark.parametrize("how", ["cut off", "changed", "rewritten", "hidden"])
def test_a_rewritten_audit_fails(team: Team, owner: Owner, how: str) -> None:
    """A withdrawal that is taken out of the audit is missed: the anchor knows the rows as they were."""
    team.break_cluster()
    request = team.ask()
    team.approve("ada", request)
    (kept,) = owner.rows("SELECT * FROM votes")
    team.click("ada", "withdraw", request)
    team.approve("ben", request)
    (row,) = [row for row in owner.story(request.id) if row["event"] == "withdrawn"]
    owner.put("votes", kept)
    match how:
        case "cut off":
            owner.rewrite(row["seq"], without=row["seq"])
        case "changed":
            owner.write("UPDATE audit SET event = 'details' WHERE seq = ?", row["seq"])
        case "rewritten":
            owner.rewrite(row["seq"], event="details")
        case "hidden":
            owner.write("UPDATE audit SET request_id = 'R0000000' WHERE seq = ?", row["seq"])
    owner.append(owner.story(request.id)[-1], event="approved", to_state="approved", from_state="pending")
    owner.approve(request.id)
    go_on(team)
    assert (team.row(request).state, team.posts()) == (State.FAILED, 0)
    assert "of the audit" in team.last("tampered")["reason"]


def test_a_story_that_begins_elsewhere_fails(team: Team, owner: Owner) -> None:
    """The first rows are hidden and told again later on, without the withdrawal: no seal is for that beginning."""
    team.break_cluster()
    request = team.ask()
    team.approve("ada", request)
    (kept,) = owner.rows("SELECT * FROM votes")
    team.click("ada", "withdraw", request)
    team.approve("ben", request)
    told = [row for row in owner.story(request.id) if row["event"] != "withdrawn"]
    owner.write("UPDATE audit SET request_id = 'R0000000' WHERE request_id = ?", request.id)
    owner.put("votes", kept)
    for row in told:
        owner.append(row)
    owner.append(told[-1], event="approved", to_state="approved", from_state="pending")
    owner.approve(request.id)
    go_on(team)
    failed(team, request, "was withdrawn, or never given")


def test_another_requester_fails(team: Team, owner: Owner) -> None:
    """Rosa approves what she asked for, after the row was made somebody else's: the audit knows who asked."""
    team.break_cluster()
    request = team.ask()
    owner.write("UPDATE requests SET requester_id = 'U0ZOE00001', requester_name = 'zoe'")
    owner.write("UPDATE revisions SET author_id = 'U0ZOE00001'")
    team.approve("rosa", request)
    team.approve("ada", request)
    go_on(team)
    failed(team, request, "its requester is not that in the audit")


def test_an_earlier_beginning_fails(team: Team, owner: Owner) -> None:
    """Escalations go by the time of asking, which the audit knows."""
    request = approved(team)
    owner.write("UPDATE requests SET created_at = created_at - 86400000")
    owner.write("UPDATE revisions SET created_at = created_at - 86400000")
    go_on(team)
    failed(team, request, "it was asked for later than it says")


def test_a_click_that_was_written_down_is_nobodys(team: Team, owner: Owner) -> None:
    """A row in the inbox that the bot did not store is refused, and the person is told to press again."""
    request = team.ask()
    body = {
        "key": "forged", "action": "approve", "request_id": request.id, "revision": 1, "team_id": request.team_id,
        "user_id": ADA, "name": "ada", "at": team.clock.now_ms(), "origin": "slack-http",
        "channel_id": team.slack.channel(CHANNEL).id, "message_ts": team.row(request).message_ts,
    }  # fmt: skip
    owner.put("inbox", {"key": "forged", "received_at": 1, "body": json.dumps(body), "due_at": 1})
    team.quiet()
    assert team.row(request).votes == ()
    assert team.last("approve.refused")["reason"] == "unsealed_click"
    assert "Press the button again" in team.heard("ada")[-1]


def spied_on(owner: Owner) -> Callable[[], list[dict[str, Any]]]:
    """Have every stored click copied before it is decided; return what reads the copies."""
    owner.write("CREATE TABLE kept AS SELECT * FROM inbox WHERE 0")
    owner.write(
        "CREATE TRIGGER spy AFTER INSERT ON inbox BEGIN "
        "INSERT INTO kept SELECT * FROM inbox WHERE key = NEW.key AND body LIKE '%\"mac\"%'; END"
    )
    return lambda: owner.rows("SELECT * FROM kept")


@pytest.mark.parametrize("changed", [{}, {"user_id": BEN}, {"key": "another"}])
def test_a_click_that_was_decided_counts_once(team: Team, owner: Owner, changed: dict[str, str]) -> None:
    """A genuine click that was put back after the vote was withdrawn is no new vote, nor is a changed one."""
    copies = spied_on(owner)
    team.break_cluster()
    request = team.ask()
    team.approve("ada", request)
    (click,) = copies()
    owner.write("DROP TRIGGER spy")
    team.click("ada", "withdraw", request)
    body = json.dumps(json.loads(click["body"]) | changed)
    owner.put(
        "inbox", click | {"key": changed.get("key", click["key"]), "body": body, "due_at": 1, "tries": 0}
    )
    team.quiet()
    team.approve("ben", request)
    go_on(team)
    assert (team.row(request).state is State.CREATED, team.posts()) == (False, 0)


def test_a_retry_that_was_decided_counts_once(team: Team, owner: Owner) -> None:
    """A genuine press on Retry, put back after the next failure, lets nothing more be sent."""
    copies = spied_on(owner)
    request = refused(team, team.ask())
    team.cluster.faults.refused = 1
    team.click("ines", "retry", request)
    assert (team.row(request).state, team.posts()) == (State.FAILED, 2)
    (click,) = [one for one in copies() if json.loads(one["body"])["action"] == "retry"]
    owner.put("inbox", click | {"due_at": 1, "tries": 0})
    team.later(120)
    failed(team, request, "nobody has let it be sent again", posts=2)


def test_a_workflow_stays_one(new_team: Callable[..., Team]) -> None:
    """What a workflow asked for is not made a person's request, for which the policy asks less."""
    team = new_team(policy=POLICY + 'workflow = "quorum-of-two"\n')
    owner = Owner(team.folder / "team.db")
    team.break_cluster()
    rosa = Person(team.slack.person("rosa").team_id, ROSA, "rosa")
    asked = Ask("w1", TEXT, rosa, team.slack.channel(CHANNEL).id, "slack-http", execution_id="Fx1")
    request = team.product.service.submit(asked).request
    assert request is not None
    team.quiet()
    owner.write("UPDATE requests SET execution_id = NULL, origin = 'slack-http'")
    team.approve("ada", request)
    go_on(team)
    failed(team, request, "a workflow asked for it")


@pytest.mark.heavy
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_sent_that_nobody_approved(seed: int) -> None:
    """Whatever is forged and replayed: 0 POSTs that nobody approved, and no changed audit is called whole.

    A sample; ``python -m tests.threats --owner 1000`` is the whole.
    """
    report = owner_run.run(36, seed)
    assert (report.unapproved, report.unseen) == ([], []), str(report)
    assert report.posts > 0, "too little was going on to prove anything"
    assert report.tampered > 0, str(report)


# --- who approved is looked up again


def deactivate(team: Team) -> None:
    team.slack.directory.change_person("ada", deleted=True)


def leave(team: Team) -> None:
    team.slack.directory.change_group("S0APPROVE", members=(BEN,))


def vanish(team: Team) -> None:
    del team.slack.directory.people[ADA]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (deactivate, "the account is deactivated"),
        (leave, "no longer an approver"),
        (vanish, "Slack no longer knows the account"),
    ],
)
def test_who_may_no_longer_approve_does_not_count(
    team: Team, change: Callable[[Team], None], word: str
) -> None:
    """Somebody who left between the approval and the POST: nothing is sent, and the card names whose it was."""
    request = approved(team)
    change(team)
    go_on(team)
    asked_again(team, request, f"ada: {word}")
    assert f"{ADA}: {word}" in team.last("revised")["reason"]


def test_silence_is_waited_for(team: Team) -> None:
    """While Slack does not say whether they may, nothing is sent and nothing is asked again; then it goes on."""
    request = approved(team)
    team.slack.faults.users_info_fails = True
    go_on(team)
    assert (team.row(request).state, team.posts()) == (State.APPROVED, 0)
    assert "Slack did not say whether those who approved still may" in team.shows(request)
    team.slack.faults.users_info_fails = False
    team.later(300)
    assert (team.row(request).state, team.posts()) == (State.CREATED, 1)


def test_an_old_approval_is_asked_again(new_team: Callable[..., Team]) -> None:
    """``approval_valid`` limits how long an approval counts, for the quorum and before the POST."""
    team = new_team(policy=TWO + 'approval_valid = "1h"\n')
    request = team.ask()
    team.approve("ada", request)
    team.later(3700)
    team.break_cluster()
    assert team.approve("ben", request).state is State.PENDING
    assert team.approve("ada", request).state is State.APPROVED
    team.later(3700)
    go_on(team)
    asked_again(team, request, "given too long ago")


def test_another_key_asks_again(team: Team) -> None:
    """After the key was changed or lost, what waits is asked again; what is approved from then on goes on."""
    request = approved(team)
    team.stop()
    (team.folder / "team.db.key").unlink()
    team.start()
    go_on(team)
    asked_again(team, request, "sealed with another key")
    for who in ("ada", "ben"):
        team.approve(who, request)
    assert (team.row(request).state, team.posts()) == (State.CREATED, 1)


def test_an_anchor_that_cannot_be_written_is_waited_for(team: Team) -> None:
    """What only the database would know of is not begun."""
    request = approved(team)
    anchor = team.folder / "team.db.anchor"
    kept = anchor.read_bytes()
    anchor.unlink()
    anchor.mkdir()
    go_on(team)
    assert (team.row(request).state, team.posts()) == (State.APPROVED, 0)
    assert "the anchor of the audit cannot be written" in team.shows(request)
    anchor.rmdir()
    anchor.write_bytes(kept)
    team.later(300)
    assert (team.row(request).state, team.posts()) == (State.CREATED, 1)

"""Just before the effect: whose approval still counts, and what is done where too few do."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from tests.support.owner import Owner
from tests.support.team import ADA, BEN, POLICY, TEXT, TWO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.approvals.request import Request
    from bot.sandbox.slack.people import Directory
    from tests.support.bench import Bench

FEW = "{} of 2 approvals count under the policy in force"


@pytest.fixture
def bench(new_bench: Callable[..., Bench]) -> Bench:
    """Two people must approve."""
    return new_bench(policy=TWO)


def approved(bench: Bench, text: str = TEXT) -> Request:
    """Return a request that two people approved a moment ago."""
    request = bench.ask(text)
    bench.press("ada", "approve", request)
    return bench.press("ben", "approve", request)


@contextmanager
def unwritable_anchor(bench: Bench) -> Iterator[Callable[[], None]]:
    """Yield what makes the anchor file unwritable until the end of the block."""
    anchor = bench.folder / "team.db.anchor"
    kept = anchor.with_suffix(".kept")

    def spoil() -> None:
        anchor.rename(kept)
        anchor.mkdir()

    yield spoil
    anchor.rmdir()
    kept.rename(anchor)


# --- who approved


def leave(directory: Directory, who: str) -> None:
    members = directory.group("S0APPROVE").members
    left = tuple(one for one in members if one != directory.person(who).id)
    directory.change_group("S0APPROVE", members=left)


def vanish(directory: Directory, who: str) -> None:
    del directory.people[directory.person(who).id]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (leave, "no longer an approver"),
        (vanish, "Slack no longer knows the account"),
        ({"deleted": True}, "the account is deactivated"),
        ({"team_id": "T0AWAY001"}, "now belongs to another workspace"),
        ({"is_restricted": True}, "is a guest by now"),
        ({"is_bot": True}, "can no longer decide"),
    ],
)
@pytest.mark.parametrize("people", [("ada",), ("ada", "ben")])
def test_who_may_no_longer_approve(
    bench: Bench,
    change: Callable[[Directory, str], None] | dict[str, object],
    why: str,
    people: tuple[str, ...],
) -> None:
    """Asked of Slack at this very moment: the audit names their ids, the card their names, and nothing is sent."""
    request = approved(bench)
    for who in people:
        if isinstance(change, dict):
            bench.slack.directory.change_person(who, **change)
        else:
            change(bench.slack.directory, who)
    assert bench.step()
    row, few = bench.row(request), FEW.format(2 - len(people))
    ids = "; ".join(f"{ {'ada': ADA, 'ben': BEN}[who] }: {why}" for who in people)
    names = "; ".join(f"{who}: {why}" for who in people)
    assert (row.state, row.revision, row.votes) == (State.PENDING, 2, ())
    assert bench.last("revised")["reason"] == f"{few} ({ids})"
    assert row.error == f"{few} ({names})"
    assert bench.calls() == []


def test_whoever_stays_an_approver_by_another_entry(new_bench: Callable[..., Bench]) -> None:
    """An approval was given by every entry that let it be: one of them is enough."""
    bench = new_bench(policy=POLICY.replace('["S0APPROVE"', f'["S0APPROVE", "{ADA}"'))
    request = bench.approved()
    leave(bench.slack.directory, "ada")
    bench.run_due()
    assert bench.row(request).state is State.CREATED


def test_ones_own_approval_counts_while_the_policy_allows_it(new_bench: Callable[..., Bench]) -> None:
    """Under a stricter policy it does no longer."""
    allowed = POLICY + "self_approval = true\n"
    bench = new_bench(policy=allowed)
    first, second = bench.ask(), bench.ask("7b none qlora4")
    bench.press("rosa", "approve", first)
    bench.run_due()
    assert bench.row(first).state is State.CREATED
    bench.press("rosa", "approve", second)
    bench.rules(POLICY)
    bench.restart()
    bench.run_due()
    assert bench.row(second).state is State.PENDING
    assert bench.calls().count("create") == 1


# --- what is asked again


def test_what_is_asked_again_is_the_same_request(bench: Bench) -> None:
    """With its purpose, and its text."""
    request = approved(bench, f'{TEXT} for="quarterly eval"')
    bench.slack.directory.change_person("ada", deleted=True)
    bench.run_due()
    row = bench.row(request)
    assert (row.state, row.text, row.digest) == (State.PENDING, request.text, request.digest)
    assert (row.purpose, request.purpose) == ("quarterly eval", "quarterly eval")


def test_a_deletion_that_is_asked_again_can_be_approved(new_bench: Callable[..., Bench]) -> None:
    """Its approval is bound to the spec in the space that is the default by then."""
    bench = new_bench()
    deletion = bench.approved_deletion(bench.created())
    bench.cluster.api.add_space("space-2", "second")
    bench.restart(watsonx_space_id="space-2")
    bench.run_due()
    assert (bench.row(deletion).state, bench.row(deletion).space_id) == (State.PENDING, "space-2")
    assert bench.row(deletion).digest != deletion.digest
    bench.press("ada", "approve", deletion)
    bench.run_due()
    assert bench.story(deletion)[-3:] == ["approved", "started", "deleted"]


@contextmanager
def forgotten(bench: Bench) -> Iterator[None]:
    """Restore at the end of the block a backup made before it, and have the audit begin a new origin."""
    backup = bench.folder / "backup.db"
    bench.stop()
    shutil.copy(bench.folder / "team.db", backup)
    bench.start()
    yield
    bench.product.checkpoints.sign()
    bench.stop()
    for rest in ("-wal", "-shm"):
        (bench.folder / f"team.db{rest}").unlink(missing_ok=True)
    shutil.copy(backup, bench.folder / "team.db")
    bench.start()
    bench.product.checkpoints.sign()


def test_a_restored_backup_asks_again(bench: Bench) -> None:
    """What was approved before may have been carried out since; what is asked for afterwards goes its way."""
    request = approved(bench)
    with forgotten(bench):
        bench.run_due()
        assert bench.row(request).state is State.CREATED
    assert bench.row(request).state is State.APPROVED
    before = bench.calls()
    bench.run_due()
    assert bench.row(request).state is State.PENDING
    assert (
        bench.last("revised")["reason"]
        == "the audit has since begun a new origin, as after a restored backup"
    )
    assert bench.calls() == before
    later = approved(bench, "7b none qlora4")
    bench.run_due()
    assert bench.row(later).state is State.CREATED


def test_what_was_asked_for_before_a_restored_backup(bench: Bench) -> None:
    """It is asked again though it was the last thing that the backup had, and was approved afterwards."""
    request = bench.ask()
    with forgotten(bench):
        bench.press("ada", "approve", request)
    for who in ("ada", "ben"):
        bench.press(who, "approve", request)
    assert bench.row(request).state is State.APPROVED
    bench.run_due()
    assert (bench.row(request).state, bench.calls()) == (State.PENDING, [])


# --- what the audit and its anchor say


def test_what_was_changed_before_a_request_does_not_hold_it_up(bench: Bench) -> None:
    """Its story begins with its own first row; ``audit verify`` is there for the rest."""
    bench.ask("7b none qlora4")
    bench.ask("8b none qlora4")
    request = approved(bench)
    owner = Owner(bench.folder / "team.db")
    first = owner.story(request.id)[0]["seq"]
    owner.write("UPDATE audit SET reason = 'another' WHERE seq < ?", first)
    bench.run_due()
    assert bench.row(request).state is State.CREATED


@pytest.mark.parametrize(
    ("column", "statement"),
    [
        ("author", "UPDATE revisions SET author_id = 'U0ZOE00001' WHERE request_id = ?"),
        (
            "digest",
            """UPDATE revisions SET (text, canonical, name, payload, digest) =
            (SELECT text, canonical, name, payload, digest FROM revisions WHERE request_id <> ?1)
            WHERE request_id = ?1""",
        ),
    ],
)
def test_a_row_that_is_not_what_the_audit_says(bench: Bench, column: str, statement: str) -> None:
    """Failed as tampered, however well the row agrees with itself; requester and admins hear of it."""
    other = bench.ask("7b none qlora4")
    request = approved(bench)
    owner = Owner(bench.folder / "team.db")
    owner.write("UPDATE requests SET name = 'elsewhere', reserved = 0 WHERE id = ?", other.id)
    assert owner.write(statement, request.id)
    if column == "digest":
        owner.write(
            "UPDATE requests SET name = ?, canonical = ? WHERE id = ?",
            other.name,
            other.canonical,
            request.id,
        )
    bench.run_due()
    row, reason = bench.row(request), f"tampered: its {column} is not that in the audit; nothing was sent"
    assert (row.state, row.error, bench.calls()) == (State.FAILED, reason, [])
    assert bench.last("tampered")["reason"] == reason
    assert reason in bench.words(bench.slack.dms("ines")[-1])


@pytest.mark.parametrize("operation", ["create", "delete"])
def test_an_anchor_that_fails_in_the_last_moment(new_bench: Callable[..., Bench], operation: str) -> None:
    """Nothing is sent whose beginning only the database knows; once the anchor can be written it is."""
    bench = new_bench()
    request = bench.approved() if operation == "create" else bench.approved_deletion(bench.created())
    with unwritable_anchor(bench) as spoil:
        bench.during("find" if operation == "create" else "deployments", spoil)
        assert bench.step()
        row = bench.row(request)
        assert (row.state, row.tries, bench.outcomes(request)) == (State.APPROVED, 1, ["unsent"])
        assert str(row.error).startswith("the anchor of the audit cannot be written (")
        assert str(row.error).endswith(")")
        assert bench.calls().count(operation) == 0
        before = bench.calls()
        bench.wait_until_due(request)
        assert (bench.calls(), bench.outcomes(request)) == (before, ["unsent"])
        assert str(bench.row(request).error).startswith("the anchor of the audit cannot be written (")
    bench.advance(300_000)
    bench.run_due()
    assert bench.row(request).state in {State.CREATED, State.DELETED}
    assert bench.outcomes(request)[0] == "unsent"

"""While a request waits for people: its expiry, its reminders, and a spec that serves it already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import sizing
from bot.approvals.request import Kind, State
from tests.support.bench import HOUR_MS, MINUTE_MS, OTHER_NODES, Bench
from tests.support.team import ADA, BEN, INES, POLICY, ROSA

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request

WEEK = POLICY + 'expires_after = "7d"\nquorum = 2\n'
QUIET = POLICY + 'remind_after = "30d"\n'
LORA = "7b 1x10MB lora"


def reminded(bench: Bench) -> list[str]:
    """Return the reasons of the reminders in the audit."""
    return [row["reason"] for row in bench.audit() if row["event"] == "reminded"]


def nodes_of(text: str) -> dict[str, object]:
    """Return the hardware that a text asks for."""
    sized = sizing.parse(text)
    nodes: dict[str, object] = sizing.spec_for(sized, sizing.size(sized), None).body()["nodes"]
    return nodes


# --- expiry


def test_it_expires_to_the_millisecond(new_bench: Callable[..., Bench]) -> None:
    """Not one before; then its name is free, the requester hears of it, and nobody can approve it."""
    bench = new_bench(policy=QUIET)
    request = bench.ask()
    assert bench.due_at(request) == request.expires_at == request.created_at + 24 * HOUR_MS
    bench.advance(24 * HOUR_MS - 1)
    assert not bench.step()
    bench.advance(1)
    assert bench.step()
    row = bench.row(request)
    assert (row.state, row.reserved, row.ended_at) == (State.EXPIRED, False, request.expires_at)
    assert (bench.due_at(request), bench.claimed_by(request)) == (None, None)
    assert bench.story(request) == ["requested", "expired"]
    assert bench.last("expired")["reason"] == "nobody decided in time"
    bench.run_due()
    assert "Nobody decided by" in bench.shows(request)
    assert len(bench.slack.dms("rosa")) == 1
    assert bench.ask().id != request.id


def test_a_row_that_is_looked_at_too_early_is_not_expired(new_bench: Callable[..., Bench]) -> None:
    """A hint that comes early changes nothing but when it is due."""
    bench = new_bench(policy=QUIET)
    request = bench.ask()
    bench.advance(24 * HOUR_MS - 1)
    bench.alter("UPDATE requests SET due_at = :now WHERE id = :id", now=bench.now, id=request.id)
    assert bench.step()
    assert (bench.row(request).state, bench.due_at(request)) == (State.PENDING, request.expires_at)
    assert bench.claimed_by(request) is None


def test_a_click_made_in_time_counts(new_bench: Callable[..., Bench]) -> None:
    """However late it is decided: the expiry waits a second at a time."""
    bench = new_bench(policy=QUIET)
    request = bench.ask()
    bench.advance(24 * HOUR_MS - 1)
    assert bench.slack.click("ada", bench.card(request), "peftsize.approve").ok
    bench.advance(1)
    for _ in range(2):
        assert bench.step()
        assert bench.row(request).state is State.PENDING
        assert (bench.due_at(request), bench.claimed_by(request)) == (bench.now + 1_000, None)
        bench.advance(1_000)
    assert bench.row(request).tries == 0
    bench.run_due()
    assert bench.row(request).state is State.CREATED


def test_a_click_made_at_the_expiry_is_too_late(new_bench: Callable[..., Bench]) -> None:
    """It does not hold the expiry up."""
    bench = new_bench(policy=QUIET)
    request = bench.ask()
    bench.advance(24 * HOUR_MS)
    assert bench.slack.click("ada", bench.card(request), "peftsize.approve").ok
    assert bench.step()
    assert bench.row(request).state is State.EXPIRED
    bench.run_due()
    assert bench.last("approve.refused")["reason"] == "wrong_state: expired"


def test_it_expires_even_if_it_can_no_longer_be_read(new_bench: Callable[..., Bench]) -> None:
    """Such as after an update of the grammar: nobody can approve it, but it ends in its time."""
    bench = new_bench(policy=QUIET)
    request = bench.ask()
    bench.alter("UPDATE revisions SET text = '10b 2x128MB qlora5' WHERE request_id = :id", id=request.id)
    bench.wait_until_due(request)
    assert bench.row(request).state is State.EXPIRED


# --- reminders


def test_reminders(new_bench: Callable[..., Bench]) -> None:
    """After 4, 12, 28, 60 and 124 hours, and never more than five; each is in the audit with its people."""
    bench = new_bench(policy=WEEK)
    request = bench.ask()
    for number, hours in enumerate((4, 12, 28, 60, 124), start=1):
        assert bench.due_at(request) == request.created_at + hours * HOUR_MS
        bench.advance(request.created_at + hours * HOUR_MS - bench.now - 1)
        assert not bench.step()
        bench.advance(1)
        assert bench.step()
        assert (bench.row(request).reminded, bench.claimed_by(request)) == (number, None)
        assert reminded(bench)[-1] == f"reminder {number} to {ADA}, {BEN}"
    assert bench.due_at(request) == request.expires_at
    assert len(reminded(bench)) == 5
    assert bench.row(request).version == request.version
    event = bench.last("reminded")
    assert (event["from_state"], event["to_state"], event["at"]) == ("pending", "pending", bench.now)
    assert event["actor"]["user_id"] is None


def test_a_reminder_is_one_list_for_each_approver(bench: Bench) -> None:
    """Every approver gets it in a direct message; once nothing waits, it says so."""
    request = bench.ask()
    bench.wait_until_due(request)
    assert sorted(bench.waiting()) == [f"digest:{ADA}", f"digest:{BEN}"]
    bench.run_due()
    (to_ada,), (to_ben,) = bench.slack.dms("ada"), bench.slack.dms("ben")
    assert bench.slack.dms("rosa") == bench.slack.dms("ines") == []
    assert request.id in bench.words(to_ada)
    assert request.id in bench.words(to_ben)
    bench.press("ben", "approve", request)
    bench.run_due()
    assert bench.row(request).state is State.CREATED
    (to_ada,) = bench.slack.dms("ada")
    assert "Nothing is waiting for you" in bench.words(to_ada)


def test_who_has_voted_is_not_reminded(new_bench: Callable[..., Bench]) -> None:
    """The one who is missing is."""
    bench = new_bench(policy=WEEK)
    request = bench.ask()
    bench.press("ada", "approve", request)
    assert bench.due_at(request) == bench.now
    bench.run_due()
    assert bench.due_at(request) == request.created_at + 4 * HOUR_MS
    bench.wait_until_due(request)
    assert reminded(bench) == [f"reminder 1 to {BEN}"]


def test_whoever_wrote_the_revision_is_not_reminded(new_bench: Callable[..., Bench]) -> None:
    """Neither requester nor author may approve; the reminders count from the edit."""
    bench = new_bench(policy=POLICY.replace(f'admins = ["{INES}"]', f'admins = ["{ADA}"]'))
    request = bench.ask()
    bench.wait_until_due(request)
    bench.advance(HOUR_MS)
    bench.edit("ada", request, "11b 2x128MB qlora4")
    assert bench.row(request).reminded == 0
    assert bench.due_at(request) == bench.now + 4 * HOUR_MS
    bench.wait_until_due(request)
    assert reminded(bench) == [f"reminder 1 to {ADA}, {BEN}", f"reminder 1 to {BEN}"]


def test_where_one_may_approve_ones_own_request(new_bench: Callable[..., Bench]) -> None:
    """The requester is reminded too."""
    bench = new_bench(policy=POLICY + "self_approval = true\n")
    bench.wait_until_due(bench.ask())
    assert reminded(bench) == [f"reminder 1 to {ADA}, {BEN}, {ROSA}"]


def test_where_anyone_may_approve(new_bench: Callable[..., Bench]) -> None:
    """Nobody is named and nobody gets a message: the card in the channel is the reminder."""
    bench = new_bench(policy='[defaults]\napprovers = ["anyone"]\n')
    request = bench.ask()
    bench.wait_until_due(request)
    assert reminded(bench) == ["reminder 1 to nobody by name"]
    assert bench.waiting() == []
    assert bench.row(request).reminded == 1


def test_who_is_in_all_sets_of_approvers_is_reminded(new_bench: Callable[..., Bench]) -> None:
    """Two rules name people: only those who are in every set can approve."""
    rule = f'[[rule]]\napprovers = ["{BEN}", "{INES}"]\n[[rule]]\napprovers = ["anyone"]\n'
    bench = new_bench(policy=POLICY + rule)
    bench.wait_until_due(bench.ask())
    assert reminded(bench) == [f"reminder 1 to {BEN}"]


def test_a_group_that_does_not_exist_has_nobody(new_bench: Callable[..., Bench]) -> None:
    """Whoever is named beside it is reminded."""
    bench = new_bench(policy=f'[defaults]\napprovers = ["S0NOTHERE", "{BEN}"]\n')
    bench.wait_until_due(bench.ask())
    assert reminded(bench) == [f"reminder 1 to {BEN}"]


def test_while_slack_cannot_say_who_is_in_a_group(bench: Bench) -> None:
    """The reminder is tried again in a minute; it is neither counted nor audited before."""
    request = bench.ask()
    faults = bench.slack.faults
    faults.only, faults.down = frozenset({"usergroups.users.list", "usergroups.list"}), "503"
    bench.wait_until_due(request)
    row = bench.row(request)
    assert (row.reminded, row.tries, reminded(bench)) == (0, 0, [])
    assert (bench.due_at(request), bench.claimed_by(request)) == (bench.now + MINUTE_MS, None)
    faults.clear()
    bench.wait_until_due(request)
    assert (bench.row(request).reminded, len(reminded(bench))) == (1, 1)
    assert bench.due_at(request) == request.created_at + 12 * HOUR_MS


def test_slack_is_asked_for_groups_only_when_a_reminder_is_due(new_bench: Callable[..., Bench]) -> None:
    """Slack being away holds up no expiry."""
    bench = new_bench(policy=QUIET)
    request = bench.ask()
    faults, before = bench.slack.faults, len(bench.slack.calls)
    faults.only, faults.down = frozenset({"usergroups.users.list", "usergroups.list"}), "503"
    bench.wait_until_due(request)
    assert bench.row(request).state is State.EXPIRED
    assert not [call for call in bench.slack.calls[before:] if call.method.startswith("usergroups")]


def test_a_dry_run_reminds_and_expires_too(new_bench: Callable[..., Bench]) -> None:
    """People decide as in earnest."""
    bench = new_bench(dry_run=True)
    request = bench.ask(LORA)
    for _ in range(3):
        bench.wait_until_due(request)
    assert (bench.row(request).state, len(reminded(bench))) == (State.EXPIRED, 2)
    assert bench.calls() == []


# --- a spec that serves it already


def offered(bench: Bench, request: Request) -> tuple[str, str] | None:
    """Return the live spec that the row names."""
    return bench.row(request).existing


def test_a_live_spec_of_the_same_size_is_offered(bench: Bench) -> None:
    """It is in the row and on the card at once; no state changes, and the reminder stays due."""
    bench.add_spec(OTHER_NODES, "a-other")
    spec_id = bench.add_spec(nodes_of(LORA), "b-same")
    request = bench.ask(LORA)
    assert offered(bench, request) == (spec_id, "b-same")
    assert bench.row(request).state is State.PENDING
    assert bench.due_at(request) == request.created_at + 4 * HOUR_MS
    assert (bench.story(request), bench.calls()) == (["requested"], ["list"])
    assert "b-same" in bench.shows(request)
    bench.wait_until_due(request)
    assert bench.calls() == ["list"]


def test_the_card_is_drawn_again_for_it(bench: Bench) -> None:
    """Where the card was posted before the look-up."""
    bench.add_spec(nodes_of(LORA), "same")
    assert bench.slack.command("rosa", "#ml-serving", LORA).ok
    bench.run_due("inbox", "outbox")
    (request,) = bench.rows()
    assert "same" not in bench.shows(request)
    assert bench.step()
    assert bench.waiting() == [f"card:{request.id}"]


def test_the_best_of_several_is_offered(bench: Bench) -> None:
    """A predefined one first, then by name."""
    bench.add_spec(nodes_of(LORA), "a-same")
    bench.add_spec(nodes_of(LORA), "z-predefined", space=None)
    wanted = bench.add_spec(nodes_of(LORA), "y-predefined", space=None)
    assert offered(bench, bench.ask(LORA)) == (wanted, "y-predefined")


def test_of_the_same_name_the_first_id_is_offered(bench: Bench) -> None:
    """So that two look-ups say the same."""
    first = min(bench.add_spec(nodes_of(LORA), "same") for _ in range(4))
    assert offered(bench, bench.ask(LORA)) == (first, "same")


@pytest.mark.parametrize("text", ["7b 1x10MB qlora4", "7b 1x10MB qlora8"])
def test_a_quantized_request_is_not_served_by_another_spec(bench: Bench, text: str) -> None:
    """It is not even looked for."""
    bench.add_spec(nodes_of(text), "same")
    request = bench.ask(text)
    bench.wait_until_due(request)
    assert (offered(bench, request), bench.calls()) == (None, [])


def test_a_deletion_is_not_served_by_another_spec(bench: Bench) -> None:
    """Nothing is offered in its place."""
    made = bench.created(LORA)
    bench.press("rosa", "delete", made)
    before = bench.calls()
    bench.run_due()
    (deletion,) = (row for row in bench.rows() if row.kind is Kind.DELETE)
    assert (offered(bench, deletion), bench.calls()) == (None, before)
    assert bench.due_at(deletion) == deletion.created_at + 4 * HOUR_MS


def test_no_answer_is_no_reason_to_wait(bench: Bench) -> None:
    """A look-up that fails is left out, and made again with the next reminder."""
    spec_id = bench.add_spec(nodes_of(LORA), "same")
    bench.cluster.faults.broken = 1
    request = bench.ask(LORA)
    row = bench.row(request)
    assert (row.state, row.existing, row.error, row.tries) == (State.PENDING, None, None, 0)
    assert bench.due_at(request) == request.created_at + 4 * HOUR_MS
    bench.wait_until_due(request)
    assert offered(bench, request) == (spec_id, "same")
    assert (bench.row(request).reminded, bench.calls()) == (1, ["list", "list"])


def test_once_somebody_has_voted_it_is_not_looked_for_any_more(new_bench: Callable[..., Bench]) -> None:
    """What people have begun to decide stays as it is."""
    bench = new_bench(policy=WEEK)
    request = bench.ask(LORA)
    bench.advance(MINUTE_MS)
    bench.press("ada", "approve", request)
    bench.add_spec(nodes_of(LORA), "same")
    bench.run_due()
    bench.wait_until_due(request)
    assert (offered(bench, request), bench.calls()) == (None, ["list"])


def test_a_new_revision_is_looked_for_anew(bench: Bench) -> None:
    """With its own size, in a list that is a moment old."""
    spec_id = bench.add_spec(nodes_of("30b 1x10MB lora"), "bigger")
    request = bench.ask(LORA)
    bench.edit("rosa", request, "30b 1x10MB lora")
    assert offered(bench, request) == (spec_id, "bigger")
    assert bench.calls() == ["list"]


def test_a_burst_of_requests_looks_once(bench: Bench) -> None:
    """Each finds its own match in the one list; five seconds later the list is looked up anew."""
    ids = {n: bench.add_spec(nodes_of(f"{n}b 1x10MB lora"), f"same-{n}") for n in (20, 40, 60)}
    asked = {n: bench.ask(f"{n}b 1x10MB lora") for n in ids}
    assert {n: offered(bench, row) for n, row in asked.items()} == {
        n: (spec_id, f"same-{n}") for n, spec_id in ids.items()
    }
    assert bench.calls() == ["list"]
    late = bench.add_spec(nodes_of("80b 1x10MB lora"), "same-80")
    bench.advance(5_000)
    assert offered(bench, bench.ask("80b 1x10MB lora")) == (late, "same-80")
    assert bench.calls() == ["list", "list"]


def test_what_we_change_ourselves_is_looked_up_a_second_later(bench: Bench) -> None:
    """A request made right after a change waits for the next look-up: the cluster is asked once a second at most."""
    specs, space_id = bench.product.executor.specs, bench.product.service.site.space_id
    wanted = bench.add_spec(nodes_of(LORA), "same")
    assert specs is not None
    specs.list(space_id)
    specs.delete("gone", space_id, attempt_id="peftsize-1")
    request = bench.ask(LORA)
    assert (offered(bench, request), bench.due_at(request)) == (None, bench.now + 1_000)
    bench.advance(1_000)
    bench.run_due()
    assert offered(bench, request) == (wanted, "same")
    assert bench.calls() == ["list", "delete", "list"]


def test_cancelled_during_the_look_for_it(bench: Bench) -> None:
    """The row has moved on; nothing is noted."""
    bench.add_spec(nodes_of(LORA), "same")
    assert bench.slack.command("rosa", "#ml-serving", LORA).ok
    bench.run_due("inbox", "outbox")
    (request,) = bench.rows()
    bench.during("list", lambda: bench.press("rosa", "cancel", request))
    bench.run_due()
    assert (bench.row(request).state, offered(bench, request)) == (State.CANCELLED, None)
    assert bench.due_at(request) is None

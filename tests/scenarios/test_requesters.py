"""Who may ask: the person is looked up after the acknowledgement and before anybody sees the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from bot.sandbox.slack.people import AWAY_TEAM, UserGroup, default_directory
from bot.workflow.outbox import RESPONSE_URL_MS
from tests.support.team import CHANNEL, NAME, POLICY, ROSA, TEXT, Team

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox.slack.people import Directory
    from tests.support.bench import Bench

GUS, FAY = "U0GUS0001", "U0FAY0001"
ONE_EACH = POLICY + "[limits]\nopen_per_person = 1\ngpus_per_space = 1\n"


def letting(*requesters: str) -> str:
    """Return the policy with other requesters."""
    return POLICY + f"requesters = {list(requesters)}\n".replace("'", '"')


def people() -> Directory:
    """Return the built-in people, with Fay in a shared channel, and a group that Gus is in."""
    directory = default_directory()
    directory.change_person(FAY, is_stranger=False)
    directory.groups["S0GUESTS"] = UserGroup("S0GUESTS", "guests", "Guests", (GUS,))
    return directory


def cards(team: Team) -> int:
    return sum(bool(message.bot_id) for message in team.slack.messages(CHANNEL))


def nothing_is_left(team: Team) -> None:
    """No card, no row, no name and no GPU held."""
    assert cards(team) == 0
    assert team.sql("SELECT count(*) FROM requests") == [(0,)]
    assert team.sql("SELECT count(*) FROM revisions") == [(0,)]
    assert team.ask().name == NAME


@pytest.mark.parametrize("socket", [False, True])
def test_a_guest_is_refused_privately(new_team: Callable[..., Team], socket: bool) -> None:
    """The command is acknowledged; then one private sentence, one row in the audit, and all that it took is free."""
    team = new_team(policy=ONE_EACH, socket=socket)
    delivery = team.slack.command("gus", CHANNEL, TEXT)
    assert (delivery.ok, delivery.said) == (True, ())
    team.quiet()
    (told,) = team.heard("gus")
    assert "Guests cannot ask for hardware here, so nothing was posted. Have a full member" in told
    refused = team.last("request.refused")
    assert (refused["actor"]["user_id"], refused["reason"]) == (GUS, f"may_not_ask: guest ({TEXT})")
    assert (refused["request_id"], refused["slack"]["channel_id"]) == (None, "C0MLSERVE")
    nothing_is_left(team)


def test_a_refusal_that_comes_again_is_told_and_audited_once_a_minute(new_team: Callable[..., Team]) -> None:
    """However often a guest asks, there is one sentence and one row, and later their number."""
    team = new_team()
    for number in range(1, 6):
        team.slack.command("gus", CHANNEL, f"{number}b none qlora4")
        team.quiet()
    assert len(team.heard("gus")) == 1
    assert [row["event"] for row in team.audit()] == ["request.refused"]
    team.later(60)
    team.slack.command("gus", CHANNEL, "6b none qlora4")
    team.quiet()
    assert [row["event"] for row in team.audit()] == [
        "request.refused",
        "request.repeated",
        "request.refused",
    ]
    assert team.last("request.repeated")["reason"].startswith("4 more within a minute")
    assert len(team.heard("gus")) == 2
    nothing_is_left(team)


def test_somebody_of_another_organization_in_a_shared_channel(new_team: Callable[..., Team]) -> None:
    """By mention, which reaches the bot there: told in the channel, seen by nobody else."""
    team = new_team(directory=people())
    assert team.slack.mention("fay", CHANNEL, TEXT).ok
    team.quiet()
    (told,) = team.heard("fay")
    assert "cannot ask for hardware here, so nothing was posted." in told
    assert team.last("request.refused")["reason"] == f"may_not_ask: foreign_team ({TEXT})"
    nothing_is_left(team)


def test_a_guest_elsewhere_is_external_not_a_guest(new_team: Callable[..., Team]) -> None:
    """Whoever is a guest in their own organization is none of ours."""
    directory = people()
    directory.change_person(FAY, is_restricted=True)
    team = new_team(policy=letting("members", "guests"), directory=directory)
    team.slack.mention("fay", CHANNEL, TEXT)
    team.quiet()
    assert team.last("request.refused")["reason"] == f"may_not_ask: foreign_team ({TEXT})"


def test_a_deactivated_account(new_team: Callable[..., Team]) -> None:
    """What was typed in the last second before does not come to a card, even where the policy names the person."""
    directory = people()
    directory.change_person(ROSA, deleted=True)
    team = new_team(policy=letting("members", ROSA, "C0MLSERVE"), directory=directory)
    team.slack.mention("rosa", CHANNEL, TEXT)
    team.quiet()
    assert team.last("request.refused")["reason"] == f"may_not_ask: deleted ({TEXT})"
    assert (cards(team), team.rows()) == (0, [])


@pytest.mark.parametrize(
    ("requesters", "who"),
    [
        (("members", "guests"), "gus"),
        ((GUS,), "gus"),
        (("S0GUESTS",), "gus"),
        (("C0MLSERVE",), "gus"),
        (("external",), "fay"),
        ((FAY,), "fay"),
        (("C0MLSERVE",), "fay"),
        (("C0MLSERVE",), "rosa"),
    ],
)
def test_whom_the_policy_names_is_admitted(
    new_team: Callable[..., Team], requesters: tuple[str, ...], who: str
) -> None:
    """A kind of people, a person, a group or a channel: their request is one like any other."""
    team = new_team(policy=letting(*requesters), directory=people())
    assert team.slack.mention(who, CHANNEL, TEXT).ok
    team.quiet()
    (request,) = team.rows()
    assert (request.requester_id, cards(team)) == (team.slack.person(who).id, 1)
    assert team.approve("ada", request).state is State.CREATED


def test_a_guest_may_cancel_what_they_asked_for(new_team: Callable[..., Team]) -> None:
    """Their own and nothing else: whoever may ask may take it back."""
    team = new_team(policy=letting("members", "guests"))
    theirs, own = team.ask(), team.ask("7b none qlora4", who="gus")
    for request in (theirs, own):
        team.forge("gus", "approve", team.card(request), action_id="peftsize.cancel")
    assert team.last("cancel.refused")["reason"] == "guest"
    assert (team.row(theirs).state, team.row(own).state) == (State.PENDING, State.CANCELLED)
    assert team.last("cancelled")["actor"]["user_id"] == GUS


@pytest.mark.parametrize("requesters", [("S0GUESTS",), ("C0RANDOM",), ("U0ADA0001",), ("guests",)])
def test_members_whom_the_policy_does_not_name(
    new_team: Callable[..., Team], requesters: tuple[str, ...]
) -> None:
    """Where the policy names others, a full member is told who decides that."""
    team = new_team(policy=letting(*requesters), directory=people())
    team.slack.command("rosa", CHANNEL, TEXT)
    team.quiet()
    (told,) = team.heard("rosa")
    assert "The policy lets only some people ask for hardware, so nothing was posted." in told
    assert team.last("request.refused")["reason"] == f"may_not_ask: member ({TEXT})"


def test_a_channel_is_where_one_asks_not_where_the_card_goes(new_team: Callable[..., Team]) -> None:
    """The form lets everybody choose a channel; that gives nobody the right of those who are in it."""
    team = new_team(policy=letting("C0MLSERVE"), directory=people())
    team.slack.command("rosa", "#random", "")
    view = team.slack.modals("rosa")[-1]
    team.slack.submit("rosa", view, {"request": TEXT, "channel": "C0MLSERVE"})
    team.quiet()
    assert team.last("request.refused")["reason"] == f"may_not_ask: member ({TEXT})"
    assert cards(team) == 0


def test_while_slack_is_silent_nothing_is_shown_and_nothing_is_lost(new_team: Callable[..., Team]) -> None:
    """No card and no guess; the person hears that it is kept, nobody else sees it; then it goes on."""
    team = new_team()
    team.slack.faults.users_info_fails = True
    team.slack.command("rosa", CHANNEL, TEXT)
    team.later(7200)
    assert (cards(team), team.rows(), team.audit()) == (0, [], [])
    assert "Checking with Slack who you are" in team.heard("rosa")[0]
    ((request_id,),) = team.sql("SELECT id FROM requests")
    refused = team.cli("requests", "reject", request_id, "--as", ROSA, "--reason", "No.")
    assert refused.exit_code != 0
    assert team.row(request_id).state is State.PENDING
    assert "Slack to say who asks" in team.command("mine")
    team.slack.faults.clear()
    team.later(600)
    request = team.row(request_id)
    assert (request.admitted, cards(team), team.story(request)[-1]) == (True, 1, "requested")
    assert team.approve("ada", request).state is State.CREATED


def test_a_guest_while_slack_is_silent(new_team: Callable[..., Team]) -> None:
    """The wait ends with the refusal, however long it took."""
    team = new_team()
    team.slack.faults.users_info_fails = True
    team.slack.command("gus", CHANNEL, TEXT)
    team.later(RESPONSE_URL_MS / 1000 + 600)
    held = "SELECT count(*) FROM inbox WHERE body LIKE '%response_url%'"
    team.until(lambda: team.sql(held) == [(0,)], "the address is gone")
    team.slack.faults.clear()
    team.later(600)
    assert "Guests cannot ask" in team.heard("gus")[-1]
    nothing_is_left(team)


def test_a_name_that_a_guest_has_just_taken(either_bench: Bench) -> None:
    """Until it is known who asked first, the second is told to ask again, and is not sent to a card."""
    bench = either_bench
    bench.slack.command("gus", CHANNEL, TEXT)
    delivery = bench.slack.command("rosa", CHANNEL, TEXT)
    assert "Submit it again in a minute" in bench.words(delivery.said[0])
    bench.run_due()
    assert cards(bench) == 0
    assert bench.ask().requester_id == ROSA


def test_a_crash_between_the_ask_and_the_look_up(either_bench: Bench) -> None:
    """What was acknowledged goes on at the next start: a card for a member, a refusal for a guest."""
    bench = either_bench
    bench.slack.command("rosa", CHANNEL, TEXT)
    bench.slack.command("gus", CHANNEL, "7b none qlora4")
    assert (bench.rows(), bench.audit()) == ([], [])
    bench.restart()
    bench.run_due()
    (request,) = bench.rows()
    assert (request.requester_id, cards(bench)) == (ROSA, 1)
    assert sorted(row["event"] for row in bench.audit()) == ["request.refused", "requested"]
    assert bench.approve("ada", request).state is State.CREATED


def test_a_burst_of_one_person_costs_one_look_up(bench: Bench) -> None:
    """Who was looked up a few seconds ago is not looked up again, and their request goes straight on."""
    for number in range(1, 6):
        bench.slack.command("rosa", CHANNEL, f"{number}b none qlora4")
    bench.run_due("inbox")
    assert sum(call.method == "users.info" for call in bench.slack.calls) == 1
    bench.slack.command("rosa", CHANNEL, "6b none qlora4")
    assert len(bench.rows()) == 6
    bench.advance(5_000)
    bench.slack.command("rosa", CHANNEL, "7b none qlora4")
    assert len(bench.rows()) == 6
    bench.run_due()
    assert len(bench.rows()) == 7


@pytest.mark.parametrize("requester", [GUS, FAY, "U0NOBODY1", ""])
def test_a_workflow_step_whose_person_may_not_ask(new_team: Callable[..., Team], requester: str) -> None:
    """It ends with the error, and nobody is written to in a name that proves nothing."""
    team = new_team(policy=POLICY + 'workflow = "allow"\n')
    delivery = team.slack.run_function("rosa", {"request_text": TEXT, "requester": requester})
    team.quiet()
    execution = team.slack.workspace.executions[str(delivery.payload["event"]["function_execution_id"])]
    assert execution["status"] == "error"
    assert "cannot ask for hardware here" in execution["error"]
    assert (team.heard("gus"), team.slack.dms("gus")) == ([], [])
    assert team.last("request.refused")["slack"]["workflow"] is True
    nothing_is_left(team)


def test_the_other_team_is_away() -> None:
    """The stand-in's Fay belongs to another organization; these tests go by that."""
    assert people().person(FAY).team_id == AWAY_TEAM

"""Who somebody is, asked of the stand-in over HTTP; and who we are."""

from __future__ import annotations

import pytest

from bot.approvals.policy_file import Policy
from bot.errors import PeopleError
from bot.sandbox.slack.people import Person
from bot.slack.inbound.app import web_client
from bot.slack.outbound.people import FRESH_MS, SlackPeople, identify
from tests.support.menu import press

HOME, AWAY = "T0HOME001", "T0AWAY001"


@pytest.fixture
def people(office) -> SlackPeople:
    return office.people


@pytest.mark.parametrize(
    ("who", "barred"),
    [
        ("U0ADA0001", None),
        ("U0INES001", None),
        ("U0GUS0001", "guest"),
        ("U0FAY0001", "stranger"),
        ("U0PEFT001", "bot"),
        ("U0NOBODY1", "unknown_person"),
    ],
)
def test_only_active_full_members_have_a_say(people, who, barred):
    """Guests, strangers, bots and unknown ids are barred, each with the reason."""
    assert people.look_up(HOME, who, ["S0APPROVE"]).barred == barred


def test_somebody_who_left_has_no_say_from_that_moment(office, people):
    """Nothing is kept between two questions."""
    assert people.look_up(HOME, "U0ADA0001", ()).barred is None
    office.slack.directory.change_person("ada", deleted=True)
    assert people.look_up(HOME, "U0ADA0001", ()).barred == "deleted"


def test_a_foreign_team_is_barred_by_what_the_click_says_and_by_what_slack_says(office, people):
    """Either is enough: the click's team, or the team of the account."""
    assert people.look_up(AWAY, "U0ADA0001", ()).barred == "foreign_team"
    office.slack.directory.change_person("ada", team_id=AWAY)
    assert people.look_up(HOME, "U0ADA0001", ()).barred == "foreign_team"


def test_people_of_our_grid_are_home(office, people):
    """In an Enterprise Grid the workspaces of the person count, not only the first."""
    office.slack.directory.people["W0GRID001"] = Person(
        "W0GRID001", "grid", "Grid Person", team_id=HOME, enterprise_id="E0GRID001"
    )
    found = people.look_up(HOME, "W0GRID001", ())
    assert (found.barred, found.enterprise_id) == (None, "E0GRID001")


def test_groups_are_asked_anew_and_missing_ones_have_no_members(office, people):
    """Membership is seconds old at most; a group that is gone, disabled or unknown gives nobody a right."""
    asked = ["S0APPROVE", "S0NOTHERE"]
    assert people.look_up(HOME, "U0ADA0001", asked).groups == {"S0APPROVE"}
    office.slack.directory.change_group("approvers", members=("U0BEN0001",))
    office.clock.ahead_ms += FRESH_MS
    assert people.look_up(HOME, "U0ADA0001", asked).groups == frozenset()
    office.slack.directory.change_group("approvers", disabled=True)
    office.clock.ahead_ms += FRESH_MS
    assert people.look_up(HOME, "U0BEN0001", asked).groups == frozenset()
    assert people.members("S0NOTHERE") is None


def test_who_must_know_what_is_true_now_asks_live(office, people):
    """As before a POST: an answer that serves others is not enough."""
    assert people.look_up(HOME, "U0ADA0001", ["S0APPROVE"]).groups == {"S0APPROVE"}
    office.slack.directory.change_group("approvers", members=("U0BEN0001",))
    assert people.look_up(HOME, "U0ADA0001", ["S0APPROVE"]).groups == {"S0APPROVE"}
    assert people.look_up(HOME, "U0ADA0001", ["S0APPROVE"], live=True).groups == frozenset()
    assert people.members("S0APPROVE") == {"U0BEN0001"}


def _asked(office, method):
    return [call.method for call in office.slack.calls].count(method)


def test_one_who_presses_often_spends_no_budget(office):
    """Clicks of a member who may not approve ask once in 5 seconds for the group; the right one is heard at once."""
    began_at = office.clock()
    office.ask()
    for _ in range(22):
        press(office.slack, "ines", office.card(), "approve")
    office.work()
    assert _asked(office, "usergroups.users.list") <= 1 + (office.clock() - began_at) // FRESH_MS
    office.press("ada", "approve")
    assert office.row().state == "approved"


def test_slacks_pause_is_kept_and_refuses_nobody(office):
    """A group that Slack will not tell for 20 s is asked for again after that, once, and the vote counts."""
    office.ask()
    office.later(FRESH_MS / 1000)
    office.slack.faults.only = frozenset({"usergroups.users.list"})
    office.slack.faults.rate_limited, office.slack.faults.retry_after_s = 1, 20
    office.press("ada", "approve")
    before = _asked(office, "usergroups.users.list")
    office.later(19)
    assert (office.names(), _asked(office, "usergroups.users.list")) == (["requested"], before)
    office.later(2)
    assert office.row().state == "approved"


def test_an_approver_who_is_named_needs_no_group(office):
    """Only the lists that do not name somebody are asked about for them."""
    office.service.rules = Policy.model_validate(
        {"defaults": {"approvers": ["U0ADA0001", "S0APPROVE"], "admins": ["U0INES001"]}}
    )
    office.ask()
    office.later(FRESH_MS / 1000)
    before = _asked(office, "usergroups.users.list")
    office.service.look_up(HOME, "U0ADA0001")
    assert _asked(office, "usergroups.users.list") == before
    office.service.look_up(HOME, "U0BEN0001")
    assert _asked(office, "usergroups.users.list") == before + 1


@pytest.mark.parametrize(
    "fault",
    [
        {"users_info_fails": True},
        {"down": "reset"},
        {"down": "503"},
        {"http_500": 1},
        {"rate_limited": 1},
        {"revoked": "token_revoked"},
        {"slow_s": 0.6},
    ],
)
def test_when_slack_cannot_say_it_is_an_error_and_never_a_guess(office, fault):
    """Timeouts, 429, 5xx, a revoked token: the look-up fails, with the method and no token in its words."""
    client = web_client(office.slack.bot_token, office.slack.url, 5)
    client.timeout = 0.3
    for name, value in fault.items():
        setattr(office.slack.faults, name, value)
    with pytest.raises(PeopleError) as caught:
        SlackPeople(client, lambda: office.who, office.clock).look_up(HOME, "U0ADA0001", ["S0APPROVE"])
    assert caught.value.what.startswith("users.info: ")
    assert office.slack.bot_token not in str(caught.value)


def test_a_group_that_cannot_be_asked_about_fails_the_look_up(office, people):
    """Not knowing a membership is not the same as no membership."""
    office.slack.faults.only = frozenset({"usergroups.users.list"})
    office.slack.faults.http_500 = 1
    with pytest.raises(PeopleError):
        people.look_up(HOME, "U0ADA0001", ["S0APPROVE"])


def test_a_failed_look_up_denies_in_the_end_and_says_so(office):
    """The click waits through a short outage; when it lasts, the answer is no, audited and told."""
    office.ask()
    office.slack.faults.users_info_fails = True
    office.press("ada", "approve")
    assert office.names() == ["requested"]
    for _ in range(5):
        office.later(20)
    assert office.names()[-1] == "approve.refused"
    assert office.events()[-1]["reason"].startswith("lookup_failed")
    assert office.row().votes == ()


def test_an_outage_shorter_than_that_loses_no_vote(office):
    """Slack answers again within seconds: the vote counts, at the time of the click."""
    office.ask()
    office.slack.faults.http_500 = 1
    office.slack.faults.only = frozenset({"users.info"})
    office.press("ada", "approve")
    office.later(2)
    assert office.row().state == "approved"


def test_who_we_are(office):
    """auth.test and bots.info say it; settings may say whose deliveries are taken instead."""
    found = identify(office.client)
    assert (found.team_ids, found.app_id) == ({HOME}, office.slack.app_id)
    assert (found.bot_id, found.bot_user_id) == (office.slack.bot_id, office.slack.bot_user_id)
    assert found.link("C1", "12.000034") == "https://model-serving.slack.com/archives/C1/p12000034"
    other = identify(office.client, [AWAY], "A0OTHER01")
    assert (other.team_ids, other.app_id) == ({AWAY}, "A0OTHER01")
    assert not other.is_ours(HOME)
    assert not other.is_ours(None)


def test_a_slack_that_is_away_does_not_say_who_we_are(office):
    """No identity is made up."""
    office.slack.faults.down = "reset"
    with pytest.raises(PeopleError, match=r"auth\.test"):
        identify(office.client)

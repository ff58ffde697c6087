"""The people of the workspace: built in, changed while it runs, or from a file of one's own."""

from __future__ import annotations

import pytest

from bot.sandbox.people_file import PeopleFileError, load_directory
from bot.sandbox.slack.fake_slack import FakeSlack
from bot.sandbox.slack.people import BOT_USER, default_directory, user_json

OURS = """
[team]
name = "Our models"
domain = "ours"

[[person]]
id = "U0KIM0001"
name = "kim"
real_name = "Kim"
role = "approver"

[[person]]
id = "U0LEE0001"
name = "lee"
real_name = "Lee"
is_restricted = true

[[group]]
id = "S0OURS001"
handle = "leads"
name = "Leads"
members = ["kim"]

[[channel]]
id = "C0OURS001"
name = "serving"

[[channel]]
id = "C0OURS002"
name = "quiet"
is_private = true
bot = false
members = ["kim", "U0LEE0001"]
"""


def test_the_built_in_people_have_their_parts():
    """A requester, two approvers in one group, an admin, a guest, a foreigner, and the bot's channels."""
    directory = default_directory()
    parts = [person.role for person in directory.people.values()]
    assert parts == ["bot", "requester", "approver", "approver", "admin", "guest", "foreigner"]
    assert directory.group("approvers").members == (directory.person("ada").id, directory.person("ben").id)
    assert directory.person("gus").is_restricted
    assert directory.person("fay").team_id != directory.person("rosa").team_id
    joined = {channel.name for channel in directory.channels.values() if BOT_USER in channel.members}
    assert joined == {"ml-serving", "approvals"}
    assert directory.channel("#capacity-planning").is_private
    for person in directory.people.values():
        assert user_json(person, 1_800_000_000)["is_bot"] == (person.role == "bot")


def test_names_and_ids_find_the_same():
    """Handles, `@handles`, ids and objects all find a person; nobody is found by a wrong name."""
    directory = default_directory()
    ada = directory.person("ada")
    assert directory.person("@ada") is directory.person(ada.id) is directory.person(ada) is ada
    assert directory.change_person("ada", deleted=True) == directory.person("ada")
    assert directory.change_group("approvers", members=()).members == ()
    with pytest.raises(KeyError):
        directory.person("nobody")


def test_people_see_their_conversations():
    """Members see public channels and their private ones; guests and strangers only where they are."""
    slack = FakeSlack()
    slack.dm("rosa")
    seen = {
        name: [c.name for c in slack.directory.visible_to(name)] for name in ("rosa", "gus", "fay", "ada")
    }
    assert seen["gus"] == ["ml-serving", "random"]
    assert seen["fay"] == ["ml-serving"]
    assert seen["ada"] == ["ml-serving", "approvals", "random", "capacity-planning"]
    assert seen["rosa"] == [*seen["ada"], "U0ROSA001"]


def test_an_own_workspace_is_read(tmp_path):
    """A people file replaces everybody; full members join channels that name no members."""
    path = tmp_path / "people.toml"
    path.write_text(OURS)
    directory = load_directory(path)
    assert directory.team_domain == "ours"
    assert set(directory.people) == {BOT_USER, "U0KIM0001", "U0LEE0001"}
    assert directory.group("leads").members == ("U0KIM0001",)
    assert directory.channel("serving").members == {BOT_USER, "U0KIM0001"}
    assert directory.channel("quiet").members == {"U0KIM0001", "U0LEE0001"}
    slack = FakeSlack(directory)
    slack.say("kim", "#serving", "hello")
    assert [m.user for m in slack.messages("serving")] == ["U0KIM0001"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[[person]", "not TOML"),
        ("[colours]", "colours: Extra inputs are not permitted"),
        ("", "person: Field required; channel: Field required"),
        ('[[person]]\nid = "U1"\nname = "a"', "real_name"),
        (
            '[[person]]\nid = "U1"\nname = "a"\nreal_name = "A"\nage = 7',
            "person.0.age: Unexpected keyword argument",
        ),
        (
            '[[person]]\nid = "U1"\nname = "a"\nreal_name = 7',
            "person.0.real_name: Input should be a valid string",
        ),
        (
            '[[person]]\nid = "U1"\nname = "a"\nreal_name = "A"\ndeleted = "soon"',
            "person.0.deleted: Input should be a valid boolean",
        ),
        (OURS.replace("U0LEE0001", "U0KIM0001"), "used twice"),
        (OURS.replace('["kim"]', '["kai"]'), "nobody is called 'kai'"),
        (OURS.replace('["kim"]', "[7]"), "group.0.members.0: Input should be a valid string"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, written, said):
    """What is wrong with a people file is said with the table and the key."""
    path = tmp_path / "people.toml"
    path.write_text(written)
    with pytest.raises(PeopleFileError, match=said):
        load_directory(path)

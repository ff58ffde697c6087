"""The policy file's words: what is read as what, and what is refused in which words."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from bot.approvals import policy_file
from bot.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = "PEFTSIZE_POLICY_FILE"
ID = "must be a user id (U… or W…), a user-group id (S…) or anyone"
REQUESTER = (
    "must be members, guests, external, a user id (U… or W…), a user-group id (S…) or a channel id (C…)"
)
TIME = "must be a length of time such as 30m, 24h or 7d, at most 3650d"


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("1s", 1_000),
        ("30m", 1_800_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
        (" 7 d ", 604_800_000),
        ("3650d", 315_360_000_000),
    ],
)
def test_a_length_of_time(written: str, ms: int) -> None:
    """Seconds, minutes, hours or days, in milliseconds once read."""
    text = f'[defaults]\nremind_after = "{written}"\n[[rule]]\nexpires_after = "{written}"\n'
    found = policy_file.load(text)
    assert (found.defaults.remind_after, found.rule[0].expires_after) == (ms, ms)


@pytest.mark.parametrize(
    "written",
    [
        '"0h"',
        '"00m"',
        '"h"',
        '"24"',
        '"1.5h"',
        '"-1h"',
        '"24H"',
        '"1h30m"',
        '""',
        "24",
        "true",
        '"3651d"',
        '"99999999999999999999d"',
    ],
)
def test_what_is_no_length_of_time(written: str) -> None:
    """Nothing is guessed: not a bare number, a fraction, nothing at all, or longer than a row can hold."""
    with pytest.raises(SettingsError) as caught:
        policy_file.load(f"[defaults]\nexpires_after = {written}\n")
    assert caught.value.problems == (f"{FILE}: defaults.expires_after: {TIME}.",)


@pytest.mark.parametrize("written", ["U01", "W0AB", "S0TEAM", "anyone", "UADA"])
def test_who_may_be_named(written: str) -> None:
    """Users, user groups and ``anyone``, as Slack writes their ids."""
    assert policy_file.load(f'[defaults]\napprovers = ["{written}"]\n').defaults.approvers == {written}


@pytest.mark.parametrize(
    "written", ["u01", "U0", "U", "C0AAA", "@ada", "U0a", "xU0AB", "U0AB ", "Anyone", "U0-AB"]
)
def test_who_may_not_be_named(written: str) -> None:
    """A name, a channel or a slip is refused, and the file says where."""
    text = f'[defaults]\nadmins = ["{written}"]\n[[rule]]\napprovers = ["U0ADA", "{written}"]\n'
    with pytest.raises(SettingsError) as caught:
        policy_file.load(text)
    places = [problem.removesuffix(f": {ID}.") for problem in caught.value.problems]
    assert [place.rpartition(".")[0] for place in places] == [
        f"{FILE}: defaults.admins",
        f"{FILE}: rule.0.approvers",
    ]


@pytest.mark.parametrize(
    "written", ["members", "guests", "external", "U01", "W0AB", "S0TEAM", "C0ML", "G0OLDPRIVATE"]
)
def test_who_may_be_named_as_a_requester(written: str) -> None:
    """A kind of people, or an id: also that of a channel."""
    found = policy_file.load(f'[defaults]\nrequesters = ["{written}"]\n')
    assert found.defaults.requesters == {written}


@pytest.mark.parametrize(
    "written", ["Members", "guest", "anyone", "everyone", "#ml", "D0DIRECT", "c0ml", "C0", ""]
)
def test_who_may_not_be_named_as_a_requester(written: str) -> None:
    """A word that is none of ours, a name or a slip is refused in words, together with every other mistake."""
    with pytest.raises(SettingsError) as caught:
        policy_file.load(f'[defaults]\nrequesters = ["U0ADA", "{written}"]\nquorum = 0\nask = 1\n')
    who, *others = sorted(caught.value.problems, key=lambda problem: "requesters" not in problem)
    assert who.endswith(f": {REQUESTER}.")
    assert len(others) == 2


def test_somebody_may_ask() -> None:
    """An empty list would refuse everybody, and so is a mistake; without the key full members ask."""
    with pytest.raises(SettingsError, match="requesters"):
        policy_file.load("[defaults]\nrequesters = []\n")
    assert policy_file.load("").defaults.requesters == {"members"}


LIMITS = [
    ("defaults.quorum", "[defaults]\nquorum = {}\n", 1, 20),
    ("rule.0.quorum", "[[rule]]\nquorum = {}\n", 1, 20),
    ("rule.0.when.min_gpus", "[[rule]]\nwhen = {{ min_gpus = {} }}\n", 1, None),
    ("rule.0.when.min_gb", "[[rule]]\nwhen = {{ min_gb = {} }}\n", 0, None),
    ("defaults.confirm_from_gpus", "[defaults]\nconfirm_from_gpus = {}\n", 1, None),
    ("limits.open_per_person", "[limits]\nopen_per_person = {}\n", 1, None),
    ("limits.asks_per_minute", "[limits]\nasks_per_minute = {}\n", 1, None),
    ("limits.gpus_per_person", "[limits]\ngpus_per_person = {}\n", 1, None),
    ("limits.gpus_per_space", "[limits]\ngpus_per_space = {}\n", 1, None),
]  # fmt: skip


@pytest.mark.parametrize(("place", "text", "least", "most"), LIMITS)
def test_numbers_have_limits(place: str, text: str, least: int, most: int | None) -> None:
    """The last good number on both sides, and the first bad one, which is named by its place."""
    policy_file.load(text.format(least))
    policy_file.load(text.format(most or 10**9))
    for wrong in (least - 1, *([most + 1] if most else [])):
        with pytest.raises(SettingsError) as caught:
            policy_file.load(text.format(wrong))
        (problem,) = caught.value.problems
        assert problem.startswith(f"{FILE}: {place}: Input should be ")
        assert problem.endswith(".")


def test_a_party_has_one_to_twenty_places() -> None:
    """As many people as a card can name."""
    text = '[defaults]\nneed = [{{ name = "A", from = ["S0A"], count = {} }}]\n'
    for count in (1, 20):
        (need,) = policy_file.load(text.format(count)).defaults.need or ()
        assert need.count == count
    for count in (0, 21):
        with pytest.raises(SettingsError, match=r"defaults\.need\.0\.count: Input should be"):
            policy_file.load(text.format(count))


def test_a_denial_needs_words_and_not_too_many() -> None:
    """From one character to three hundred: it stands on the card."""
    for length in (1, 300):
        found = policy_file.load(f'[[rule]]\ndeny = "{"x" * length}"\n')
        assert len(found.rule[0].deny or "") == length
    for length in (0, 301):
        with pytest.raises(SettingsError, match=r"rule\.0\.deny"):
            policy_file.load(f'[[rule]]\ndeny = "{"x" * length}"\n')


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[[rule]]\napprovers = []\n", "rule.0.approvers"),
        ("[[rule]]\nself_approval = true\n", "rule.0.self_approval"),
        ('[[rule]]\nwhen = { methods = ["lora", "dora"] }\n', "rule.0.when.methods."),
        ('[defaults]\nworkflow = "quorum-of-three"\n', "defaults.workflow"),
        ("[defaults]\nwhat = 1\n", "defaults.what"),
        ("[[rule]]\nwhat = 1\n", "rule.0.what"),
        ("[[rule]]\nwhen = { what = 1 }\n", "rule.0.when.what"),
        ("[rules]\n", "rules"),
    ],
)
def test_what_would_loosen_or_mean_nothing_is_refused(text: str, place: str) -> None:
    """A rule cannot allow self-approval or name nobody, and a key with a slip is no key."""
    with pytest.raises(SettingsError) as caught:
        policy_file.load(text)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{FILE}: {place}")


def test_a_file_that_is_no_toml_is_named() -> None:
    """With the line, and without a traceback of the reader."""
    with pytest.raises(SettingsError) as caught:
        policy_file.load("[defaults]\nquorum = = 2\n")
    (problem,) = caught.value.problems
    assert problem == f"{FILE} is not TOML: Invalid value (at line 2, column 10)."
    assert caught.value.__suppress_context__


def test_no_value_of_the_file_is_echoed() -> None:
    """What was mistyped into it may be a secret."""
    with pytest.raises(SettingsError) as caught:
        policy_file.load('[defaults]\nquorum = "hunter2"\napprovers = ["xoxb-secret"]\nhunter2 = "hunter3"\n')
    assert not any(word in str(caught.value) for word in ("hunter3", "xoxb"))
    assert caught.value.__suppress_context__


def test_no_value_is_echoed_by_the_reader_itself() -> None:
    """A policy that does not come from a file is as discreet."""
    with pytest.raises(ValueError, match="quorum") as caught:
        policy_file.Policy.model_validate({"defaults": {"quorum": "hunter2"}})
    assert "hunter2" not in str(caught.value)


def test_a_policy_that_was_read_is_not_changed() -> None:
    """It is shared by all threads."""
    found = policy_file.load("[[rule]]\nquorum = 2\n")
    for part in (found, found.defaults, found.rule[0], found.rule[0].when):
        with pytest.raises(ValueError, match="frozen"):
            part.__setattr__(next(iter(type(part).model_fields)), None)


def test_everybody_who_is_named_is_known() -> None:
    """Approvers, admins, whoever is notified, and the approvers of every rule; ``anyone`` is nobody."""
    text = (
        '[defaults]\napprovers = ["U0ADA", "anyone"]\nadmins = ["U0INES"]\nnotify = ["S0TEAM"]\n'
        '[[rule]]\nquorum = 2\n[[rule]]\napprovers = ["S0LEAD"]\n'
    )
    assert policy_file.load(text).entries() == {"U0ADA", "U0INES", "S0TEAM", "S0LEAD"}


PARTIES = [
    (
        '[defaults]\napprovers = ["U0ADA"]\nquorum = 2\nneed = [{ name = "Leads", from = ["S0LEADS"] }]\n',
        "defaults: need stands in place of approvers and quorum; keep one of the two",
    ),
    (
        '[[rule]]\nquorum = 1\nneed = [{ name = "Leads", from = ["S0LEADS"] }]\n',
        "rule.0: need stands in place of approvers and quorum; keep one of the two",
    ),
    (
        '[[rule]]\nneed = [{ name = "A", from = ["S0A"] }]\n[[rule]]\nneed = [{ name = "A", from = ["S0B"] }]\n',
        "rule.1.need: the party 'A' has other people elsewhere; choose another name",
    ),
    (
        '[[rule]]\nneed = [{ name = "A", from = ["S0A"] }, { name = "A", from = ["S0A"] }]\n',
        "rule.0.need: the party 'A' is there twice; give its count once",
    ),
    (
        '[[rule]]\nneed = [{ name = "Approvers", from = ["S0A"] }]\n',
        "rule.0.need: 'Approvers' is the name of the party that approvers stand for; choose another",
    ),
    (
        '[defaults]\nescalate = [{ after = "24h", to = ["S0A"] }]\n',
        "defaults.escalate: a stage comes no sooner than expires_after, so nobody would see it",
    ),
    (
        '[[rule]]\nexpires_after = "2h"\nescalate = [{ after = "3h", to = ["S0A"] }]\n',
        "rule.0.escalate: a stage comes no sooner than expires_after, so nobody would see it",
    ),
    (
        '[[rule]]\nescalate = [{ after = "60m", to = ["S0A"] }, { after = "1h", to = ["S0B"] }]\n',
        "rule.0.escalate: two stages have the same after; write them as one",
    ),
]


@pytest.mark.parametrize(("text", "problem"), PARTIES)
def test_keys_that_contradict_each_other(text: str, problem: str) -> None:
    """Each key is right, together they are not: the table is named, and what to do."""
    with pytest.raises(SettingsError) as caught:
        policy_file.load(text)
    assert caught.value.problems == (f"{FILE}: {problem}.",)


def test_contradictions_are_told_with_every_other_problem() -> None:
    """A table that cannot be read hides no contradiction in another one, and the file has the caller's name."""
    with pytest.raises(SettingsError) as caught:
        policy_file.load("".join(text for text, _ in PARTIES[1:]) + '[[rule]]\nquorum = "x"\n', "my.toml")
    told = "\n".join(caught.value.problems)
    assert "my.toml: rule.7.quorum: Input should be a valid integer" in told
    for what in (
        "rule.0: need",
        "rule.2.need",
        "rule.3.need",
        "rule.4.need",
        "rule.5.escalate",
        "rule.6.escalate",
    ):
        assert f"my.toml: {what}" in told


def test_the_digest_is_of_what_the_policy_says() -> None:
    """Order within a list, comments and spelled-out defaults change nothing; a person more does."""
    one = policy_file.load(
        '[defaults]\napprovers = ["U0ADA", "S0GPU"]\n[[rule]]\nwhen = { min_gb = 1.5 }\nquorum = 2\n'
    )
    same = policy_file.load(
        '# said otherwise\n[defaults]\nquorum = 1\nexpires_after = "1440m"\napprovers = ["S0GPU", "U0ADA"]\n'
        "[[rule]]\nquorum = 2\nwhen = { min_gb = 1.5 }\n"
    )
    other = policy_file.load('[defaults]\napprovers = ["S0GPU"]\n')
    assert one.digest == same.digest
    assert len({one.digest, other.digest, policy_file.load("").digest}) == 3


def party(name: str, number: int = 0) -> str:
    return f'{{ name = "{name}", from = ["S0A{number}"] }}'


def stage(hours: int) -> str:
    return f'{{ after = "{hours}h", to = ["S0A"] }}'


@pytest.mark.parametrize(
    ("key", "entry"),
    [("need", lambda number: party(f"P{number}", number)), ("escalate", lambda number: stage(number + 1))],
)
def test_parties_and_stages_are_one_to_five(key: str, entry: Callable[[int], str]) -> None:
    """An empty list means nothing, a sixth entry would not fit on the card: both are refused by their place."""
    for number in (1, 5):
        listed = ", ".join(entry(each) for each in range(number))
        found = policy_file.load(f"[defaults]\n{key} = [{listed}]\n").defaults
        assert len(getattr(found, key)) == number
    for number in (0, 6):
        listed = ", ".join(entry(each) for each in range(number))
        with pytest.raises(SettingsError) as caught:
            policy_file.load(f"[defaults]\n{key} = [{listed}]\n")
        assert caught.value.problems[0].startswith(f"{FILE}: defaults.{key}: ")


@pytest.mark.parametrize("name", ["A", "A b", "x" * 30])
def test_a_party_has_a_short_name(name: str) -> None:
    """One to thirty characters with no space round them; one person of it must approve unless it says more."""
    (need,) = policy_file.load(f"[defaults]\nneed = [{party(name)}]\n").defaults.need or ()
    assert (need.name, need.count, need.among) == (name, 1, {"S0A0"})


@pytest.mark.parametrize("name", ["", " ", " A", "A ", "x" * 31])
def test_a_party_has_no_other_name(name: str) -> None:
    """What the card could not show is refused by its place."""
    with pytest.raises(SettingsError) as caught:
        policy_file.load(f"[defaults]\nneed = [{party(name)}]\n")
    assert caught.value.problems[0].startswith(f"{FILE}: defaults.need.0.name: ")


@pytest.mark.parametrize("count", [0, 1, 20, 21])
def test_a_party_is_one_to_twenty_people(count: int) -> None:
    """So many of a group must approve; nobody and a crowd are refused by their place."""
    text = f'[defaults]\nneed = [{{ name = "A", from = ["S0A"], count = {count} }}]\n'
    if count in {1, 20}:
        (need,) = policy_file.load(text).defaults.need or ()
        assert need.count == count
        return
    with pytest.raises(SettingsError) as caught:
        policy_file.load(text)
    assert caught.value.problems[0].startswith(f"{FILE}: defaults.need.0.count: Input should be ")


def test_the_digest_of_a_known_policy() -> None:
    """SHA-256 of the JSON with its keys sorted and no spaces: another one would be another policy to every reader.

    By hand: ``printf '%s' '{"defaults":{"approvers":["S0GPU","U0ADA"],"quorum":2}}' | sha256sum``.
    """
    found = policy_file.load('[defaults]\nquorum = 2\napprovers = ["U0ADA", "S0GPU"]\n')
    assert found.digest == "c7590d5bdfaeb7300af69db336ae2475f2c46449452ac17ac9c63d57711fe97c"
    nested = policy_file.load('[[rule]]\nwhen = { min_gpus = 2 }\nquorum = 2\ndeny = "No."\n')
    assert found.digest != nested.digest == "2bd464dddedb4574deadf25e96e746467b9ed430311ce93169a85336dd8dc585"


@pytest.mark.parametrize("name", ["", "x" * 31, " A", "A ", " "])
def test_what_is_no_name_of_a_party(name: str) -> None:
    """It would not be told apart from another one on the card, or not fit there."""
    with pytest.raises(SettingsError) as caught:
        policy_file.load(f"[defaults]\nneed = [{party(name)}]\n")
    place, _, why = caught.value.problems[0].removeprefix(f"{FILE}: ").partition(": ")
    assert place == "defaults.need.0.name"
    assert name or why == "String should have at least 1 character."


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[defaults]\nneed = [{ name = "A", from = [] }]\n', "defaults.need.0.from"),
        ('[defaults]\nneed = [{ name = "A" }]\n', "defaults.need.0.from"),
        ('[defaults]\nescalate = [{ after = "1h", to = [] }]\n', "defaults.escalate.0.to"),
        ('[[case]]\nasks = ""\ndenied = true\n', "case.0.asks"),
        ('[defaults]\npurpose_pattern = ""\n', "defaults.purpose_pattern"),
        (f'[defaults]\npurpose_pattern = "{"x" * 201}"\n', "defaults.purpose_pattern"),
        (f'[defaults]\nname_pattern = "{"x" * 201}"\n', "defaults.name_pattern"),
    ],
)
def test_what_names_nobody_or_nothing_is_refused(text: str, place: str) -> None:
    """By its place; a pattern may be two hundred characters long."""
    with pytest.raises(SettingsError) as caught:
        policy_file.load(text)
    assert caught.value.problems[0].startswith(f"{FILE}: {place}: ")
    assert policy_file.load(f'[defaults]\nname_pattern = "{"x" * 200}"\n').defaults.name_pattern == "x" * 200


def test_a_link_needs_a_pattern() -> None:
    """Which says what it leads to."""
    link = '[defaults]\npurpose_link = "https://tracker.example.com/{match}"\n'
    with pytest.raises(SettingsError) as caught:
        policy_file.load(link)
    problem = "there is no purpose_pattern to say what {match} stands for"
    assert caught.value.problems == (f"{FILE}: defaults.purpose_link: {problem}.",)
    assert policy_file.load(f'{link}purpose_pattern = "x"\n').defaults.purpose_link is not None


def test_what_holds_where_the_file_says_nothing() -> None:
    """The keys that are no part of a ruling."""
    found = policy_file.load("")
    assert (found.defaults.cli_decisions, found.defaults.purpose, found.defaults.confirm_from_gpus) == (
        "deny",
        "optional",
        None,
    )
    assert set(found.limits.model_dump().values()) == {None}


SAYS = """
[defaults]
approvers = ["U0ADA", "S0TEAM", "anyone"]
admins = ["S0OPS", "U0BEN"]
notify = ["S0NEWS"]
escalate = [{ after = "1h", to = ["S0BOSS"] }]
[[rule]]
when = { spaces = ["prod"] }
need = [{ name = "Leads", from = ["S0LEADS", "U0ADA"] }]
escalate = [{ after = "2h", to = ["U0CEO"] }]
[[rule]]
when = { spaces = ["dev", "prod"] }
approvers = ["S0DEV"]
"""


def test_whom_and_what_a_policy_names() -> None:
    """People, groups and spaces, wherever they stand; groups only where they may give a person a say."""
    found = policy_file.load(SAYS)
    voting = {"U0ADA", "S0TEAM", "S0BOSS", "S0LEADS", "U0CEO", "S0DEV"}
    assert found.approvers() == voting | {"anyone"}
    assert found.entries() == voting | {"S0OPS", "U0BEN", "S0NEWS"}
    assert found.reached_later() == {"S0BOSS", "U0CEO"}
    assert found.spaces() == {"prod", "dev"}
    assert found.groups_for("U0ADA") == {"S0OPS", "S0BOSS", "S0DEV"}
    assert found.groups_for("U0BEN") == {"S0TEAM", "S0BOSS", "S0LEADS", "S0DEV"}


def test_the_golden_digest() -> None:
    """The text that is hashed, by hand: another form would have every policy taken for a new one."""
    text = '{"defaults":{"approvers":["S0GPU","U0ADA"]},"rule":[{"quorum":2,"when":{"min_gb":"1.5"}}]}'
    found = policy_file.load(
        '[defaults]\napprovers = ["U0ADA", "S0GPU"]\n[[rule]]\nwhen = { min_gb = 1.5 }\nquorum = 2\n'
        '[[case]]\nasks = "10b"\nneed = { Approvers = 1 }\n'
    )
    assert found.digest == hashlib.sha256(text.encode()).hexdigest()
    assert found.digest == "3108ba28c97295a54fe2522133167dc4a7037dec05703ecb22e86a6de75afbbb"

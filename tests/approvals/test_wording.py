"""What the policy asks of a purpose and of a name: pure, and in linear time."""

from __future__ import annotations

import time

import pytest

from bot.approvals.draft import Site, draft
from bot.approvals.policy_file import Defaults, load
from bot.approvals.state_machine import Refusal
from bot.approvals.wording import CODES, linked, refuse_words
from bot.errors import SettingsError
from bot.messages import REFUSALS, refusal
from bot.slack.blocks.form import asks_purpose

SITE = Site("https://cpd.example", "space-1")
PLAIN = draft("10b 2x128MB", SITE)
NAMED = draft("10b 2x128MB name=prod-inference", SITE)
TICKET = "[A-Z]+-[0-9]+"


def test_nothing_is_asked_by_default() -> None:
    """An old policy file takes requests with and without a purpose, and any name."""
    assert refuse_words(Defaults(), None, NAMED) is None
    assert refuse_words(Defaults(), "quarterly eval", NAMED) is None


@pytest.mark.parametrize(
    ("rules", "purpose", "code"),
    [
        ({"purpose": "required"}, None, "purpose_missing"),
        ({"purpose": "required"}, "eval", None),
        ({"purpose_pattern": TICKET}, None, None),
        ({"purpose_pattern": TICKET}, "quarterly eval", "purpose_unlike"),
        ({"purpose_pattern": TICKET}, "quarterly eval, ABC-123", None),
        ({"name_pattern": "[a-z]+"}, None, "name_unlike"),
        ({"name_pattern": "[a-z]+-[a-z]+"}, None, None),
        ({}, "the token is xoxb-1234567890-abcdef", "secret_in_purpose"),
    ],
)
def test_words_are_refused_by_the_policy(
    rules: dict[str, str], purpose: str | None, code: str | None
) -> None:
    """The purpose must hold the pattern somewhere, a typed name must be it as a whole."""
    found = refuse_words(Defaults.model_validate(rules), purpose, NAMED)
    assert (found.code if found else None) == code


def test_a_missing_purpose_is_told_with_its_pattern() -> None:
    """Where there is one."""
    assert refuse_words(Defaults(purpose="required"), None, PLAIN) == Refusal("purpose_missing", "")
    rules = Defaults(purpose="required", purpose_pattern=TICKET)
    assert refuse_words(rules, None, PLAIN) == Refusal("purpose_missing", TICKET)


def test_only_a_typed_name_is_judged() -> None:
    """A name made from the content is ours."""
    assert refuse_words(Defaults(name_pattern="[a-z]+"), None, PLAIN) is None


def test_every_refusal_has_words() -> None:
    """They name the pattern, and what to do."""
    assert {"purpose_missing", "purpose_unlike", "secret_in_purpose", "name_unlike"} == CODES
    assert set(REFUSALS) >= CODES
    assert refusal("purpose_unlike", TICKET).endswith(f"It must match {TICKET}")
    assert asks_purpose(Defaults()) == ""
    assert asks_purpose(Defaults(purpose="required", purpose_pattern="A")) == "Required, matching A."
    assert asks_purpose(Defaults(purpose_pattern="A")) == "Optional, matching A."
    assert asks_purpose(Defaults(purpose="required")) == "Required."


def test_a_ticket_leads_to_the_tracker() -> None:
    """The first match, and where."""
    rules = Defaults(purpose_pattern=TICKET, purpose_link="https://tracker.example.com/browse/{match}")
    assert linked(rules, "eval, ABC-123 and DEF-4") == (6, 13, rules.purpose_link)
    assert linked(rules, "eval") is None
    assert linked(Defaults(purpose_pattern=TICKET), "ABC-123") is None


def test_no_pattern_keeps_the_bot_busy() -> None:
    """A pattern that takes Python's own engine for ever is answered at once."""
    rules = Defaults(purpose_pattern="(x+)+$")
    before = time.process_time()
    assert refuse_words(rules, "x" * 199 + "!", PLAIN) == Refusal("purpose_unlike", "(x+)+$")
    assert time.process_time() - before < 1


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("purpose", "always", "'optional' or 'required'"),
        ("purpose_pattern", "(", "RE2"),
        ("purpose_pattern", "(?=a)b", "RE2"),
        ("name_pattern", "", "at least 1 character"),
        ("purpose_link", "javascript:{match}", "https address that holds {match}"),
        ("purpose_link", "https://tracker.example.com/", "holds {match}"),
        ("purpose_link", "https://{match}.example.com/", "holds {match}"),
    ],
)
def test_a_mistake_in_the_file_is_named(key: str, value: str, says: str) -> None:
    """With the key it stands in."""
    with pytest.raises(SettingsError) as caught:
        load(f"[defaults]\n{key} = '{value}'\n")
    (problem,) = caught.value.problems
    assert key in problem
    assert says in problem


def test_a_pattern_that_is_none_is_told_by_us_alone(capfd: pytest.CaptureFixture[str]) -> None:
    """The engine itself writes nothing to standard error."""
    with pytest.raises(SettingsError, match="must be a regular expression as RE2 takes it"):
        load('[defaults]\npurpose_pattern = "a(unclosed"\n')
    assert capfd.readouterr() == ("", "")

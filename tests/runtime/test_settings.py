"""Settings: every problem at once, no value ever, and secrets from files."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.runtime import settings as configuration
from bot.runtime.settings import Need, check_settings

WHOLE = {
    "SLACK_BOT_TOKEN": "xoxb-made-up",
    "SLACK_SIGNING_SECRET": "made-up-signing",
    "WATSONX_URL": "https://cpd.example.com",
    "WATSONX_SPACE_ID": "space",
    "WATSONX_TOKEN": "made-up-token",
    "PEFTSIZE_APPROVERS": "U0AAAA,S0GROUP",
}
SERVE = Need(slack=True, http=True, watsonx=True, approvers=True)


def problems(environment: dict[str, str], need: Need = SERVE) -> list[str]:
    try:
        check_settings(configuration.load(environment, "no such file"), need)
    except SettingsError as error:
        return list(error.problems)
    return []


def test_a_whole_set_of_settings_has_no_problem() -> None:
    """What the README asks for is enough."""
    assert problems(WHOLE) == []


def test_everything_that_is_missing_is_named_at_once() -> None:
    """Nobody should have to start the bot six times to learn what it needs."""
    named = " ".join(problems({}))
    for word in (
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
        "WATSONX_URL",
        "WATSONX_SPACE_ID",
        "Credentials",
        "approve",
    ):
        assert word in named


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"WATSONX_APIKEY": "k"}, "WATSONX_TOKEN"),
        ({"WATSONX_TOKEN": "", "WATSONX_USERNAME": "u"}, "WATSONX_APIKEY or WATSONX_PASSWORD"),
        ({"WATSONX_TOKEN": "", "WATSONX_PASSWORD": "p"}, "WATSONX_USERNAME"),
        (
            {"WATSONX_TOKEN": "", "WATSONX_USERNAME": "u", "WATSONX_APIKEY": "k", "WATSONX_PASSWORD": "p"},
            "both set",
        ),
        ({"WATSONX_URL": "http://cpd.example.com"}, "WATSONX_URL must be https"),
        ({"PEFTSIZE_APPROVERS": "somebody"}, "PEFTSIZE_APPROVERS"),
        ({"PEFTSIZE_DATABASE_URL": "mysql://root:hunter2@db/x"}, "PEFTSIZE_DATABASE_URL"),
        ({"WATSONX_TIMEOUT_S": "soon"}, "WATSONX_TIMEOUT_S"),
        ({"PEFTSIZE_SETTLE_S": "-1"}, "PEFTSIZE_SETTLE_S"),
        ({"PEFTSIZE_SPACES": "dev"}, "PEFTSIZE_SPACES"),
        ({"PEFTSIZE_POLICY_FILE": "/no/such/file"}, "PEFTSIZE_POLICY_FILE"),
        ({"WATSONX_CA_BUNDLE": "/no/such/file"}, "WATSONX_CA_BUNDLE"),
    ],
)
def test_what_contradicts_or_cannot_be_used_is_named_without_its_value(
    changed: dict[str, str], word: str
) -> None:
    """The name of the setting is in the sentence, its value is not."""
    found = problems(WHOLE | changed)
    assert any(word in problem for problem in found)
    assert not any(secret in problem for problem in found for secret in ("made-up", "hunter2", "somebody"))


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    """Kubernetes and systemd hand secrets over as files."""
    (tmp_path / "token").write_text("xoxb-from-file\n")
    given = {key: value for key, value in WHOLE.items() if key != "SLACK_BOT_TOKEN"}
    found = configuration.load(given | {"SLACK_BOT_TOKEN_FILE": str(tmp_path / "token")}, "no such file")
    assert found.slack_bot_token is not None
    assert found.slack_bot_token.get_secret_value() == "xoxb-from-file"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    """Nobody knows which of the two was meant."""
    (tmp_path / "token").write_text("xoxb-from-file")
    found = problems(WHOLE | {"SLACK_BOT_TOKEN_FILE": str(tmp_path / "token")})
    assert any("both set" in problem for problem in found)


def test_an_env_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    """A `.env` file beside the program is enough to start."""
    (tmp_path / ".env").write_text("PEFTSIZE_LABEL=from-file\nWATSONX_SPACE_ID=from-file\n")
    found = configuration.load({"WATSONX_SPACE_ID": "from-environment"}, str(tmp_path / ".env"))
    assert (found.peftsize_label, found.watsonx_space_id) == ("from-file", "from-environment")


def test_no_secret_is_in_any_representation() -> None:
    """Printing the settings shows no secret."""
    shown = repr(
        configuration.load(WHOLE | {"PEFTSIZE_DATABASE_URL": "postgresql://u:hunter2@db/x"}, "no such file")
    )
    assert "made-up" not in shown
    assert "hunter2" not in shown


def test_two_sources_of_approvers_are_a_contradiction(tmp_path: Path) -> None:
    """The short form and the file must not quietly add up."""
    (tmp_path / "policy.toml").write_text('[defaults]\napprovers = ["U0ZZZZ"]\n')
    found = problems(WHOLE | {"PEFTSIZE_POLICY_FILE": str(tmp_path / "policy.toml")})
    assert any("keep one" in problem for problem in found)


def test_where_the_anchor_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the SQLite file, or in the working folder under the host's name, where all replicas' are read."""
    monkeypatch.chdir(tmp_path)
    lite = configuration.load(WHOLE | {"PEFTSIZE_DATABASE_URL": "sqlite:////data/peftsize.db"}, "none")
    assert lite.anchor_file == Path("/data/peftsize.db.anchor")
    assert lite.anchor_files == [lite.anchor_file]
    elsewhere = {"PEFTSIZE_DATABASE_URL": "postgresql://made-up@127.0.0.1/none"}
    shared = configuration.load(WHOLE | elsewhere, "none")
    assert shared.anchor_file == Path(f"peftsize-{socket.gethostname()}.anchor")
    assert shared.anchor_files == [shared.anchor_file]
    for name in ("peftsize-b.anchor", "peftsize-a.anchor"):
        (tmp_path / name).touch()
    assert shared.anchor_files == [Path("peftsize-a.anchor"), Path("peftsize-b.anchor")]
    named = configuration.load(WHOLE | elsewhere | {"PEFTSIZE_ANCHOR_FILE": "/mnt/one.anchor"}, "none")
    assert named.anchor_files == [named.anchor_file] == [Path("/mnt/one.anchor")]

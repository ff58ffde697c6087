"""An installation to be checked: the stand-ins, a folder, and settings that pass every check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from bot.slack import manifest
from tests.support.command_line import Ran, run

if TYPE_CHECKING:
    from pathlib import Path

    from bot.sandbox.slack.fake_slack import FakeSlack
    from bot.sandbox.watsonx.fake_watsonx import FakeCluster


class Site:
    """The installation.

    Args:
        folder: Where ``doctor`` is run.
        slack: Started.
        cluster: Started.
    """

    def __init__(self, folder: Path, slack: FakeSlack, cluster: FakeCluster) -> None:
        self.folder = folder
        self.slack = slack
        self.cluster = cluster
        slack.api.manifest = yaml.safe_load(manifest.manifest())
        self.environment = cluster.settings() | {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_CONFIG_TOKEN": slack.app.config_token,
            "SLACK_API_URL": slack.url,
            "PEFTSIZE_APPROVERS": "S0APPROVE",
            "PEFTSIZE_APPROVAL_CHANNEL": "C0APPROVE",
            "WATSONX_TIMEOUT_S": "5",
        }

    def doctor(self, **settings: str | None) -> Ran:
        """Run ``peftsize doctor --json`` with these settings changed; None takes one away."""
        wanted = self.environment | settings
        given = {name: value for name, value in wanted.items() if value is not None}
        return run("doctor", "--json", folder=self.folder, environment=given)

    def check(self, name: str, **settings: str | None) -> dict[str, str]:
        """Run the checks and return the only one of this name that is not ok, or the one that is."""
        ran = self.doctor(**settings)
        assert ran.err == ""
        found = [check for check in ran.json if check["check"] == name]
        assert found, ran.out
        assert ran.code == int(any(check["status"] == "failed" for check in ran.json))
        wrong = [check for check in found if check["status"] != "ok"]
        assert len(wrong) <= 1, wrong
        return (wrong or found)[0]

    def write(self, policy: str) -> dict[str, str]:
        """Write a policy file and return the settings that name it."""
        (self.folder / "policy.toml").write_text(policy, encoding="utf-8")
        return {"PEFTSIZE_POLICY_FILE": "policy.toml", "PEFTSIZE_APPROVERS": ""}


def failed(check: dict[str, str], found: str, fix: str) -> None:
    """Compare a failure with the words it must hold."""
    assert check["status"] == "failed", check
    assert found in check["found"]
    assert fix in check["fix"]

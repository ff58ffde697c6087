"""The way from Slack is cut: in Socket Mode nothing arrives any more, and nobody notices by a failed call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from bot.slack.inbound.socket_mode import GRACE_MS
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.team import Team

THREAT = Threat(
    what="Somebody who cuts the way from Slack (Socket Mode)",
    can={"keep clicks and commands away while it is cut": "test_a_lost_connection_is_seen"},
    cannot={
        "do so unseen: `/readyz`, a metric and the log say it": "test_a_lost_connection_is_seen",
        "keep the bot deaf: it reconnects automatically": "test_a_lost_connection_is_seen",
    },
    do="look at `peftsize_socket_connections` and the way to Slack; people press again what was lost.",
)


def gauge(team: Team) -> str:
    """Return the number of open connections as the metrics tell it."""
    lines = team.get("/metrics")[1].splitlines()
    return next(line for line in lines if line.startswith("peftsize_socket_connections ")).split()[1]


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the connections logged of themselves."""
    return [one.message for one in caplog.records if one.message.startswith("Socket Mode")]


@pytest.mark.heavy
def test_a_lost_connection_is_seen(new_team: Callable[..., Team], caplog: pytest.LogCaptureFixture) -> None:
    """After a grace time the bot is not ready; a gauge and one log line each way say so; then it is back."""
    caplog.set_level(logging.INFO, "bot.slack.inbound.socket_mode")
    team = new_team(socket=True)
    assert team.line is not None
    line = team.line
    assert (team.get("/readyz")[0], gauge(team)) == (200, "2.0")
    team.slack.stop()
    team.until(lambda: logged(caplog), "the loss is logged", 60)
    assert (team.get("/readyz")[0], gauge(team), line.connected) == (200, "0.0", 0)
    team.clock.advance(GRACE_MS)
    status, words = team.get("/readyz")
    assert status == 503
    assert "no Socket Mode connection to Slack for 3" in words
    team.slack.start()
    team.until(lambda: len(logged(caplog)) == 2, "connected again", 60)
    assert (team.get("/readyz")[0], team.ask().state) == (200, "pending")
    assert [line.partition(":")[0] for line in logged(caplog)] == [
        "Socket Mode lost its connections",
        "Socket Mode is connected again",
    ]

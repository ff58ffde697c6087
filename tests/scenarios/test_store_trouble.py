"""The database takes nothing: the person is told, nothing is half stored, and it works again afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from tests.support.team import CHANNEL, POLICY, TEXT, Team

if TYPE_CHECKING:
    from collections.abc import Callable


def test_read_only(team: Team) -> None:
    """Commands, forms and clicks say that nothing was stored; ``/readyz`` says why; then all is well."""
    request = team.ask()
    card = team.card(request)
    team.slack.command("rosa", CHANNEL, "")
    form = team.slack.modals("rosa")[-1]
    before = team.audit()
    assert team.get("/readyz") == (200, "ready\n")

    team.database("query_only", "ON")
    assert "nothing was stored" in team.words(team.slack.command("rosa", CHANNEL, "7b none qlora4").said[0])
    assert (
        "nothing was stored"
        in team.slack.submit("rosa", form, {"request": "8b none qlora4"}).errors["request"]
    )
    click = team.slack.click("ada", card, "peftsize.approve")
    assert (click.status, click.error) == (503, "http_service_error")
    status, reason = team.get("/readyz")
    assert (status, reason) == (503, "the database refuses writes: read-only\n")
    assert team.get("/livez")[0] == 200
    assert "Waiting for approval" in team.words(
        team.slack.command("rosa", CHANNEL, f"show {request.id}").said[0]
    )

    team.database("query_only", "OFF")
    assert team.audit() == before
    assert team.get("/readyz")[0] == 200
    assert team.approve("ada", request).state is State.CREATED
    team.slack.submit("rosa", team.slack.modals("rosa")[-1], {"request": "8b none qlora4"})
    team.quiet()
    assert [row.canonical for row in team.rows()] == ["8b none qlora4", TEXT]
    assert team.posts() == 1


def test_a_full_disk(team: Team) -> None:
    """What no longer fits is told and leaves nothing behind; with room again the same command works."""
    team.ask()
    team.product.dispatcher.stop()
    pages = team.sql("PRAGMA page_count")[0][0]
    team.database("max_page_count", str(pages))
    for number in range(1, 200):
        text = f"{number}b {'+'.join(f'{number}x{size}MB' for size in range(1, 40))} qlora4"
        delivery = team.slack.command("rosa", CHANNEL, text)
        if delivery.said:
            break
    assert "The disk is full, so nothing was stored." in team.words(delivery.said[0])
    stored = len(team.rows())
    assert stored == number
    team.database("max_page_count", "1000000")
    assert team.slack.command("rosa", CHANNEL, text).said == ()
    assert len(team.rows()) == stored + 1
    assert [row["event"] for row in team.audit()] == ["requested"] * (stored + 1)
    team.product.dispatcher.start()
    team.quiet(60)
    assert len(team.slack.messages(CHANNEL)) == stored + 1


def test_an_event_that_was_not_stored_comes_again(new_team: Callable[..., Team]) -> None:
    """Slack's own repeat brings what the database did not take; nothing is done twice."""
    team = new_team(policy=POLICY + 'workflow = "allow"\n')
    team.database("query_only", "ON")
    delivery = team.slack.run_function("rosa", {"request_text": TEXT, "requester": "U0ROSA001"})
    assert delivery.status == 503
    assert delivery.attempt == 3
    team.database("query_only", "OFF")
    team.slack.replay(delivery)
    team.quiet()
    assert len(team.rows()) == 1


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_a_file_that_is_no_database(team: Team, path: str) -> None:
    """Even a destroyed file is an answer, never a traceback."""
    team.ask()
    team.product.store.database.close()
    database = team.folder / "team.db"
    kept = database.read_bytes()
    for name in ("team.db-wal", "team.db-shm"):
        (team.folder / name).unlink(missing_ok=True)
    database.write_bytes(b"not a database " * 1000)
    status, words = team.get(path)
    assert status == 503
    assert "Traceback" not in words
    told = team.slack.command("rosa", CHANNEL, "7b none qlora4")
    assert "nothing was stored" in team.words(told.said[0])
    database.write_bytes(kept)

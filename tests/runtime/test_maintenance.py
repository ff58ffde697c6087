"""What is done now and then: drift to the admins, the anchor, the policy's warnings, old rows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import select

from bot.store import tables
from tests.support.bench import HOUR_MS, MINUTE_MS, OTHER_NODES, Bench
from tests.support.team import ADA, INES, POLICY

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

DAY_MS = 24 * HOUR_MS
GROUPS = frozenset({"usergroups.users.list", "usergroups.list"})


def hourly(bench: Bench) -> None:
    """Let an hour pass, and have done what is done now and then."""
    bench.advance(HOUR_MS)
    bench.periodic()
    bench.run_due()


def facts(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """Return the facts of what was logged, oldest first."""
    mine = (record for record in caplog.records if record.name == "bot.runtime.maintenance")
    return [record.__dict__["facts"] for record in mine]


# --- drift


def test_drift_is_told_to_the_admins_once(bench: Bench) -> None:
    """In one direct message; the next hours say only what is new, and what came back is new again."""
    first = bench.add_spec(OTHER_NODES, "peft-a")
    hourly(bench)
    (told,) = bench.slack.dms("ines")
    assert "Live hardware specifications and our records differ" in bench.words(told)
    assert f"peft-a ({first})" in bench.words(told)
    for _ in range(3):
        hourly(bench)
    assert len(bench.slack.dms("ines")) == 1
    second = bench.add_spec(OTHER_NODES, "peft-b")
    hourly(bench)
    (_, told) = bench.slack.dms("ines")
    assert second in bench.words(told)
    assert first not in bench.words(told)
    bench.cluster.api.remove(first)
    hourly(bench)
    bench.add_spec(OTHER_NODES, "peft-a")
    hourly(bench)
    assert len(bench.slack.dms("ines")) == 3
    assert bench.slack.dms("rosa") == bench.slack.dms("ada") == []


def test_drift_is_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Each difference is a line of the log, when it is new."""
    spec_id = bench.add_spec(OTHER_NODES, "peft-a")
    for _ in range(2):
        hourly(bench)
    (line,) = (str(fact["what"]) for fact in facts(caplog))
    assert line.startswith(f"peft-a ({spec_id}) has our name pattern")


def test_an_admin_group_stands_for_its_members(new_bench: Callable[..., Bench]) -> None:
    """Those who were in it when the policy was checked last; everybody once."""
    bench = new_bench(
        policy=f'[defaults]\napprovers = ["{ADA}"]\nadmins = ["S0APPROVE", "{ADA}", "{INES}"]\n'
    )
    bench.product.maintenance.check_policy()
    bench.add_spec(OTHER_NODES, "peft-a")
    hourly(bench)
    assert [len(bench.slack.dms(who)) for who in ("ada", "ben", "ines", "rosa")] == [1, 1, 1, 0]


def test_before_the_policy_was_checked_only_named_admins_hear(new_bench: Callable[..., Bench]) -> None:
    """Nobody is invented for a group that could not be looked up."""
    bench = new_bench(policy=f'[defaults]\napprovers = ["{ADA}"]\nadmins = ["S0APPROVE", "{INES}"]\n')
    bench.add_spec(OTHER_NODES, "peft-a")
    hourly(bench)
    assert [len(bench.slack.dms(who)) for who in ("ada", "ben", "ines")] == [0, 0, 1]


def test_a_message_holds_twenty_differences(bench: Bench) -> None:
    """The log holds them all."""
    for number in range(22):
        bench.add_spec(OTHER_NODES, f"peft-{number:02}")
    bench.advance(HOUR_MS)
    bench.periodic()
    with bench.product.store.read() as tx:
        message = tx.queues.message(f"notice:drift:{INES}")
        assert len(tx.noted("drift")) == 22
    assert message is not None
    assert [line.split(" ")[0] for line in message.body["lines"]] == [f"peft-{n:02}" for n in range(20)]


def test_a_dry_run_looks_for_no_drift(new_bench: Callable[..., Bench]) -> None:
    """It asks no cluster."""
    bench = new_bench(dry_run=True)
    bench.add_spec(OTHER_NODES, "peft-a")
    hourly(bench)
    assert (bench.calls(), bench.slack.dms("ines")) == ([], [])


# --- the anchor


def test_the_head_of_the_audit_chain_is_posted_daily(new_bench: Callable[..., Bench]) -> None:
    """Row and hash as the chain has them, once a day, in the channel of the settings."""
    bench = new_bench(peftsize_anchor_channel="C0MLSERVE")
    bench.ask()
    head = bench.audit()[-1]
    bench.periodic()
    bench.run_due()
    anchors = [m for m in bench.slack.messages("#ml-serving") if "Head of the audit chain" in bench.words(m)]
    (posted,) = anchors
    assert f"{head['seq']} {head['hash']}" in bench.words(posted)
    bench.advance(DAY_MS - 1)
    bench.periodic()
    assert bench.waiting() == []
    bench.advance(MINUTE_MS)
    bench.periodic()
    assert "notice:anchor" in bench.waiting()


def test_without_a_channel_no_head_is_posted(bench: Bench) -> None:
    """The setting is optional."""
    bench.periodic()
    assert bench.waiting() == []


# --- the policy


def test_a_policy_that_nobody_can_satisfy_is_logged(
    new_bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture
) -> None:
    """A group that does not exist, a quorum that is larger than the people: each is named."""
    bench = new_bench(policy='[defaults]\napprovers = ["S0NOTHERE", "S0APPROVE"]\nquorum = 3\n')
    bench.product.maintenance.check_policy()
    assert facts(caplog) == [{"group": "S0NOTHERE"}, {"party": "Approvers", "quorum": 3, "able": 2}]


def test_a_quorum_out_of_reach_is_on_the_card(new_bench: Callable[..., Bench]) -> None:
    """Once the policy was checked: the requester's own vote does not count, unless the policy says so."""
    bench = new_bench(policy=POLICY + "quorum = 3\n")
    request = bench.ask()
    bench.product.maintenance.check_policy()
    assert "must" in bench.shows(request)


def test_a_policy_that_can_be_satisfied_is_not(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Silence is the good news."""
    bench.product.maintenance.check_policy()
    assert facts(caplog) == []


def test_while_slack_cannot_say_who_is_in_a_group(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The check is skipped with a word in the log, and what was known stays known."""
    bench.product.maintenance.check_policy()
    bench.slack.faults.only, bench.slack.faults.down = GROUPS, "503"
    bench.advance(60_000)  # what was looked up a moment ago still serves
    bench.product.maintenance.check_policy()
    (fact,) = facts(caplog)
    assert str(fact["what"]).startswith("usergroups.")


# --- old rows


def delivery_keys(bench: Bench) -> int:
    with bench.product.store.read() as tx:
        return len(tx.connection.execute(select(tables.inbox.c.key)).all())


def test_keys_of_old_deliveries_are_forgotten(bench: Bench) -> None:
    """After 25 hours, one more than Slack sends an event again; not before."""
    bench.ask()
    assert delivery_keys(bench) == 1
    bench.advance(25 * HOUR_MS)
    bench.periodic()
    assert delivery_keys(bench) == 1
    hourly(bench)
    assert delivery_keys(bench) == 0


def test_a_delivery_that_is_not_decided_is_kept(bench: Bench) -> None:
    """However old it is."""
    request = bench.ask()
    assert bench.slack.click("ada", bench.card(request), "peftsize.approve").ok
    bench.advance(26 * HOUR_MS)
    bench.periodic()
    assert delivery_keys(bench) == 1
    assert bench.step("inbox")


def test_response_urls_are_scrubbed(bench: Bench) -> None:
    """After the 30 minutes for which Slack takes them, also from a message that still waits."""
    assert bench.slack.command("rosa", "#random", "10b 2x128MB qlora4").ok
    assert bench.step("inbox")  # who asks is looked up first
    (request,) = bench.rows()

    def kept() -> bool:
        with bench.product.store.read() as tx:
            message = tx.queues.message(f"card:{request.id}")
        assert message is not None
        return "response_url" in message.body

    assert kept()
    bench.advance(30 * MINUTE_MS)
    bench.periodic()
    assert kept()
    bench.advance(MINUTE_MS)
    bench.periodic()
    assert not kept()


# --- revocation


def test_a_revoked_installation(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Logged with the way out, and not ready until the app is installed again."""
    bench.product.maintenance.revoked("tokens_revoked")
    (record,) = (one for one in caplog.records if one.name == "bot.runtime.maintenance")
    assert (record.levelno, record.__dict__["facts"]) == (logging.ERROR, {"event": "tokens_revoked"})
    status, words = bench.get("/readyz")
    assert status == 503
    assert "Slack revoked the installation (tokens_revoked)" in words
    assert bench.product.identify()
    assert "revoked" not in bench.get("/readyz")[1]

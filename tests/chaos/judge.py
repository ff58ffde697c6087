"""Counts what must not have happened, from the database, the cluster, Slack and the audit alone."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.audit.seals import APPROVALS, RELEASES, row_holds

if TYPE_CHECKING:
    from tests.chaos.people import People
    from tests.chaos.world import World

FINAL = frozenset({"created", "rejected", "cancelled", "expired", "attention", "failed"})
SHOWN = {
    "pending": " asks for ",
    "approved": "*Creating…*",
    "creating": "*Creating…*",
    "unknown": "*Checking whether it was created:*",
    "attention": "*Needs an admin:*",
    "failed": "*Failed:*",
    "created": "*Created*",
    "rejected": "*Rejected*",
    "cancelled": "*Cancelled*",
    "expired": "*Expired:*",
}
"""What a card begins with in each state."""


@dataclass
class Findings:
    """What was found wrong, by kind, each with the cases; all must be empty."""

    kinds: dict[str, list[str]] = field(
        default_factory=lambda: {
            kind: []
            for kind in (
                "duplicate specs",
                "lost requests",
                "lost clicks",
                "stuck requests",
                "Slack effects never had",
                "specs without approval",
                "said created without a spec",
                "POSTs repeated by itself",
                "cards that lie",
                "audit rows missing",
                "audit chain broken",
                "seals that do not hold",
                "unexpected errors logged",
            )
        }
    )

    def add(self, kind: str, case: str) -> None:
        self.kinds[kind].append(case)

    @property
    def clean(self) -> bool:
        return not any(self.kinds.values())


def judge(world: World, people: People) -> Findings:
    """Look at everything once the people are silent and the processes have stopped."""
    found = Findings()
    rows = world.rows.requests()
    by_name = {row["name"]: row for row in rows}
    story = defaultdict(list)
    audit = world.rows.audit()
    for event in audit:
        story[event["request_id"]].append(event)
    _specs(world, people, by_name, story, found)
    _promises(people, by_name, audit, _repeated(world, audit), found)
    for row in rows:
        wish = people.wishes[row["name"]]
        waits = row["state"] == "pending" and not wish.pressed
        if row["state"] not in FINAL and not waits:
            found.add("stuck requests", f"{row['name']} {row['state']}: {row['error']}")
        _card(world, row, found)
        _events(world, row, story[row["id"]], found)
        _seals(world, row, story[row["id"]], found)
    for message in world.rows.outbox_messages():
        found.add("Slack effects never had", f"{message['key']}: {message['error']}")
    for replica in world.replicas:
        for line in replica.log.read_text(errors="replace").splitlines():
            if '"traceback"' in line or line.startswith("Traceback"):
                found.add("unexpected errors logged", line)
    checked = world.replicas[0].run("audit", "verify")
    if checked.returncode != 0:
        found.add("audit chain broken", checked.stdout.strip() or checked.stderr.strip())
    return found


def _specs(
    world: World,
    people: People,
    by_name: dict[str, dict[str, Any]],
    story: dict[str | None, list[dict[str, Any]]],
    found: Findings,
) -> None:
    """Compare the cluster with the rows."""
    live = Counter(spec["metadata"]["name"] for spec in world.cluster.specs())
    ids = {spec["metadata"]["asset_id"]: spec["metadata"]["name"] for spec in world.cluster.specs()}
    for name, count in live.items():
        if count > 1:
            found.add("duplicate specs", f"{name}: {count}")
        row = by_name.get(name)
        events = [event["event"] for event in story[row["id"]]] if row else []
        if "approved" not in events or "approve" not in people.wishes[name].pressed:
            found.add("specs without approval", f"{name}: {row['state'] if row else 'no row'}")
    for name, row in by_name.items():
        if row["state"] == "created" and ids.get(row["spec_id"]) != name:
            found.add("said created without a spec", f"{name} {row['spec_id']}")
        sent = len(world.posts.get(name, ()))
        # a POST follows an approval, a person's Retry, or an answer that proved that nothing was done
        allowed = sum(event["event"] in {"approved", "retried", "released"} for event in story[row["id"]])
        if sent > allowed:
            found.add("POSTs repeated by itself", f"{name}: {sent} for {allowed}")


def _repeated(world: World, audit: list[dict[str, Any]]) -> Counter[str | None]:
    """Count by request the refusals that the audit has as a number, or will: the same one within a minute."""
    again: Counter[str | None] = Counter()
    for event in audit:
        if event["event"].endswith(".repeated"):
            again[event["request_id"]] += int(event["reason"].split()[0])
    for row in world.rows.all("SELECT request_id, again FROM refusals"):
        again[row["request_id"]] += row["again"]
    return again


def _promises(
    people: People,
    by_name: dict[str, dict[str, Any]],
    audit: list[dict[str, Any]],
    repeated: Counter[str | None],
    found: Findings,
) -> None:
    """Everything that was acknowledged is there, and was decided."""
    heard = {event["slack"]["trigger_hash"] for event in audit}
    for wish in people.wishes.values():
        if wish.stored and wish.name not in by_name:
            found.add("lost requests", wish.name)
    for trigger, name, what in people.acked:
        if hashlib.sha256(trigger.encode()).hexdigest()[:16] in heard:
            continue
        row = by_name.get(name)
        if what != "asked" and row is not None and repeated[row["id"]] > 0:
            repeated[row["id"]] -= 1
        else:
            found.add("lost requests" if what == "asked" else "lost clicks", f"{name} {what}")


def _card(world: World, row: dict[str, Any], found: Findings) -> None:
    """The card that the row knows of shows the row."""
    if row["message_ts"] is None:
        found.add("cards that lie", f"{row['name']}: none, {row['state']}")
        return
    card = world.slack.message(row["channel_id"], row["message_ts"])
    shown = "\n".join(str(block.get("text", {}).get("text", "")) for block in card.blocks) if card else ""
    expected = SHOWN[row["state"]]
    if row["state"] == "failed" and not row["reserved"]:
        expected = "*Given up*"
    if expected not in shown or (row["state"] == "created" and row["spec_id"] not in shown):
        found.add("cards that lie", f"{row['name']} {row['state']}: {shown[:80]!r}")


def _events(world: World, row: dict[str, Any], events: list[dict[str, Any]], found: Findings) -> None:
    """The audit tells every step of a row, and of every POST, without a gap."""
    steps = [e for e in events if e["event"] == "requested" or e["from_state"] != e["to_state"]]
    linked = all(before["to_state"] == after["from_state"] for before, after in itertools.pairwise(steps))
    if not steps or steps[0]["event"] != "requested" or not linked or steps[-1]["to_state"] != row["state"]:
        told = " → ".join(f"{e['event']}:{e['to_state']}" for e in steps)
        found.add("audit rows missing", f"{row['name']} {row['state']}: {told}")
    started = {event["rest"]["attempt"] for event in events if event["event"] == "started"}
    for _, attempt in world.posts.get(row["name"], ()):
        if attempt not in started:
            found.add("audit rows missing", f"{row['name']}: POST {attempt}")


def _seals(world: World, row: dict[str, Any], events: list[dict[str, Any]], found: Findings) -> None:
    """Every approval and every leave to send again is sealed, and each POST began under an approval of its digest."""
    public, approved = world.key.public, set()
    for event in events:
        what = event["event"]
        sealed = what in APPROVALS or (what in RELEASES and event["rest"]["attempt"] is not None)
        if sealed and not row_holds(event, public):
            found.add("seals that do not hold", f"{row['name']}: row {event['seq']} {what}")
        if what in APPROVALS:
            approved.add(event["digest"])
        if what == "started" and event["digest"] not in approved:
            found.add("seals that do not hold", f"{row['name']}: row {event['seq']} begun without approval")


def posted_twice(world: World) -> int:
    """Count cards that stand in a channel besides the one that the row knows (at least once is the promise)."""
    known = {(row["channel_id"], row["message_ts"]) for row in world.rows.requests()}
    total = 0
    for channel in {channel for channel, _ in known}:
        for message in world.slack.messages(channel):
            total += bool(message.blocks) and (channel, message.ts) not in known
    return total

"""The owner of the database at work, at random, while people use the bot: what reaches the cluster was approved.

Each episode has a database, an anchor and a key of its own. People press real buttons; the owner has SQL.
The judge knows the presses alone: a POST needs two people who approved exactly that body and took nothing
back, and a second one for the same request needs a press on Retry.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.approvals.request import Kind, State
from bot.audit import anchor
from bot.audit.verification import verify
from bot.store import Database, schema
from tests.support.bench import Bench
from tests.support.menu import press
from tests.support.owner import Owner
from tests.support.team import ADA, BEN, TWO

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request

MOVES = 12
"""Hostile moves in one episode: then so much is broken that little more can be sent."""
VOTERS = {"ada": ADA, "ben": BEN}


@dataclass
class Report:
    """What came of a run.

    Args:
        moves: Hostile moves, by kind.
        posts: Creates that reached the cluster.
        unapproved: Those that nobody approved, described.
        unseen: Changed audits that ``verify`` calls whole, described.
        tampered: Requests that the bot failed as tampered.
    """

    moves: Counter[str] = field(default_factory=Counter)
    posts: int = 0
    unapproved: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    tampered: int = 0

    def __str__(self) -> str:
        """Return it as lines."""
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.moves.items()))
        return (
            f"{self.moves.total()} hostile moves: {kinds}\n"
            f"{self.posts} POSTs, {len(self.unapproved)} that nobody approved\n"
            f"{self.tampered} requests failed as tampered; {len(self.unseen)} changed audits called whole"
        )


def run(moves: int, seed: int, say: Callable[[str], None] = lambda _: None) -> Report:
    """Run episodes until the owner has made so many moves."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="peftsize-owner-") as place:
        empty = Path(place) / "empty.db"
        database = Database(f"sqlite:///{empty}")
        schema.migrate(database)
        database.close()
        episode = 0
        while report.moves.total() < moves:
            episode += 1
            folder = Path(place) / str(episode)
            folder.mkdir()
            shutil.copy(empty, folder / "team.db")
            bench = Bench(folder, policy=TWO)
            try:
                bench.open()
                left = min(MOVES, moves - report.moves.total())
                name = f"{seed}.{episode}"
                Episode(bench, random.Random(name), report, name).run(left)  # noqa: S311 - no secret
            finally:
                bench.close()
            shutil.rmtree(folder)
            if episode % 10 == 0:
                say(
                    f"{report.moves.total()} moves, {report.posts} POSTs, {len(report.unapproved)} unapproved"
                )
    return report


class Episode:
    """People and the owner, at one database.

    Args:
        bench: The product and its stand-ins.
        chance: Decides what happens.
        report: What to add to.
        name: Names the episode in a finding.
    """

    def __init__(self, bench: Bench, chance: random.Random, report: Report, name: str) -> None:
        self.bench = bench
        self.chance = chance
        self.report = report
        self.name = name
        self.owner = Owner(bench.folder / "team.db")
        self.asked: list[str] = []
        self.bodies: dict[tuple[str, str], set[str]] = {}
        """Who stands by a body for a request, by request id and canonical body."""
        self.retries: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.past: list[dict[str, list[dict[str, Any]]]] = []
        """Earlier contents of the tables, to put back."""
        self.clicks: list[dict[str, Any]] = []
        self.audit_changed: list[str] = []
        self.seen = 0

    def run(self, moves: int) -> None:
        """Let people and the owner act in turn."""
        self._spy()
        while not self.asked:
            self._ask()
        done = 0
        while done < moves:
            for _ in range(self.chance.randint(3, 7)):
                self._person()
            done += self._owner_acts()
        for _ in range(6):
            self._work()
        self._judge_audit()

    # --- what people do

    def _ask(self) -> None:
        with suppress(AssertionError):  # on a busy machine Slack gives up after three seconds
            self.asked.append(self.bench.ask(f"7b {len(self.asked) + 1}x64MB qlora4").id)
        self._work()

    def _person(self) -> None:
        """Have somebody do something, as far as the card lets them."""
        self.bench.advance(self.chance.randint(1_000, 60_000))
        what = self.chance.choices(
            ("ask", "approve", "withdraw", "retry", "refuse", "edit", "delete", "work"),
            (3, 14, 1, 2, 1, 1, 1, 1),
        )[0]
        if what == "ask" and len(self.asked) < 16:
            self._ask()
        elif what == "refuse":
            self.bench.cluster.faults.refused = 1
        elif what == "delete":
            for spec in self.bench.cluster.specs()[-1:]:
                self.bench.cluster.api.remove(spec["metadata"]["asset_id"])
        elif what not in {"ask", "work"} and (request := self._some()) is not None:
            self._press(what, request)
        self._work()

    def _some(self) -> Request | None:
        with self.bench.product.store.read() as tx:
            try:
                return tx.requests.get(self.chance.choice(self.asked[-3:]))
            except (ValueError, TypeError):
                return None  # a row that cannot be read

    def _press(self, action: str, request: Request) -> None:
        """Press a real button; the judge hears of it."""
        who = "ines" if action == "retry" else self.chance.choice(("ada", "ben"))
        try:
            card = self.bench.card(request)
            if action == "edit":
                self.bench.edit("rosa", request, f"7b {self.chance.randint(20, 90)}x64MB qlora4")
                return
            body = self._body(request)
            if action == "retry" and "retry" not in json.dumps(card.blocks):
                return
            if not press(self.bench.slack, who, card, action).ok:
                return
        except (AssertionError, KeyError, LookupError, TypeError, ValueError, StopIteration):
            return  # there is no such button, or no card
        if action == "approve" and body is not None:
            self.bodies.setdefault((request.id, body), set()).add(VOTERS[who])
        if action == "retry":
            self.retries[request.id] += 1
        self.bench.run_due("inbox", "outbox")
        told = [event["event"] for event in self.owner.story(request.id)][-1:]
        if action == "withdraw" and told == ["withdrawn"]:
            for people in (p for (one, _), p in self.bodies.items() if one == request.id):
                people.discard(VOTERS[who])

    def _body(self, request: Request) -> str | None:
        """Return the body that a request's text comes to: what its approvers are asked about."""
        try:
            return self.bench.product.service.draft(request.text, request.use_gpus).payload
        except Exception:  # noqa: BLE001 - a text that the owner wrote
            return None

    def _work(self) -> None:
        """Have the bot do what is due, and judge what reached the cluster."""
        for _ in range(2):
            self.bench.run_due()
            self.bench.advance(2_000)
        posts = [
            one for one in self.bench.cluster.requests() if one.method == "POST" and "hardware" in one.path
        ]
        for post in posts[self.seen :]:
            self._judge(json.dumps(json.loads(post.body), sort_keys=True, separators=(",", ":")))
        self.seen = len(posts)

    # --- the judge

    def _judge(self, body: str) -> None:
        """Say whether a POST was approved: by two who stand by it, once, and once more for each Retry."""
        self.report.posts += 1
        for (request_id, approved), people in self.bodies.items():
            same = json.loads(approved) == json.loads(body)
            if same and len(people) >= 2 and self.sent[request_id] <= self.retries[request_id]:
                self.sent[request_id] += 1
                return
        self.report.unapproved.append(f"{self.name}: {body}")

    def _judge_audit(self) -> None:
        """Say whether a changed audit is called whole."""
        with self.bench.product.store.read() as tx:
            rows = list(tx.audit_log.rows())
        self.report.tampered += sum(row["event"] == "tampered" for row in rows)
        if self.audit_changed and verify(rows, anchor.read(self.bench.folder / "team.db.anchor")).ok:
            self.report.unseen.append(f"{self.name}: {self.audit_changed}")

    # --- what the owner does

    def _spy(self) -> None:
        self.owner.write("CREATE TABLE kept AS SELECT * FROM inbox WHERE 0")
        self.owner.write(
            "CREATE TRIGGER spy AFTER INSERT ON inbox BEGIN "
            "INSERT INTO kept SELECT * FROM inbox WHERE key = NEW.key AND body IS NOT NULL; END"
        )

    def _owner_acts(self) -> int:
        """Make one or two hostile moves; return how many."""
        moves = self.chance.sample(MOVES_BY_NAME, self.chance.randint(1, 2))
        request_id = self.chance.choice(self.asked)
        for move in moves:
            getattr(self, f"_{move}")(request_id)
            self.report.moves[move.replace("_", " ")] += 1
        tables = ("requests", "revisions", "votes", "attempts")
        self.past.append({table: self.owner.rows(f"SELECT * FROM {table}") for table in tables})  # noqa: S608
        self._work()
        return len(moves)

    def _set_approved(self, request_id: str) -> None:
        self.owner.approve(request_id)

    def _forge_votes(self, request_id: str) -> None:
        row = self.owner.rows("SELECT revision, team_id, created_at FROM requests WHERE id = ?", request_id)[
            0
        ]
        for who in (ADA, BEN):
            vote = {"request_id": request_id, "user_id": who, "name": "x", "via": '["S0APPROVE"]'}
            vote |= {"revision": row["revision"], "team_id": row["team_id"], "at": row["created_at"]}
            self.owner.put("votes", vote)
        self.owner.approve(request_id)

    def _copy_votes(self, request_id: str) -> None:
        row = self.owner.rows("SELECT revision FROM requests WHERE id = ?", request_id)[0]
        for vote in self.owner.rows("SELECT * FROM votes"):
            self.owner.put("votes", vote | {"request_id": request_id, "revision": row["revision"]})
        self.owner.approve(request_id)

    def _put_back(self, request_id: str) -> None:
        """Put a request back as it was at an earlier time."""
        past = [then for then in self.past if any(row["id"] == request_id for row in then["requests"])]
        if not past:
            return self._set_approved(request_id)
        then = self.chance.choice(past)
        for table, rows in then.items():
            name = "id" if table == "requests" else "request_id"
            self.owner.write(f"DELETE FROM {table} WHERE {name} = ?", request_id)  # noqa: S608
            for row in rows:
                if row[name] == request_id:
                    self.owner.put(table, row)
        self.owner.approve(request_id)
        return None

    def _put_back_votes(self, request_id: str) -> None:
        for then in self.past:
            for vote in then["votes"]:
                if vote["request_id"] == request_id:
                    self.owner.put("votes", vote)
        self.owner.approve(request_id)

    def _change_payload(self, request_id: str) -> None:
        larger = "replace(payload, '\"num_gpu\":1', '\"num_gpu\":8')"
        self.owner.write(f"UPDATE revisions SET payload = {larger} WHERE request_id = ?", request_id)  # noqa: S608

    def _change_text(self, request_id: str) -> None:
        """Put another request's content under this one's approvals."""
        other = self.chance.choice(self.owner.rows("SELECT * FROM revisions"))
        columns = self.chance.choice((("text",), ("text", "canonical", "payload", "digest", "name")))
        for column in columns:
            statement = f"UPDATE revisions SET {column} = ? WHERE request_id = ?"  # noqa: S608
            self.owner.write(statement, other[column], request_id)

    def _change_space(self, request_id: str) -> None:
        self.owner.write("UPDATE requests SET space_id = 'elsewhere' WHERE id = ?", request_id)

    def _change_revision(self, request_id: str) -> None:
        self.owner.write(
            "UPDATE requests SET revision = 1, state = 'approved', due_at = 1 WHERE id = ?", request_id
        )

    def _change_state(self, request_id: str) -> None:
        state = self.chance.choice([state.value for state in State])
        self.owner.write("UPDATE requests SET state = ?, due_at = 1 WHERE id = ?", state, request_id)

    def _change_kind(self, request_id: str) -> None:
        kind = self.chance.choice([kind.value for kind in Kind])
        self.owner.write("UPDATE OR IGNORE requests SET kind = ? WHERE id = ?", kind, request_id)

    def _change_quorum(self, request_id: str) -> None:
        self.owner.write(
            "UPDATE requests SET quorum = 0, expires_at = expires_at * 2 WHERE id = ?", request_id
        )

    def _forget_attempts(self, request_id: str) -> None:
        self.owner.write("UPDATE attempts SET outcome = 'unsent' WHERE request_id = ?", request_id)
        self.owner.write("UPDATE requests SET state = 'approved', due_at = 1 WHERE id = ?", request_id)

    def _replay_click(self, _request_id: str) -> None:
        kept = self.owner.rows("SELECT * FROM kept")
        if kept:
            click = self.chance.choice(kept)
            self.owner.put("inbox", click | {"due_at": 1, "tries": 0, "claimed_by": None})

    def _forge_click(self, request_id: str) -> None:
        kept = self.owner.rows("SELECT * FROM kept")
        if kept:
            click = self.chance.choice(kept)
            body = json.loads(click["body"]) | {"user_id": BEN, "request_id": request_id, "action": "approve"}
            key = f"forged{self.chance.random()}"
            body |= {"key": key, "revision": 1}
            self.owner.put("inbox", click | {"key": key, "body": json.dumps(body), "due_at": 1, "tries": 0})

    def _append_audit(self, request_id: str) -> None:
        """Append rows that lead back to approved, made of earlier ones with their seals."""
        story = self.owner.story(request_id)
        for _ in range(self.chance.randint(1, 3)):
            if story:
                event = self.chance.choice(("released", "retried", "approved", "voted", "revised"))
                self.owner.append(self.chance.choice(story), event=event, to_state="approved")
        self.owner.approve(request_id)

    def _rewrite_audit(self, request_id: str) -> None:
        row = self.chance.choice(self.owner.rows("SELECT seq, event FROM audit"))
        self.owner.rewrite(row["seq"], event="details" if row["event"] != "details" else "voted")
        self.audit_changed.append(f"rewrote {row}")
        self.owner.approve(request_id)

    def _leave_out_of_audit(self, request_id: str) -> None:
        rows = [
            row for row in self.owner.story(request_id) if row["event"] in {"started", "created", "withdrawn"}
        ]
        if rows:
            seq = self.chance.choice(rows)["seq"]
            self.owner.rewrite(seq, without=seq)
            self.audit_changed.append(f"left out {seq}")
        self.owner.approve(request_id)

    def _cut_audit(self, request_id: str) -> None:
        self.owner.write("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
        self.audit_changed.append("cut")
        self.owner.approve(request_id)

    def _hide_in_audit(self, request_id: str) -> None:
        changed = self.owner.write(
            "UPDATE audit SET request_id = 'R0000000' WHERE request_id = ? AND event <> 'requested'",
            request_id,
        )
        if changed:
            self.audit_changed.append("hid")
        self.owner.approve(request_id)


GENTLE = [
    "set_approved", "forge_votes", "copy_votes", "put_back", "put_back_votes", "change_payload", "change_text",
    "change_space", "change_revision", "change_state", "change_kind", "change_quorum", "forget_attempts",
    "replay_click", "forge_click", "append_audit",
]  # fmt: skip
MOVES_BY_NAME = [*GENTLE, *GENTLE, "rewrite_audit", "leave_out_of_audit", "cut_audit", "hide_in_audit"]

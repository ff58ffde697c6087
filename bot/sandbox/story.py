"""The demo: one request from the command to the audit, played through the real app and printed.

Every step is waited for and checked; the first one that does not happen ends the demo with a sentence.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bot.approvals.request import State
from bot.audit import anchor
from bot.audit.anchor import Anchors
from bot.audit.verification import verify
from bot.sandbox.slack.inputs import NotThere

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request
    from bot.sandbox.slack.delivery import Delivery
    from bot.sandbox.slack.people import Person
    from bot.sandbox.slack.workspace import Message
    from bot.sandbox.watsonx.fake_watsonx import Recorded
    from bot.sandbox.world import World

T = TypeVar("T")

REQUEST = "10b 2x128MB qlora4"
PURPOSE = "quarterly eval, ABC-123"
STEP_S = 20.0
"""How long to wait for a step."""
_SANDBOX = "peftsize sandbox (in a clone: make sandbox)"
_LOOK_S = 0.02


class DidNotHappen(Exception):
    """A step of the story did not happen; the message is a sentence."""


def play(world: World, step_s: float = STEP_S) -> int:
    """Play the story and print it; return 0, or 1 if a step did not happen."""
    started = time.monotonic()
    story = _Story(world, step_s)
    try:
        story.tell()
    except DidNotHappen as trouble:
        print(f"\nThe story ended here: {trouble}", file=sys.stderr)  # noqa: T201 - the command line prints
        return 1
    _print(f"\nAll of this took {time.monotonic() - started:.1f} s. Try it in a browser: {_SANDBOX}")
    return 0


class _Story:
    """The players, the place, and the progress of the story."""

    def __init__(self, world: World, step_s: float) -> None:
        self.world = world
        self.step_s = step_s
        self.slack = world.slack
        self.place = next(iter(self.slack.directory.channels.values()))
        self.number = 0

    def tell(self) -> None:
        """Play every step in order."""
        (asker, *_), approvers = self._players("requester"), self._players("approver")
        _print(
            "A workspace and a cluster of their own, on this machine only. The app, its signatures, database,\n"
            "worker and REST client are the real ones; everything below went over HTTP."
        )
        card = self._ask(asker)
        self._refused(asker, card)
        self._approve(approvers, card)
        post = self._one_post()
        request = self._created(card)
        self._notified(asker, request)
        self._audit(request, post)

    def _ask(self, asker: Person) -> Message:
        required = self.world.product.service.rules.defaults.purpose == "required"
        text = f'{REQUEST} for="{PURPOSE}"' if required else REQUEST
        self._step(f"{asker.real_name} types in #{self.place.name}:  /peftsize {text}")
        _arrived(self.slack.command(asker, self.place, text))
        card = self._until("no card was posted", lambda: next(iter(self._cards()), None))
        self._step("The card in the channel:")
        self._show(card)
        return card

    def _refused(self, asker: Person, card: Message) -> None:
        self._step(f"{asker.real_name} presses Approve on their own request. Only they see:")
        self._press(asker, card)
        private = self._until(
            "the requester's own approval was not answered",
            lambda: next(iter(self.slack.ephemerals(asker, self.place)), None),
        )
        self._show(private)
        if self._request().state is not State.PENDING:
            raise DidNotHappen("the requester's own approval counted.")

    def _approve(self, approvers: list[Person], card: Message) -> None:
        """Have approvers press one after the other, until the policy requires no more."""
        for approver in approvers:
            votes = len(self._request().votes)
            if self._request().state is not State.PENDING:
                return
            self._step(f"{approver.real_name} presses Approve.")
            self._press(approver, card)
            self._until("an approval was not decided", partial(self._has_votes, votes + 1))

    def _has_votes(self, count: int) -> bool:
        return len(self._request().votes) == count

    def _one_post(self) -> Recorded:
        name = self._request().name
        posts = self._until(
            "nothing was sent to the cluster",
            lambda: [one for one in self.world.cluster.posts_for(name) if one.status is not None],
        )
        self._until("no spec was created", lambda: self._request().state is State.CREATED)
        posts = self.world.cluster.posts_for(name)
        if len(posts) != 1:
            raise DidNotHappen(f"{len(posts)} POSTs were sent instead of one.")
        post = posts[0]
        query = "&".join(f"{key}={value}" for key, value in post.query.items())
        self._step(f"Exactly one POST went to the cluster, answered {post.status}:")
        _indented(f"{post.method} {post.path}?{query}\n{json.dumps(json.loads(post.body), indent=2)}")
        return post

    def _created(self, card: Message) -> Request:
        request = self._request()
        specs = self.world.cluster.specs(request.name)
        if [spec["metadata"]["asset_id"] for spec in specs] != [request.spec_id]:
            raise DidNotHappen("the cluster does not hold exactly the spec that the request names.")

        def redrawn() -> Message | None:
            now = self.slack.message(self.place, card.ts)
            return now if now is not None and (request.spec_id or "-") in json.dumps(now.blocks) else None

        shown = self._until("the card was not redrawn", redrawn)
        if len(self._cards()) != 1:
            raise DidNotHappen("there is more than one card.")
        self._step("The same card, redrawn in place:")
        self._show(shown)
        return request

    def _notified(self, asker: Person, request: Request) -> None:
        message = self._until(
            "the requester was not notified",
            lambda: next(
                (m for m in self.slack.dms(asker) if (request.spec_id or "-") in str(m.blocks)), None
            ),
        )
        self._step(f"A direct message to {asker.real_name}, with the spec id and the next step:")
        self._show(message)

    def _audit(self, request: Request, post: Recorded) -> None:
        with self.world.product.store.read() as tx:
            rows = list(tx.audit_log.rows())
        events = [row["event"] for row in rows if row["request_id"] == request.id]
        self._step("The audit, each row with the hash of the one before:")
        _indented("\n".join(_row(row) for row in rows))
        missing = {"approve.refused", "approved", "created"} - set(events)
        if missing or post.status not in {row["rest"]["status"] for row in rows}:
            raise DidNotHappen(f"the audit lacks {', '.join(sorted(missing)) or 'the POST'}.")
        path = self.world.product.settings.anchor_file
        verdict = verify(rows, anchor.read(path) if path else Anchors())
        if not verdict.ok:
            raise DidNotHappen(f"the audit is not intact: {verdict.reason}.")
        self._step(
            f"audit verify: the audit is intact, {verdict.rows} rows, head {verdict.head.hash[:12]}, "
            f"anchored up to row {verdict.anchored}."
        )

    def _players(self, role: str) -> list[Person]:
        """Return the people with a role."""
        found = [person for person in self.slack.directory.people.values() if person.role == role]
        if not found:
            raise DidNotHappen(f'the people file has nobody with role = "{role}".')
        return found

    def _press(self, who: Person, card: Message) -> None:
        try:
            _arrived(self.slack.click(who, card, "peftsize.approve"))
        except NotThere:
            raise DidNotHappen("the card has no Approve button.") from None

    def _cards(self) -> list[Message]:
        posted = self.slack.messages(self.place)
        return [message for message in posted if message.blocks and not message.thread_ts]

    def _request(self) -> Request:
        """Return the newest request."""
        with self.world.product.store.read() as tx:
            return tx.requests.listed(limit=1)[0]

    def _until(self, otherwise: str, happened: Callable[[], T | None]) -> T:
        """Wait for a condition; if it takes too long, the story ends."""
        until = time.monotonic() + self.step_s
        while time.monotonic() < until:
            if found := happened():
                return found
            time.sleep(_LOOK_S)
        raise DidNotHappen(f"{otherwise} within {self.step_s:g} s.")

    def _step(self, words: str) -> None:
        self.number += 1
        _print(f"\n{self.number}. {words}")

    def _show(self, message: Message) -> None:
        _indented(self.slack.render_text(message))


def _arrived(delivery: Delivery) -> None:
    """End the story if the app did not acknowledge."""
    if not delivery.ok:
        raise DidNotHappen(f"the app did not acknowledge in time ({delivery.error}, HTTP {delivery.status}).")


def _row(row: dict[str, Any]) -> str:
    """Return one audit event as a line."""
    states = f"{row['from_state'] or '-'} → {row['to_state'] or '-'}" if row["to_state"] else ""
    who = row["actor"]["name"] or row["actor"]["user_id"] or "the bot"
    status = f" HTTP {row['rest']['status']}" if row["rest"]["status"] else ""
    return f"{row['seq']:>2}  {row['event']:<16} {states:<22} {who:<10} {row['hash'][:12]}{status}"


def _indented(text: str) -> None:
    _print("\n".join(f"   {line}" for line in text.splitlines()))


def _print(text: str) -> None:
    """Print as much as the terminal's encoding can show."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), flush=True)  # noqa: T201 - the command line prints

"""Does due work: claim a row, do the work, say when it is due again."""

from __future__ import annotations

import logging
import secrets
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from bot.dispatch.right_of_way import RightOfWay
from bot.errors import SlackTrouble, StoreError
from bot.log_context import bind
from bot.workflow.backoff import wait_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.provisioning.executor import Executor
    from bot.store import Store, Tx
    from bot.store.queues import OutboxMessage
    from bot.workflow.service import RequestService

log = logging.getLogger(__name__)

LEASE_MS = {"inbox": 15_000, "requests": 25_000, "outbox": 20_000}
"""How long a claim lasts; after that, other workers take over a dead worker's rows."""
MOST_MS, UNEXPECTED_MS = 60_000, 15_000
"""The longest wait between tries of a delivery, and the wait after work that failed unexpectedly."""
REFUSED_MS = 3_600_000
"""How soon a delivery that needs a repair is tried again; the next start tries it at once."""


class DeliversMessages(Protocol):
    """Delivers messages to Slack."""

    def deliver(self, message: OutboxMessage) -> Callable[[Tx], None] | None:
        """Deliver one message, drawn from the current row; raises ``SlackTrouble``.

        Returns:
            What to write in the transaction that removes the message, if anything.
        """

    def closed(self) -> frozenset[str]:
        """Return the spent budgets, whose messages must wait."""


class Worker:
    """Takes due rows of the three lanes, one at a time.

    Args:
        owner: Names this worker in ``claimed_by``.
        right_of_way: What due work gives way to.
        trace: Opens a span by name and row key; the default traces nothing.
    """

    def __init__(
        self,
        store: Store,
        service: RequestService,
        executor: Executor,
        delivery: DeliversMessages,
        owner: str,
        right_of_way: RightOfWay | None = None,
        trace: Callable[[str, str], AbstractContextManager[None]] = lambda _name, _key: nullcontext(),
    ) -> None:
        self.store = store
        self.service = service
        self.executor = executor
        self.delivery = delivery
        self.owner = owner
        self.right_of_way = right_of_way or RightOfWay()
        self._trace = trace

    def claim(self, lane: str, key: str) -> bool:
        """Claim a row; False if it is no longer due, or another worker has it."""
        return self.store.run(
            lambda tx: tx.queues.claim(lane, self.owner, LEASE_MS[lane], key),
            durable=False,  # the next start releases every claim anyway
        )

    def run(self, lane: str, key: str) -> None:
        """Do the work of a claimed row; expected errors are not raised."""
        try:
            with self._trace(f"work {lane}", key):
                if lane == "inbox":
                    self.service.handle(key)
                elif lane == "requests":
                    with bind(request_id=key):
                        self.executor.work(key)
                else:
                    self._deliver(key)
        except StoreError as error:
            log.warning("database unavailable", extra={"facts": {"what": error.what, "lane": lane}})
            if (
                error.what == "conflict"
            ):  # a violated constraint, not a race: the row would be due again at once
                self._later(lane, key)
        except Exception:  # the outermost edge of the worker: the row stays, the reference is for the log
            reference = secrets.token_hex(4)
            log.exception(
                "processing failed", extra={"facts": {"lane": lane, "key": key, "reference": reference}}
            )
            self._later(lane, key)

    @property
    def holds(self) -> bool:
        """Whether some outbox messages must wait for their budget."""
        return bool(self.delivery.closed())

    def find(self, lane: str) -> str | None:
        """Return the key of the next row, or None; messages that must wait for their budget are passed over."""
        closed = self.delivery.closed() if lane == "outbox" else ()
        with self.store.read() as tx:
            return tx.queues.first_due(lane, closed)

    def take(self, lane: str, key: str | None = None) -> bool:
        """Claim and do one row; return whether there was one."""
        row = key or self.find(lane)
        if row is None:
            return False
        self._give_way(lane, row)
        if not self.claim(lane, row):
            return False
        self.run(lane, row)
        return True

    def _give_way(self, lane: str, key: str) -> None:
        if self.right_of_way.is_taken:
            with self.store.read() as tx:
                due_at = tx.queues.due_at(lane, key)
            if due_at is not None:
                self.right_of_way.give_way(lane, self.store.clock() - due_at)

    def release(self) -> None:
        """Release this worker's claims."""
        with self.store.write() as tx:
            tx.queues.release(self.owner)

    def _deliver(self, key: str) -> None:
        with self.store.read() as tx:
            message = tx.queues.message(key)
        if message is None:
            return
        with bind(request_id=message.request_id):
            try:
                written = self.delivery.deliver(message)
            except SlackTrouble as trouble:
                self._after_trouble(message, trouble)
                return

        def once(tx: Tx) -> None:
            if written is not None:
                written(tx)
            tx.queues.sent(message, self.owner)

        self.store.run(once)

    def _after_trouble(self, message: OutboxMessage, trouble: SlackTrouble) -> None:
        facts = {"kind": message.kind, "what": trouble.what, "tries": message.tries}
        with self.store.write() as tx:
            wait = REFUSED_MS if trouble.permanent else wait_ms(message.tries + 1, most_ms=MOST_MS)
            if trouble.retry_after_s is not None:
                wait = int(trouble.retry_after_s * 1000) + 1
            tx.queues.postpone(
                "outbox", message.key, tx.now + wait, failed=not trouble.paced, error=trouble.what
            )
        if not trouble.paced:
            level = logging.WARNING if trouble.permanent or message.tries else logging.INFO
            log.log(level, "Slack delivery failed", extra={"facts": facts})

    def _later(self, lane: str, key: str) -> None:
        try:
            with self.store.write() as tx:
                tx.queues.postpone(lane, key, tx.now + UNEXPECTED_MS)
        except StoreError:
            log.warning("database unreachable; the lease will expire", extra={"facts": {"lane": lane}})

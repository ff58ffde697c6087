"""A test bench: the whole product between its stand-ins, where time and work stand still.

Nothing happens until a test lets it: ``advance`` moves the only clock there is, ``run_due`` does what
is due by then, ``step`` does one due row of a lane.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from bot.approvals.request import Kind
from bot.sandbox.clock import Clock
from bot.sandbox.loopback import nobody
from bot.sandbox.watsonx.api import PATH
from bot.sandbox.watsonx.deployments import PATH as DEPLOYMENTS
from bot.store import schema, tables
from bot.store.queues import LANES
from tests.support.menu import press
from tests.support.team import NAME, POLICY, TEXT, Team

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.approvals.request import Request
    from bot.sandbox.loopback import Call, Moment

TIMEOUT_MS, SETTLE_MS, GAP_MS = 60_000, 40_000, 30_000
"""As the bench is set: one REST call, how long a gateway may still commit, between two look-ups."""
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
NODES = {"cpu": {"units": "2"}, "mem": {"size": "8Gi"}, "gpu": {"num_gpu": 1}}
"""What the bench's request asks for."""
OTHER_NODES = {"cpu": {"units": "1"}, "mem": {"size": "1Gi"}, "gpu": {"num_gpu": 1}}
_OPERATIONS = {"POST": "create", "DELETE": "delete"}
_HAND_CLOCK = """
CREATE SCHEMA hand;
CREATE TABLE hand.clock (ms bigint);
INSERT INTO hand.clock VALUES (0);
CREATE FUNCTION hand.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT pg_catalog.to_timestamp(ms / 1000.0) FROM hand.clock';
ALTER DATABASE {name} SET search_path = hand, pg_catalog, public;
"""
"""PostgreSQL looks for ``clock_timestamp`` here first, so that its time is the bench's too."""


class HandClock(Clock):
    """Stands still until it is moved."""

    def __init__(self) -> None:
        super().__init__()
        self._started_ms = time.time_ns() // 1_000_000

    def advance(self, by_ms: int) -> None:
        """Move it, back too."""
        self._offset_ms += by_ms

    def now_ms(self) -> int:
        return self._started_ms + self.offset_ms

    def now_s(self) -> float:
        return self.now_ms() / 1000


class Bench(Team):
    """The people, the product and its stand-ins.

    Args:
        folder: For the database and the policy file.
        url: Of a migrated PostgreSQL database; a SQLite file in the folder unless given.
        **how: As for ``RunningProduct``.
    """

    def __init__(self, folder: Path, url: str | None = None, **how: Any) -> None:
        settings: dict[str, Any] = {
            "watsonx_timeout_s": str(TIMEOUT_MS // 1000),
            "peftsize_settle_s": str(SETTLE_MS // 1000),
        }
        if url is not None:
            settings["peftsize_database_url"] = url
        super().__init__(folder, **{"policy": POLICY, "clock": HandClock()} | settings | how)
        self.cluster.tokens.lifetime_s = 365 * 86_400.0  # no call is made twice for a token's sake
        self.on_postgresql = url is not None

    def start_work(self) -> None:
        """Say who we are; no thread is started."""
        database = self.product.store.database
        if self.on_postgresql:
            with database.write() as connection:
                if not connection.execute(text("SELECT to_regclass('hand.clock')")).scalar():
                    connection.exec_driver_sql(_HAND_CLOCK.format(name=database.engine.url.database))
            database.engine.dispose()  # connections opened before do not look there
        schema.migrate(database)
        self._set_server_clock()
        self.product.identify()

    # --- time and work

    def advance(self, by_ms: int) -> None:
        """Let time pass; nothing is done yet."""
        self.clock.advance(by_ms)
        self._set_server_clock()

    def _set_server_clock(self) -> None:
        if self.on_postgresql:
            with self.product.store.database.write() as connection:
                connection.execute(text("UPDATE hand.clock SET ms = :ms"), {"ms": self.now})

    @property
    def now(self) -> int:
        """UTC epoch milliseconds."""
        return self.clock.now_ms()

    def step(self, lane: str = "requests") -> bool:
        """Do one row of a lane that is due now; return whether there was one."""
        return self.product.worker.take(lane)

    def run_due(self, *lanes: str) -> None:
        """Do everything that is due now, of all lanes or of some."""
        while any(self.step(lane) for lane in lanes or LANES):
            pass

    def quiet(self, timeout_s: float = 15.0) -> None:  # noqa: ARG002 - the worker has no threads to wait for
        """Do what is due after each thing that a person does."""
        self.run_due()

    def wait_until_due(self, request: Request) -> None:
        """Let time pass to the moment when the request is due, and do its row."""
        due_at = self.due_at(request)
        assert due_at is not None
        self.advance(due_at - self.now)
        assert self.step()

    def periodic(self) -> None:
        """Do what is done now and then, as far as its time has come."""
        self.product.dispatcher.periodic.run_due()

    def restarted_process(self) -> None:
        """Do what the next start does about the work of a process that is gone."""
        with self.product.store.write() as tx:
            tx.queues.release(None)
            tx.queues.hasten_lost()

    @contextmanager
    def stuck(self, moment: Moment, operation: str) -> Iterator[None]:
        """Have a worker wait for an answer until the end of the block, as a frozen or dead one would.

        Args:
            moment: ``arrived`` where the call has no effect yet, ``done`` where it has had it.
            operation: ``create``, ``delete`` or another that ``calls`` names.
        """
        reached, let_go = threading.Event(), threading.Event()

        def hold(now: Moment, call: Call, _port: int) -> None:
            if now == moment and _operation(call.method, call.path, call.query) == operation:
                reached.set()
                assert let_go.wait(60)

        self.cluster.witness = hold
        worker = threading.Thread(target=self.step)
        worker.start()
        try:
            assert reached.wait(10), f"no {operation}: {self.calls()}"
            self.cluster.witness = nobody
            yield
        finally:
            let_go.set()
            worker.join(10)
        assert not worker.is_alive()
        self.run_due("inbox", "outbox")

    def during(self, operation: str, do: Callable[[], object], moment: Moment = "arrived") -> None:
        """Do something in the middle of the next such call of the product."""

        def meanwhile(now: Moment, call: Call, _port: int) -> None:
            if now == moment and _operation(call.method, call.path, call.query) == operation:
                self.cluster.witness = nobody
                do()

        self.cluster.witness = meanwhile

    # --- requests on their way

    def approved(self, text: str = TEXT) -> Request:
        """Return a request that was approved and is not carried out yet."""
        return self.press("ada", "approve", self.ask(text))

    def press(self, who: str, action: str, request: Request) -> Request:
        """Press a button and have it decided and shown, while no request is carried out."""
        assert press(self.slack, who, self.card(request), action).ok
        self.run_due("inbox", "outbox")
        return self.row(request)

    def created(self, text: str = TEXT) -> Request:
        """Return a request whose spec was created."""
        request = self.approved(text)
        self.run_due()
        self.advance(3_000)  # a channel takes one message a second after the first few
        self.run_due()
        assert self.row(request).spec_id
        return self.row(request)

    def approved_deletion(self, made: Request) -> Request:
        """Return a request to delete a spec, approved and not carried out yet."""
        self.press("rosa", "delete", made)
        (deletion,) = (row for row in self.rows() if row.kind is Kind.DELETE)
        return self.press("ada", "approve", deletion)

    # --- what there is to see

    def due_at(self, request: Request) -> int | None:
        """Return when somebody must look at the row."""
        return self._column(request, tables.requests.c.due_at)  # type: ignore[no-any-return] # a column

    def claimed_by(self, request: Request) -> str | None:
        """Return who holds the row."""
        return self._column(request, tables.requests.c.claimed_by)  # type: ignore[no-any-return] # a column

    def _column(self, request: Request, column: Any) -> Any:
        with self.product.store.read() as tx:
            return tx.connection.execute(select(column).where(tables.requests.c.id == request.id)).scalar()

    def attempts(self, request: Request) -> list[Any]:
        """Return the rows of the request's attempts, oldest first."""
        query = select(tables.attempts).where(tables.attempts.c.request_id == request.id)
        with self.product.store.read() as tx:
            return list(tx.connection.execute(query.order_by(tables.attempts.c.started_at)))

    def outcomes(self, request: Request) -> list[str | None]:
        """Return how the request's attempts ended."""
        return [attempt.outcome for attempt in self.attempts(request)]

    def waiting(self) -> list[str]:
        """Return the keys of the Slack effects that are asked for."""
        with self.product.store.read() as tx:
            return list(tx.connection.execute(select(tables.outbox.c.key)).scalars())

    def calls(self) -> list[str]:
        """Return what the cluster was asked about specs: find, list, get, create, delete."""
        return [
            _operation(one.method, one.path, one.query)
            for one in self.cluster.requests()
            if one.path.startswith(PATH)
        ]

    def rest(self, request: Request, event: str) -> dict[str, Any]:
        """Return what is known of the REST side of the request's only audit event of a kind."""
        (found,) = (row for row in self.audit(request) if row["event"] == event)
        return {name: value for name, value in found["rest"].items() if value is not None}

    def add_spec(self, nodes: dict[str, Any] = NODES, name: str = NAME, space: str | None = "") -> str:
        """Have somebody else commit a spec, global where the space is None; return its id."""
        space_id = self.cluster.space_id if space == "" else space
        return str(self.cluster.api.add(name, nodes, space_id)["metadata"]["asset_id"])

    def change_spec(self, spec_id: str, *, name: str = NAME, nodes: dict[str, Any] = NODES) -> None:
        """Have somebody change a spec by hand."""
        self.cluster.api.change(spec_id, name, nodes)

    def alter(self, statement: str, **values: Any) -> None:
        """Change rows behind the product's back."""
        with self.product.store.database.write() as connection:
            assert connection.execute(text(statement), values).rowcount


def _operation(method: str, path: str, query: Any) -> str:
    """Name a call as the client does: one on specs, ``deployments`` or ``token``."""
    if path == DEPLOYMENTS:
        return "deployments"
    if not path.startswith(PATH):
        return "token"
    if method == "GET":
        return "get" if path != PATH else "find" if "name" in query else "list"
    return _OPERATIONS[method]

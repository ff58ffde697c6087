"""Runs the bot: the server, the worker, and a stop that loses nothing."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from bot.audit import anchor
from bot.errors import StoreError
from bot.runtime import logs, shutdown, tracing, wiring
from bot.runtime import settings as configuration
from bot.runtime.health import HealthServer
from bot.runtime.settings import Need, check_settings, sqlite_path
from bot.store import schema
from bot.store.process_lock import hold
from bot.workflow.new_policy import redraw_waiting

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bot.runtime.settings import Settings
    from bot.runtime.wiring import Product
    from bot.slack.inbound.gate import Gate
    from bot.slack.inbound.socket_mode import Line

log = logging.getLogger(__name__)

THREADS, PROBE_THREADS = 16, 2
STOP_WITHIN_S = 8.0
IDENTIFY_AGAIN_S = 5.0
CHECK_POLICY_S = 3600.0
TURN_S = 0.001
"""How long a thread may compute while another waits: with Python's 5 ms, acknowledgements wait for cards to be
drawn (p50 5.3 ms at 50 commands a second, against 4.3 ms with 1 ms)."""


def serve(*, mode: str | None, host: str, port: int, dry_run: bool) -> None:
    """Run until SIGTERM or SIGINT.

    Args:
        mode: ``socket`` or ``http``; None for what the settings suggest.
        port: For Slack (HTTP mode) and the probes.
        dry_run: Whether to create nothing.

    Raises:
        SettingsError: Something is missing or contradictory; everything is named.
        StoreError: The database cannot be used.
    """
    settings = configuration.load()
    logs.set_up(settings.peftsize_log_format, settings.secrets())
    tracing.set_up()
    socket = settings.socket_mode if mode is None else mode == "socket"
    need = Need(slack=True, http=not socket, socket=socket, watsonx=not dry_run, approvers=True)
    check_settings(settings, need)
    with _alone(settings):
        product = wiring.build(settings, dry_run=dry_run, origin="slack-socket" if socket else "slack-http")
        gc.freeze()  # what is loaded by now stays, so no collection looks through it again
        gc.enable()
        try:
            start(product)
            run(product, socket=socket, host=host, port=port)
        finally:
            product.close()


def run(product: Product, *, socket: bool, host: str, port: int) -> None:
    """Serve a started product until a signal, then stop it."""
    sys.setswitchinterval(TURN_S)
    stopping = threading.Event()
    with ExitStack() as stack:
        stack.callback(log.info, "stopped")
        stack.callback(product.stop, STOP_WITHIN_S)
        line = socket_line(product) if socket else None
        if line is not None:
            stack.callback(line.close)
        server = http_server(product, host=host, port=port, stopping=stopping, line=line)
        probes = probe_server(product, stopping=stopping, line=line)
        if probes is not None:
            stack.enter_context(shutdown.running(probes, STOP_WITHIN_S / 2))
        if line is not None:
            line.open()
        keeper = threading.Thread(
            target=_keep_identity, args=(product, stopping), name="identity", daemon=True
        )
        keeper.start()
        signalled = shutdown.listen()

        def stop() -> None:
            signalled()
            stopping.set()
            shutdown.end(server, STOP_WITHIN_S / 2)

        threading.Thread(target=stop, name="shutdown", daemon=True).start()
        log.info(
            "serving",
            extra={"facts": {"mode": "socket" if socket else "http", "port": int(server.effective_port)}},
        )
        try:
            server.run()
        finally:
            stopping.set()


def start(product: Product) -> None:
    """Migrate the database, ask Slack who we are, and start the workers."""
    schema.migrate(product.store.database)
    _guard_audit(product)
    product.identify()
    if redrawn := redraw_waiting(product.service):
        log.info("another policy is in force", extra={"facts": {"cards": redrawn}})
    product.dispatcher.start()


def _guard_audit(product: Product) -> None:
    """Make sure that the audit is append-only and anchored; ``/readyz`` reports what cannot be repaired."""
    try:
        if missing := product.store.restore_triggers():
            log.warning("the audit's missing triggers were restored", extra={"facts": {"triggers": missing}})
    except StoreError as error:
        if error.what != "forbidden":
            raise
        log.warning("the audit's triggers are missing; as their owner run: peftsize database upgrade")
    anchor_file = product.settings.anchor_file
    if anchor_file is not None:
        try:
            anchor.compact(anchor_file)
        except OSError as error:
            facts = {"file": str(anchor_file), "error": error.strerror}
            log.warning("the audit's anchor could not be shortened", extra={"facts": facts})
    product.store.note_head()


def _alone(settings: Settings) -> AbstractContextManager[Any]:
    """Allow only one process per SQLite file."""
    from contextlib import nullcontext

    path = sqlite_path(settings.database_url)
    return hold(path) if path is not None else nullcontext()


def http_server(
    product: Product, *, host: str, port: int, stopping: threading.Event, line: Line | None = None
) -> Any:
    """Return the server: the probes in both modes, the gate in HTTP mode.

    Args:
        stopping: Once set, the product is no longer ready.
        line: The Socket Mode connections; None in HTTP mode.
    """
    from bot.runtime.http_server import listen

    apart = product.settings.peftsize_probe_address is not None
    return listen(
        HealthServer(
            None if line else gate(product),
            partial(_problems, product, stopping, line),
            None if apart else product.metrics,
        ),
        host=host,
        port=port,
        threads=THREADS,
        trust_proxy=product.settings.peftsize_trust_proxy,
    )


def probe_server(product: Product, *, stopping: threading.Event, line: Line | None = None) -> Any | None:
    """Return a separate server for probes and metrics, if an address is set for it."""
    from bot.runtime.http_server import listen

    if (address := product.settings.peftsize_probe_address) is None:
        return None
    host, port = address
    app = HealthServer(None, partial(_problems, product, stopping, line), product.metrics)
    return listen(app, host=host, port=port, threads=PROBE_THREADS)


def _problems(product: Product, stopping: threading.Event, line: Line | None) -> list[str]:
    if stopping.is_set():
        return ["stopping"]
    return wiring.ready(product) + (line.problems() if line is not None else [])


def gate(product: Product) -> Gate:
    """Return the WSGI app that receives Slack's deliveries over HTTP."""
    from bot.slack.inbound.app import note_foreign
    from bot.slack.inbound.gate import Gate

    secret = product.settings.slack_signing_secret
    return Gate(
        product.app,
        secret=secret.get_secret_value() if secret else "",
        identity=lambda: product.me.identity,
        clock=product.service.clock,
        on_refused=lambda reason: product.metrics.gate.labels(reason).inc(),
        on_foreign=lambda tried, payload: note_foreign(product.store, tried, payload, product.origin),
        origin=product.origin,
        under_way=product.worker.right_of_way.delivery,
    )


def socket_line(product: Product) -> Line:
    """Return the Socket Mode connections, not yet open; the bot starts even if Slack cannot be reached."""
    from bot.slack.inbound.app import SocketDoor, note_foreign
    from bot.slack.inbound.socket_mode import Line

    door = SocketDoor(
        product.app,
        identity=lambda: product.me.identity,
        on_refused=lambda reason: product.metrics.gate.labels(reason).inc(),
        on_foreign=lambda tried, payload: note_foreign(product.store, tried, payload, product.origin),
        origin=product.origin,
        under_way=product.worker.right_of_way.delivery,
    )
    token = product.settings.slack_app_token
    line = Line(door, product.client, token.get_secret_value() if token else "", product.service.clock)
    product.metrics.socket_connections.set_function(lambda: line.connected)
    return line


def _keep_identity(product: Product, stopping: threading.Event) -> None:
    """Ask Slack who we are until it answers; in the meantime ``/readyz`` reports it.

    After that, check the policy against its groups, now and every hour.
    """
    while product.me.identity is None and not stopping.wait(IDENTIFY_AGAIN_S):
        try:
            product.identify()
        except StoreError as error:
            log.warning("database unavailable", extra={"facts": {"what": error.what}})
    while not stopping.is_set():
        product.maintenance.check_policy()
        stopping.wait(CHECK_POLICY_S)

"""The only file that knows concrete classes: builds the product from settings."""

from __future__ import annotations

import logging
import os
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bot.audit import signing_key
from bot.audit.anchor import AnchorFile
from bot.audit.signing_key import UnusableKey
from bot.dispatch.periodic import Periodic
from bot.dispatch.worker import Worker
from bot.errors import NoDatabase, PeopleError, SettingsError, StoreError
from bot.provisioning.executor import Executor
from bot.provisioning.transitions import Pace
from bot.runtime import settings as configuration
from bot.runtime.checkpoints import Checkpoints
from bot.runtime.maintenance import Maintenance
from bot.runtime.metrics import Metrics
from bot.runtime.settings import sqlite_path
from bot.runtime.tracing import span
from bot.store import Database, Store, schema
from bot.workflow.service import RequestService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slack_bolt import App
    from slack_sdk import WebClient

    from bot.approvals.policy import Person
    from bot.approvals.policy_file import Policy
    from bot.audit.signing_key import SigningKey
    from bot.runtime.settings import Settings
    from bot.slack.outbound.people import Identity
    from bot.watsonx.client import SpecsClient

log = logging.getLogger(__name__)

DAY_MS, HOUR_MS, MINUTE_MS = 24 * 3_600_000, 3_600_000, 60_000
MODAL_TIMEOUT_S, SLACK_TIMEOUT_S = 2, 10
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letters that look like digits. Source: https://www.crockford.com/base32.html"""


def clock() -> int:
    """Return UTC epoch milliseconds."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """Return a request id that people can read out, such as ``R7K3M9QX``."""
    drawn = secrets.randbits(40)
    return "R" + "".join(_ALPHABET[drawn >> shift & 31] for shift in range(0, 40, 5))


def new_attempt() -> str:
    """Return an attempt id."""
    return f"peftsize-{secrets.token_hex(12)}"


def new_origin() -> str:
    """Return a name for a log of audit rows."""
    return f"peftsize/{secrets.token_hex(8)}"


@dataclass(slots=True)
class Me:
    """Who the bot is in Slack, once known."""

    identity: Identity | None = None


@dataclass(slots=True, kw_only=True)
class Product:
    """The wired product.

    Args:
        specs: The REST client; None in a dry run.
    """

    settings: Settings
    store: Store
    signing_key: SigningKey
    service: RequestService
    executor: Executor
    worker: Worker
    dispatcher: Any
    checkpoints: Checkpoints
    app: App
    metrics: Metrics
    maintenance: Maintenance
    me: Me
    client: WebClient
    specs: SpecsClient | None
    origin: str = "slack-http"
    closers: list[Callable[[], None]] = field(default_factory=list)

    def identify(self) -> bool:
        """Ask Slack who we are, or recall it if Slack cannot be reached; return whether it is known."""
        from bot.slack.outbound.people import Identity, identify

        try:
            identity = identify(self.client, self.settings.peftsize_teams, self.settings.peftsize_app_id)
        except PeopleError as error:
            log.warning("the bot could not be identified in Slack", extra={"facts": {"what": error.what}})
            with self.store.read() as tx:
                kept = tx.noted("identity")
            if kept and self.me.identity is None:
                self.me.identity = Identity(**kept | {"team_ids": frozenset(kept["team_ids"])})
            return self.me.identity is not None
        self.me.identity = identity
        self.maintenance.revoked_by = None
        with self.store.write() as tx:
            fields = {name: getattr(identity, name) for name in identity.__slots__}
            tx.note("identity", fields | {"team_ids": sorted(identity.team_ids)})
        return True

    def stop(self, timeout_s: float = 8.0) -> None:
        """Finish work in progress, release the rest, and sign the audit."""
        self.dispatcher.stop(timeout_s)
        try:
            self.checkpoints.sign_last()
        except StoreError as error:
            log.warning("the audit was not signed at stop", extra={"facts": {"what": error.what}})

    def close(self) -> None:
        """Close connections."""
        for closer in reversed(self.closers):
            closer()


def open_database(settings: Settings) -> Database:
    """Open the database, or say what is wrong with its address."""
    path = sqlite_path(settings.database_url)
    if path is not None and not path.parent.is_dir():
        raise SettingsError(("PEFTSIZE_DATABASE_URL: the folder of the SQLite file does not exist.",))
    return Database(settings.database_url)


def need_database(settings: Settings) -> None:
    """Refuse a missing SQLite file, since opening it would create it.

    Raises:
        NoDatabase: There is none, or an empty one.
    """
    path = sqlite_path(settings.database_url)
    if path is not None and not (path.is_file() and path.stat().st_size):
        raise NoDatabase(str(path.resolve()))


def make_store(
    settings: Settings, database: Database, now: Callable[[], int] = clock, policy: str | None = None
) -> Store:
    """Return the store with its anchor; ``policy`` is the digest for the audit, needed if it is written to."""
    anchor = AnchorFile(settings.anchor_file) if settings.anchor_file else None
    return Store(database, now, anchor=anchor, names=settings.peftsize_audit_names, policy=policy)


def open_signing_key(settings: Settings) -> SigningKey:
    """Return the key that seals approvals; on SQLite, create it if there is none.

    Raises:
        SettingsError: It cannot be used or created.
    """
    path = settings.signing_key_file
    if path is None:
        raise SettingsError((configuration.NO_KEY,))
    on_sqlite = sqlite_path(settings.database_url) is not None
    try:
        return signing_key.load_or_create(path) if on_sqlite else signing_key.load(path)
    except UnusableKey as error:
        raise SettingsError((configuration.unusable_key(path, error),)) from None
    except OSError as error:
        why = f"PEFTSIZE_SIGNING_KEY_FILE: {path} cannot be written: {error.strerror}."
        raise SettingsError((why,)) from None


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """Open the store for a command, without creating or migrating a database.

    Raises:
        NoDatabase: There is none.
        SettingsError: The schema is not this program's.
    """
    need_database(settings)
    database = open_database(settings)
    try:
        schema.require(database)
        yield make_store(settings, database)
    finally:
        database.close()


def look_up(settings: Settings, rules: Policy, user_id: str) -> Person:
    """Describe a person, guests and strangers too, and which of the policy's groups they are in, for a command.

    Raises:
        PeopleError: Slack could not say.
    """
    from bot.slack.inbound import app as slack
    from bot.slack.outbound.people import SlackPeople, identify

    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else ""
    client = slack.web_client(token, settings.slack_api_url, SLACK_TIMEOUT_S)
    identity = identify(client, settings.peftsize_teams, settings.peftsize_app_id)
    home = min(identity.team_ids, default="")
    people = SlackPeople(client, lambda: identity, clock)
    person = people.look_up(home, user_id, ())
    ids = {user_id, person.user_id, *person.aliases}
    groups = sorted(entry for entry in rules.entries() | rules.defaults.requesters if entry.startswith("S"))
    inside = (group for group in groups if not ids.isdisjoint(people.members(group) or ()))
    return replace(person, groups=frozenset(inside))


@contextmanager
def connect_specs(settings: Settings, metrics: Metrics | None = None) -> Iterator[SpecsClient]:
    """Open the REST client for a command."""
    client = make_specs(settings, metrics)
    try:
        yield client
    finally:
        client.close()


def make_specs(
    settings: Settings, metrics: Metrics | None = None, clock: Callable[[], int] = clock
) -> SpecsClient:
    """Return the REST client; sends nothing."""
    from bot.watsonx.client import SpecsClient
    from bot.watsonx.tokens import tokens_from
    from bot.watsonx.transport import WatsonxHttp
    from bot.watsonx.url import check_base_url

    def on_call(operation: str, status: int | None, seconds: float) -> None:
        if metrics is not None:
            metrics.called("watsonx", operation, status, seconds)

    http = WatsonxHttp(settings.watsonx_ca_bundle)
    base_url = check_base_url(settings.watsonx_url or "")
    tokens = tokens_from(
        http,
        base_url=base_url,
        token=settings.watsonx_token,
        username=settings.watsonx_username,
        api_key=settings.watsonx_apikey,
        password=settings.watsonx_password,
        iam_url=check_base_url(settings.watsonx_iam_url, setting="WATSONX_IAM_URL"),
        timeout_s=settings.watsonx_timeout_s,
        now=clock,
        on_call=on_call,
    )
    return SpecsClient(
        base_url=base_url,
        space_id=settings.watsonx_space_id or "",
        tokens=tokens,
        timeout_s=settings.watsonx_timeout_s,
        http=http,
        on_call=on_call,
        clock=clock,
    )


def build(
    settings: Settings,
    *,
    dry_run: bool = False,
    origin: str = "slack-http",
    clock: Callable[[], int] = clock,
) -> Product:
    """Wire everything, without calling anybody; the product is not started.

    Args:
        settings: Already checked.
        dry_run: Whether to create nothing.
        origin: As in the audit.
        clock: Returns UTC epoch milliseconds; the sandbox advances time with it.
    """
    from bot.slack.inbound import app as slack
    from bot.slack.inbound.context import ListenerContext
    from bot.slack.outbound.delivery import OutboxDelivery
    from bot.slack.outbound.people import SlackPeople
    from bot.watsonx.shared import SharedSpecs

    key = open_signing_key(settings)
    database = open_database(settings)
    rules = configuration.rules(settings)
    store = make_store(settings, database, clock, rules.digest)
    checkpoints = Checkpoints(store, key, new_origin)
    metrics = Metrics(store, lambda: checkpoints.trouble)
    me = Me()
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else ""
    client = slack.web_client(token, settings.slack_api_url, SLACK_TIMEOUT_S)
    modals = slack.web_client(token, settings.slack_api_url, MODAL_TIMEOUT_S)
    people = SlackPeople(client, lambda: me.identity, clock)
    specs = None if dry_run else make_specs(settings, metrics, clock)
    shared = None if specs is None else SharedSpecs(specs, clock)
    service = RequestService(
        store=store,
        people=people,
        site=configuration.site(settings, dry_run=dry_run),
        rules=rules,
        clock=clock,
        new_id=new_id,
        specs=shared,
        key=key,
        on_outcome=metrics.on_outcome,
    )
    pace = Pace(int(settings.watsonx_timeout_s * 1000), int(settings.peftsize_settle_s * 1000))
    executor = Executor(service, shared, pace, new_attempt)
    maintenance = Maintenance(
        service,
        specs,
        settings.peftsize_anchor_channel,
        settings.peftsize_spaces.values(),
        lambda: checkpoints.latest,
    )
    delivery = OutboxDelivery(
        client=client,
        people=people,
        service=service,
        specs=shared,
        identity=lambda: me.identity,
        clock=clock,
        api_url=settings.slack_api_url,
        short=maintenance.short,
        on_call=lambda method, status, seconds: metrics.called("slack", method, status, seconds),
    )
    worker = Worker(
        store,
        service,
        executor,
        delivery,
        owner=f"{os.getpid()}-{secrets.token_hex(6)}",
        trace=lambda name, key: span(name, key=key),
    )
    context = ListenerContext(
        service=service,
        identity=lambda: me.identity,
        modals=modals,
        api_url=settings.slack_api_url,
        approval_channel=settings.peftsize_approval_channel,
        on_revoked=maintenance.revoked,
        short=maintenance.short,
    )
    secret = settings.slack_signing_secret
    app = slack.build(context, secret.get_secret_value() if secret else "not used in Socket Mode")
    dispatcher = _dispatcher(database, worker, _periodic(store, maintenance, checkpoints))
    store.waker = dispatcher
    product = Product(
        settings=settings,
        store=store,
        signing_key=key,
        service=service,
        executor=executor,
        worker=worker,
        dispatcher=dispatcher,
        checkpoints=checkpoints,
        app=app,
        metrics=metrics,
        maintenance=maintenance,
        me=me,
        client=client,
        specs=specs,
        origin=origin,
    )
    product.closers.append(database.close)
    if specs is not None:
        product.closers.append(specs.close)
    return product


def _dispatcher(database: Database, worker: Worker, periodic: Periodic) -> Any:
    if database.is_sqlite:
        from bot.dispatch.local import LocalDispatcher

        return LocalDispatcher(worker, periodic)
    from bot.dispatch.postgres import ProcrastinateDispatcher

    return ProcrastinateDispatcher(database, worker, periodic)


def _periodic(store: Store, maintenance: Maintenance, checkpoints: Checkpoints) -> Periodic:
    return Periodic(
        store,
        {
            "forget": (HOUR_MS, maintenance.forget),
            "scrub": (MINUTE_MS, maintenance.scrub),
            "repeats": (MINUTE_MS, maintenance.audit_repeats),
            "drift": (HOUR_MS, maintenance.look_for_drift),
            "anchor": (DAY_MS, maintenance.post_anchor),
        },
        {"checkpoint": (MINUTE_MS, checkpoints.sign)},
    )


def ready(product: Product) -> list[str]:
    """Return why the product cannot serve, one sentence each; empty if it can."""
    problems = []
    if product.me.identity is None:
        problems.append("Slack has not said who the bot is (auth.test)")
    if product.maintenance.revoked_by is not None:
        problems.append(
            f"Slack revoked the installation ({product.maintenance.revoked_by}): install the app again"
        )
    if not product.dispatcher.running:
        problems.append("the worker is not running")
    try:
        with product.store.write() as tx:
            tx.note("ready", 1)
            missing = tx.audit_log.missing_triggers()
        if missing:
            problems.append(f"the audit can be changed: triggers are missing ({', '.join(missing)}); restart")
        if trouble := product.store.anchor_trouble():
            problems.append(f"the audit's anchor {product.settings.anchor_file} cannot be written: {trouble}")
        elif product.checkpoints.trouble is not None:
            problems.append(f"the audit cannot be signed: {product.checkpoints.trouble}")
    except StoreError as error:
        problems.append(f"the database refuses writes: {error.what}")
    return problems

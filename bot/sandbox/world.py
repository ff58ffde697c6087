"""The sandbox's world: the stand-ins for Slack and the cluster, and between them the real product.

Everything speaks HTTP on loopback: Slack's signed deliveries go to the real gate behind waitress, the product's calls
to the stand-ins. Nothing is read from the environment, and nothing calls out.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from dotenv import dotenv_values
from pydantic import SecretStr

from bot.approvals import policy_file
from bot.errors import SettingsError
from bot.runtime import shutdown, wiring
from bot.runtime.serve import gate
from bot.runtime.settings import Need, Settings, check_settings
from bot.sandbox.clock import Clock
from bot.sandbox.loopback import HOST
from bot.sandbox.people_file import PeopleFileError, load_directory
from bot.sandbox.slack.fake_slack import FakeSlack
from bot.sandbox.slack.people import default_directory
from bot.sandbox.watsonx.fake_watsonx import FakeCluster
from bot.store import schema
from bot.store.process_lock import hold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.runtime.wiring import Product
    from bot.sandbox.slack.people import Directory

TIMEOUT_S, SETTLE_S = 3.0, 2.0
"""Short, so that people can watch how an unknown outcome is reconciled."""
STOP_WITHIN_S = 5.0
_THREADS = 8
_POLICY = Path(__file__).with_name("policy.toml")
_REAL = ("SLACK_", "WATSONX_")


class World:
    """Starts and stops the whole sandbox except its page.

    Args:
        policy: A policy file to try out; None for the built-in one.
        people: A people file; None for the built-in people.
        database: The database file; None for a temporary one.
        record: A folder for Slack's payloads; None for no record.
    """

    def __init__(
        self,
        *,
        policy: Path | None = None,
        people: Path | None = None,
        database: Path | None = None,
        record: Path | None = None,
        timeout_s: float = TIMEOUT_S,
        settle_s: float = SETTLE_S,
    ) -> None:
        self.clock = Clock()
        self.slack = FakeSlack(_directory(people), clock=self.clock.now_s)
        self.cluster = FakeCluster(now=self.clock.now_ms)
        self.product: Product
        self._policy = policy
        self._built_in_people = people is None
        self._database = database
        self._pace_s = (timeout_s, settle_s)
        self._stack = ExitStack()
        if record is not None:
            self.slack.record_to(record)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        """Start the stand-ins, then the product, then the server that Slack delivers to."""
        database = self._database
        if database is None:
            database = Path(self._stack.enter_context(TemporaryDirectory(prefix="peftsize-"))) / "sandbox.db"
        elif not database.parent.is_dir():
            raise SettingsError(("--db: the folder of the file does not exist.",))
        self._stack.enter_context(hold(database))
        self._stack.enter_context(self.slack)
        self._stack.enter_context(self.cluster)
        settings = self._settings(database)
        check_settings(settings, Need(slack=True, http=True, watsonx=True, approvers=True))
        self.product = wiring.build(settings, origin="sandbox", clock=self.clock.now_ms)
        self._stack.callback(self.product.close)
        schema.migrate(self.product.store.database)
        self.product.identify()
        self._stack.callback(self.product.stop, STOP_WITHIN_S)
        self.product.dispatcher.start()
        self.slack.attach(f"http://{HOST}:{self._serve()}/slack/events")

    def _serve(self) -> int:
        """Serve the gate on a free port, and return the port."""
        from bot.runtime.http_server import listen

        server = listen(gate(self.product), host=HOST, port=0, threads=_THREADS)
        self._stack.enter_context(shutdown.running(server, STOP_WITHIN_S))
        return int(server.effective_port)

    def _settings(self, database: Path) -> Settings:
        """Return the product's settings: the stand-ins' addresses and secrets, and the approvers."""
        timeout_s, settle_s = self._pace_s
        return Settings(
            slack_bot_token=SecretStr(self.slack.bot_token),
            slack_signing_secret=SecretStr(self.slack.signing_secret),
            slack_api_url=self.slack.url,
            watsonx_url=self.cluster.url,
            watsonx_space_id=self.cluster.space_id,
            watsonx_username=self.cluster.username,
            watsonx_apikey=SecretStr(self.cluster.api_key),
            watsonx_timeout_s=timeout_s,
            peftsize_spaces={"sandbox": self.cluster.space_id} | self._spaces(),
            peftsize_database_url=SecretStr(f"sqlite:///{database}"),
            peftsize_settle_s=settle_s,
            peftsize_label="sandbox",
            **self._who_decides(),
        )

    def _spaces(self) -> dict[str, str]:
        """Return a space for each name in the policy, id by name."""
        try:
            named = (
                policy_file.load(self._policy.read_text(encoding="utf-8")).spaces() if self._policy else ()
            )
        except (OSError, UnicodeDecodeError, SettingsError):
            return {}  # told with the other settings
        for name in named:
            self.cluster.api.add_space(f"space-of-{name}", name)
        return {name: f"space-of-{name}" for name in named}

    def _who_decides(self) -> dict[str, Any]:
        """Return the policy: the given file, the built-in one, or one derived from people's roles."""
        if self._policy is not None or self._built_in_people:
            return {"peftsize_policy_file": str(self._policy or _POLICY)}
        people = self.slack.directory.people.values()
        return {
            "peftsize_approvers": tuple(person.id for person in people if person.role == "approver"),
            "peftsize_admins": tuple(person.id for person in people if person.role == "admin"),
        }


def refuse_real_settings(environment: Mapping[str, str] | None = None, env_file: str = ".env") -> None:
    """Refuse to start if there are settings of a real workspace or cluster.

    Raises:
        SettingsError: Names each of them, without values.
    """
    values = {**dotenv_values(env_file), **(os.environ if environment is None else environment)}
    found = sorted(name.upper() for name, value in values.items() if value and name.upper().startswith(_REAL))
    if found:
        raise SettingsError(
            tuple(
                f"{name} is set: the sandbox has a Slack and a cluster of its own and starts only without it."
                for name in found
            )
        )


def _directory(people: Path | None) -> Directory:
    """Return the people of the workspace."""
    if people is None:
        return default_directory()
    try:
        return load_directory(people)
    except PeopleFileError as error:
        raise SettingsError((f"--people: {error}.",)) from None
    except OSError as error:
        raise SettingsError((f"--people cannot be read: {error.strerror}.",)) from None

"""Settings from the environment or a ``.env`` file. Every problem is named at once, never with a value.

``load`` reads them; ``check_settings`` names what is missing or contradictory for a command; ``site`` and ``rules``
derive what the service works with.
"""

from __future__ import annotations

import difflib
import os
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from dotenv import dotenv_values
from pydantic import BeforeValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from bot.approvals import policy_file
from bot.approvals.draft import Site
from bot.approvals.policy_file import Policy
from bot.errors import SettingsError
from bot.watsonx.url import check_base_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.audit.signing_key import UnusableKey

SECRETS = (
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_APP_TOKEN",
    "SLACK_CONFIG_TOKEN",
    "WATSONX_TOKEN",
    "WATSONX_APIKEY",
    "WATSONX_PASSWORD",
    "PEFTSIZE_DATABASE_URL",
)
"""Each may also be given as ``NAME_FILE``."""


def _ids(value: object) -> object:
    """Parse a comma-separated list."""
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _pairs(value: object) -> object:
    """Parse ``name=id,…``."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(name.strip() and space.strip() for name, _, space in pairs):
        msg = "must be name=id, comma separated"
        raise ValueError(msg)
    return {name.strip(): space.strip() for name, _, space in pairs}


_ADDRESS = re.compile(r"([\w.-]*|\[[0-9a-fA-F:]+\]):([0-9]{1,5})", re.ASCII)
_LARGEST_PORT = 65_535


def _address(value: object) -> object:
    """Parse ``host:port``; without a host, all addresses of the machine."""
    if not isinstance(value, str):
        return value
    match = _ADDRESS.fullmatch(value)
    if match is None or int(match[2]) > _LARGEST_PORT:
        msg = "must be host:port, such as 127.0.0.1:9090 or :9090"
        raise ValueError(msg)
    return (match[1].strip("[]") or "0.0.0.0", int(match[2]))  # noqa: S104 - as --host says for the HTTP port


_KUBERNETES = re.compile(r"PEFTSIZE(_\w+)?_(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)")
"""Set by Kubernetes in every pod, for a Service with our name.
Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables"""

Ids = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_ids)]
Pairs = Annotated[dict[str, str], NoDecode, BeforeValidator(_pairs)]
Address = Annotated[tuple[str, int], NoDecode, BeforeValidator(_address)]


class Settings(BaseSettings):
    """All settings, as described in docs/settings.md."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True, case_sensitive=False
    )

    slack_bot_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_config_token: SecretStr | None = None
    slack_api_url: str = "https://slack.com/api/"
    watsonx_url: str | None = None
    watsonx_space_id: str | None = None
    watsonx_token: SecretStr | None = None
    watsonx_username: str | None = None
    watsonx_apikey: SecretStr | None = None
    watsonx_password: SecretStr | None = None
    watsonx_iam_url: str = "https://iam.cloud.ibm.com"
    watsonx_ca_bundle: str | None = None
    watsonx_timeout_s: float = 20
    peftsize_database_url: SecretStr = SecretStr("sqlite:///peftsize.db")
    peftsize_policy_file: str | None = None
    peftsize_approvers: Ids = ()
    peftsize_admins: Ids = ()
    peftsize_teams: Ids = ()
    peftsize_app_id: str | None = None
    peftsize_spaces: Pairs = {}
    peftsize_anchor_file: str | None = None
    peftsize_anchor_channel: str | None = None
    peftsize_signing_key_file: str | None = None
    peftsize_trust_proxy: bool = False
    peftsize_approval_channel: str | None = None
    peftsize_settle_s: float = 30
    peftsize_label: str | None = None
    peftsize_log_format: Literal["json", "text"] | None = None
    peftsize_audit_names: bool = True
    peftsize_probe_address: Address | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only what ``load`` passes in, since it reads the environment, once."""
        return (init_settings,)

    @property
    def database_url(self) -> str:
        """The database URL; it may hold a password."""
        return self.peftsize_database_url.get_secret_value()

    @property
    def socket_mode(self) -> bool:
        """Whether ``serve`` uses Socket Mode: yes, unless only the settings for HTTP mode are given."""
        return self.slack_app_token is not None or self.slack_signing_secret is None

    @property
    def anchor_file(self) -> Path | None:
        """Where the head of the audit chain is noted; None for a database in memory."""
        if self.peftsize_anchor_file:
            return Path(self.peftsize_anchor_file)
        if not self.database_url.startswith("sqlite"):
            return Path(f"peftsize-{socket.gethostname()}.anchor")  # each replica writes its own
        path = sqlite_path(self.database_url)
        return path.with_name(path.name + ".anchor") if path else None

    @property
    def anchor_files(self) -> list[Path]:
        """The files to compare the audit with: on PostgreSQL, those of all replicas in this folder."""
        path = self.anchor_file
        if path is None:
            return []
        if self.peftsize_anchor_file or self.database_url.startswith("sqlite"):
            return [path]
        return sorted(path.parent.glob("peftsize-*.anchor")) or [path]

    @property
    def signing_key_file(self) -> Path | None:
        """The signing key: by default beside the anchor of a SQLite file."""
        if self.peftsize_signing_key_file:
            return Path(self.peftsize_signing_key_file)
        path = sqlite_path(self.database_url)
        if path is None:
            return None
        return (self.anchor_file or path).with_name(path.name + ".key")

    def secrets(self) -> tuple[str, ...]:
        """Return every secret value, only for the log's redaction."""
        values = [getattr(self, name.lower()) for name in SECRETS if name != "PEFTSIZE_DATABASE_URL"]
        return tuple(secret.get_secret_value() for secret in values if secret is not None)


def load(environment: Mapping[str, str] | None = None, env_file: str = ".env") -> Settings:
    """Read the settings.

    Args:
        environment: Instead of the process's own.
        env_file: Read first; the environment takes precedence.

    Returns:
        The settings, each valid in itself.

    Raises:
        SettingsError: With every problem of form.
    """
    values = {key: value for key, value in dotenv_values(env_file).items() if value is not None}
    values |= dict(os.environ if environment is None else environment)
    values = {key.upper(): value for key, value in values.items()}
    resolved, troubles = _from_files(values)
    troubles += _unknown(values)
    known = {
        name.lower(): resolved[name.upper()] for name in Settings.model_fields if resolved.get(name.upper())
    }
    try:
        settings = Settings.model_validate(known)
    except ValidationError as error:
        troubles += [
            f"{str(problem['loc'][0]).upper()} {_phrase(problem['msg'])}."
            for problem in error.errors(include_input=False, include_url=False)
        ]
    else:
        troubles += list(_form(settings))
    if troubles:
        raise SettingsError(tuple(troubles))
    return settings


def site(settings: Settings, *, dry_run: bool = False) -> Site:
    """Return where specs are created."""
    return Site(
        target="" if dry_run else check_base_url(settings.watsonx_url or ""),
        space_id=settings.watsonx_space_id or ("dry-run" if dry_run else ""),
        spaces=settings.peftsize_spaces,
        label=settings.peftsize_label,
        dry_run=dry_run,
    )


def rules(settings: Settings) -> Policy:
    """Return the current policy: the file, with the settings' short forms added.

    Raises:
        SettingsError: With every problem of the file.
    """
    policy = Policy()
    if settings.peftsize_policy_file:
        try:
            text = Path(settings.peftsize_policy_file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError((f"PEFTSIZE_POLICY_FILE cannot be read: {type(error).__name__}.",)) from None
        policy = policy_file.load(text)
    try:
        short = Policy.model_validate(
            {"defaults": {"approvers": settings.peftsize_approvers, "admins": settings.peftsize_admins}}
        )
    except ValidationError as error:
        names = sorted({str(problem["loc"][1]) for problem in error.errors(include_input=False)})
        raise SettingsError(
            tuple(
                f"PEFTSIZE_{name.upper()} must be user ids (U…), user-group ids (S…) or anyone."
                for name in names
            )
        ) from None
    twice = (policy.defaults.approvers or policy.defaults.need) and short.defaults.approvers
    if twice and policy.defaults.approvers != short.defaults.approvers:
        raise SettingsError(
            ("PEFTSIZE_APPROVERS and PEFTSIZE_POLICY_FILE's [defaults] both say who may approve; keep one.",)
        )
    defaults = policy.defaults.model_copy(
        update={
            "approvers": policy.defaults.approvers or short.defaults.approvers,
            "admins": policy.defaults.admins | short.defaults.admins,
        }
    )
    return policy.model_copy(update={"defaults": defaults})


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite URL, or None for any other database."""
    prefix, _, rest = url.partition(":///")
    return Path(rest) if prefix == "sqlite" and rest else None


def _from_files(values: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Read the secrets that are given as ``NAME_FILE`` or by systemd."""
    resolved, troubles = dict(values), []
    credentials = _credentials(values.get("CREDENTIALS_DIRECTORY"))
    if "signing_key" in credentials:
        resolved.setdefault("PEFTSIZE_SIGNING_KEY_FILE", credentials["signing_key"])
    for name in SECRETS:
        handed = None if values.get(name) else credentials.get(name.removeprefix("PEFTSIZE_").lower())
        path = values.get(f"{name}_FILE") or handed
        if not path:
            continue
        if values.get(name):
            troubles.append(f"{name} and {name}_FILE are both set; keep one.")
            continue
        try:
            resolved[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            troubles.append(f"{name}_FILE cannot be read: {type(error).__name__}.")
        else:
            if not resolved[name]:
                troubles.append(f"{name}_FILE is empty.")
    return resolved, troubles


def _credentials(directory: str | None) -> dict[str, str]:
    """Return the files of systemd's ``LoadCredential=secret:DIRECTORY``, by name.

    Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Credentials
    """
    if not directory or not Path(directory).is_dir():
        return {}
    return {file.name.removeprefix("secret_"): str(file) for file in Path(directory).iterdir()}


def _unknown(values: Mapping[str, str]) -> list[str]:
    """Name every unknown ``PEFTSIZE_`` variable: a misspelled limit would not limit anything."""
    known = [name.upper() for name in Settings.model_fields] + [f"{name}_FILE" for name in SECRETS]
    troubles = []
    for name in sorted(values):
        if name.startswith("PEFTSIZE_") and name not in known and not _KUBERNETES.fullmatch(name):
            near = difflib.get_close_matches(name, known, n=1)
            troubles.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else "."))
    return troubles


def _form(settings: Settings) -> list[str]:
    """Name settings that are wrong in themselves, whatever they are used for."""
    troubles = []
    if not settings.database_url.startswith(("sqlite:///", "postgresql://")):
        troubles.append("PEFTSIZE_DATABASE_URL must begin with sqlite:/// or postgresql://.")
    for name, value, least, most in (
        ("WATSONX_TIMEOUT_S", settings.watsonx_timeout_s, 0.1, 300),
        ("PEFTSIZE_SETTLE_S", settings.peftsize_settle_s, 0, 3600),
    ):
        if not least <= value <= most:
            troubles.append(f"{name} must be from {least} to {most} seconds.")
    for name, url in (
        ("SLACK_API_URL", settings.slack_api_url),
        ("WATSONX_URL", settings.watsonx_url),
        ("WATSONX_IAM_URL", settings.watsonx_iam_url),
    ):
        try:
            if url:
                check_base_url(url, setting=name)
        except ValueError as error:
            troubles.append(str(error))
    if settings.watsonx_ca_bundle:
        try:
            ssl.create_default_context(cafile=settings.watsonx_ca_bundle)
        except ssl.SSLError:
            troubles.append("WATSONX_CA_BUNDLE holds no certificate in PEM form.")
        except OSError:
            troubles.append("WATSONX_CA_BUNDLE is not a file.")
    return troubles


def _phrase(message: str) -> str:
    """Return pydantic's message as the end of a sentence."""
    text = message.removeprefix("Value error, ")
    return text if text.startswith("must") else f"cannot be used: {text[:1].lower()}{text[1:]}"


@dataclass(frozen=True, slots=True)
class Need:
    """What a command needs from the settings."""

    slack: bool = False
    http: bool = False
    socket: bool = False
    watsonx: bool = False
    approvers: bool = False


def check_settings(settings: Settings, need: Need) -> None:
    """Refuse settings that do not suffice for a use.

    Raises:
        SettingsError: With everything that is missing or contradictory.
    """
    troubles: list[str] = []
    if need.slack and settings.slack_bot_token is None:
        troubles.append("SLACK_BOT_TOKEN is missing: the bot token (xoxb-…) from “OAuth & Permissions”.")
    if need.http and settings.slack_signing_secret is None:
        troubles.append("SLACK_SIGNING_SECRET is missing: it is under “Basic Information” of the Slack app.")
    if need.socket and settings.slack_app_token is None:
        troubles.append(
            "SLACK_APP_TOKEN is missing: Socket Mode needs an app-level token (xapp-…). "
            "HTTP mode takes a signing secret instead."
        )
    if need.watsonx:
        troubles += _watsonx(settings)
    if need.approvers:
        troubles += _approvers(settings)
        troubles += _signing_key(settings)
    if troubles:
        raise SettingsError(tuple(troubles))


NO_KEY = (
    "PEFTSIZE_SIGNING_KEY_FILE is missing: on PostgreSQL every replica needs the same key. Create one with "
    "peftsize audit new-key FILE, and copy it to each replica."
)


def _signing_key(settings: Settings) -> list[str]:
    """Name what is wrong with the signing key; on SQLite, a missing one is created later."""
    from bot.audit import signing_key

    path = settings.signing_key_file
    on_sqlite = sqlite_path(settings.database_url) is not None
    if path is None:
        return [NO_KEY]
    try:
        signing_key.load(path)
    except signing_key.UnusableKey as error:
        return [] if error.why == "missing" and on_sqlite else [unusable_key(path, error)]
    return []


def unusable_key(path: Path, error: UnusableKey) -> str:
    """Say what is wrong with the signing key, and what to do."""
    return (
        f"PEFTSIZE_SIGNING_KEY_FILE: {path} "
        + {
            "missing": f"does not exist. Restore it from its backup, or create one: peftsize audit new-key {path}",
            "open": f"can be read or changed by others (mode {error.detail}). Check who could, then: chmod 600 {path}",
            "unreadable": f"cannot be read: {error.detail}.",
            "garbage": "holds no Ed25519 key in PEM form. Restore it from its backup.",
        }[error.why]
    )


def _watsonx(settings: Settings) -> list[str]:
    """Name what is missing or contradictory for the REST calls."""
    troubles = []
    if not settings.watsonx_url:
        troubles.append("WATSONX_URL is missing: the cluster route or the IBM Cloud platform host.")
    if not settings.watsonx_space_id:
        troubles.append("WATSONX_SPACE_ID is missing: a spec created without a space is visible everywhere.")
    token, user = settings.watsonx_token, settings.watsonx_username
    key, password = settings.watsonx_apikey, settings.watsonx_password
    if token and (user or key or password):
        troubles.append("WATSONX_TOKEN is set together with other credentials; keep one kind.")
    elif key and password:
        troubles.append("WATSONX_APIKEY and WATSONX_PASSWORD are both set; keep one.")
    elif password and not user:
        troubles.append("WATSONX_USERNAME is missing: WATSONX_PASSWORD needs it.")
    elif user and not (key or password):
        troubles.append("WATSONX_APIKEY or WATSONX_PASSWORD is missing for WATSONX_USERNAME.")
    elif not (token or key) and not (user and password):
        troubles.append(
            "Credentials are missing: WATSONX_TOKEN, or WATSONX_USERNAME with WATSONX_APIKEY or "
            "WATSONX_PASSWORD, or WATSONX_APIKEY alone for IBM Cloud."
        )
    return troubles


def _approvers(settings: Settings) -> list[str]:
    """Say that nobody can approve, or that the policy cannot be read."""
    try:
        policy = rules(settings)
    except SettingsError as error:
        return list(error.problems)
    if not policy.approvers():
        return [
            "Nobody can approve: set PEFTSIZE_APPROVERS, or PEFTSIZE_POLICY_FILE with [defaults] approvers."
        ]
    return _unknown_spaces(settings, policy)


def _unknown_spaces(settings: Settings, policy: Policy) -> list[str]:
    """Name every space of the policy that does not exist, so that its rule would never apply."""
    known = {settings.watsonx_space_id, *settings.peftsize_spaces, *settings.peftsize_spaces.values()}
    return [
        f"PEFTSIZE_POLICY_FILE: there is no space {space!r} in PEFTSIZE_SPACES or WATSONX_SPACE_ID"
        + (f"; did you mean {near[0]!r}?" if (near := _near(space, known)) else ".")
        for space in sorted(policy.spaces() - known)
    ]


def _near(name: str, known: Iterable[str | None]) -> list[str]:
    """Return the closest known name, ignoring case."""
    by_small = {one.lower(): one for one in known if one}
    return [by_small[near] for near in difflib.get_close_matches(name.lower(), by_small, n=1)]

"""The policy file: its words, read and checked with every problem at once."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bot.errors import SettingsError
from sizing.methods import MethodName

ANYONE = "anyone"

_ID = re.compile(r"[UWS][A-Z0-9]{2,}")
_SPAN = re.compile(r"([0-9]+)\s*([smhd])")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST_MS = 3650 * _UNIT_MS["d"]


def _slack_id(value: str) -> str:
    """Accept a user id, a user-group id or ``anyone``."""
    if value != ANYONE and not _ID.fullmatch(value):
        msg = "must be a user id (U… or W…), a user-group id (S…) or anyone"
        raise ValueError(msg)
    return value


def _duration_ms(value: object) -> object:
    """Read ``24h`` as milliseconds."""
    match = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    ms = int(match[1]) * _UNIT_MS[match[2]] if match else 0
    if not 0 < ms <= _LONGEST_MS:
        msg = "must be a length of time such as 30m, 24h or 7d, at most 3650d"
        raise ValueError(msg)
    return ms


SlackId = Annotated[str, AfterValidator(_slack_id)]
DurationMs = Annotated[int, BeforeValidator(_duration_ms)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class When(_Model):
    """What a rule matches; every key that is given must match.

    Args:
        min_gpus: At least so many GPUs.
        min_gb: At least so many GB of GPU memory, before rounding up.
        methods: One of these methods.
        spaces: One of these deployment spaces (name or id).
        override: Whether a person chose the GPU count.
    """

    min_gpus: int | None = Field(default=None, ge=1)
    min_gb: Decimal | None = Field(default=None, ge=0)
    methods: frozenset[MethodName] | None = None
    spaces: frozenset[str] | None = None
    override: bool | None = None


class Rule(_Model):
    """What applies when a request matches.

    Args:
        when: The conditions; none means always.
        quorum: At least so many distinct people.
        deny: Refuse, with this sentence.
        approvers: Voters must also be among these.
        self_approval: ``false`` forbids it here.
        expires_after: No longer than this.
    """

    when: When = When()
    quorum: int | None = Field(default=None, ge=1, le=20)
    deny: str | None = Field(default=None, min_length=1, max_length=300)
    approvers: frozenset[SlackId] | None = Field(default=None, min_length=1)
    self_approval: Literal[False] | None = None
    expires_after: DurationMs | None = None


class Defaults(_Model):
    """What applies to every request. Times in milliseconds once read."""

    approvers: frozenset[SlackId] = frozenset()
    quorum: int = Field(default=1, ge=1, le=20)
    self_approval: bool = False
    expires_after: DurationMs = 24 * 3_600_000
    remind_after: DurationMs = 4 * 3_600_000
    notify: tuple[SlackId, ...] | None = None
    admins: frozenset[SlackId] = frozenset()
    workflow: Literal["deny", "quorum-of-two", "allow"] = "deny"


class Policy(_Model):
    """The whole policy, as in the file."""

    defaults: Defaults = Defaults()
    rule: tuple[Rule, ...] = ()

    def entries(self) -> frozenset[str]:
        """Return every user and group that the policy names."""
        named = self.defaults.approvers | self.defaults.admins | frozenset(self.defaults.notify or ())
        return named.union(*(rule.approvers or frozenset() for rule in self.rule)) - {ANYONE}


def load(text: str) -> Policy:
    """Read a policy file.

    Args:
        text: TOML, as in the documentation's policy cookbook.

    Returns:
        The policy.

    Raises:
        SettingsError: With every problem at once.
    """
    try:
        return Policy.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError((f"PEFTSIZE_POLICY_FILE is not TOML: {error}.",)) from None
    except ValidationError as error:
        raise SettingsError(
            tuple(
                f"PEFTSIZE_POLICY_FILE: {'.'.join(str(part) for part in problem['loc'])}: "
                f"{problem['msg'].removeprefix('Value error, ')}."
                for problem in error.errors()
            )
        ) from None

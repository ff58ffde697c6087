"""The policy file, parsed and checked with every problem at once."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import tomllib
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from bot.approvals import patterns
from bot.errors import SettingsError
from sizing.methods import MethodName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ANYONE = "anyone"
APPROVERS = "Approvers"
"""The party that ``approvers`` and ``quorum`` stand for."""

MEMBERS, GUESTS, EXTERNAL = "members", "guests", "external"
"""Kinds of people who may ask: full members and guests of our organization, people of others."""
ASKERS: Mapping[str, str | None] = {
    "member": MEMBERS,
    "guest": GUESTS,
    "external": EXTERNAL,
    "workflow": None,
}
"""Who may ask in a case, each with the kind of people it is one of; a workflow asks in a person's name."""

_ID = re.compile(r"[UWS][A-Z0-9]{2,}")
_WHO_OR_WHERE = re.compile(r"[UWSCG][A-Z0-9]{2,}")
_SPAN = re.compile(r"([0-9]+)\s*([smhd])")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST_MS = 3650 * _UNIT_MS["d"]


def _slack_id(value: str) -> str:
    """Validate a user id, a user-group id or ``anyone``."""
    if value != ANYONE and not _ID.fullmatch(value):
        msg = "must be a user id (U… or W…), a user-group id (S…) or anyone"
        raise ValueError(msg)
    return value


def _requester(value: str) -> str:
    """Validate a user id, a user-group id, a channel id, or a kind of people."""
    if value not in {MEMBERS, GUESTS, EXTERNAL} and not _WHO_OR_WHERE.fullmatch(value):
        msg = "must be members, guests, external, a user id (U… or W…), a user-group id (S…) or a channel id (C…)"
        raise ValueError(msg)
    return value


def _asker(value: str) -> str:
    """Validate a kind of asker, or a user id."""
    if value not in ASKERS and not _ID.fullmatch(value):
        msg = f"must be {', '.join(ASKERS)}, a user id (U… or W…) or a user-group id (S…)"
        raise ValueError(msg)
    return value


def _duration_ms(value: object) -> object:
    """Parse ``24h`` as milliseconds."""
    match = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    ms = int(match[1]) * _UNIT_MS[match[2]] if match else 0
    if not 0 < ms <= _LONGEST_MS:
        msg = "must be a length of time such as 30m, 24h or 7d, at most 3650d"
        raise ValueError(msg)
    return ms


def _as_list(value: object) -> object:
    """Turn a single word into a list."""
    return [value] if isinstance(value, str) else value


SlackId = Annotated[str, AfterValidator(_slack_id)]
Asker = Annotated[str, AfterValidator(_asker)]
Requester = Annotated[str, AfterValidator(_requester)]
DurationMs = Annotated[int, BeforeValidator(_duration_ms)]
Pattern = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(patterns.pattern)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class When(_Model):
    """What a rule matches; every given key must match.

    Args:
        min_gb: At least this many GB of GPU memory, before rounding up.
        spaces: One of these deployment spaces (name or id).
        override: Whether a person chose the GPU count.
    """

    min_gpus: int | None = Field(default=None, ge=1)
    min_gb: Decimal | None = Field(default=None, ge=0)
    methods: frozenset[MethodName] | None = None
    spaces: frozenset[str] | None = None
    override: bool | None = None


class Need(_Model):
    """One party that must approve.

    Args:
        name: As on the card; the same name means the same people in every rule.
        among: ``from`` in the file: its members.
        count: How many distinct members must approve.
    """

    name: str = Field(min_length=1, max_length=30, pattern=r"^\S(.*\S)?$")
    among: frozenset[SlackId] = Field(alias="from", min_length=1)
    count: int = Field(default=1, ge=1, le=20)


class Escalate(_Model):
    """Who may decide as well, once a request has waited for a while.

    Args:
        after: How long; milliseconds once parsed.
        to: Who then may.
    """

    after: DurationMs
    to: frozenset[SlackId] = Field(min_length=1)


Needs = Annotated[tuple[Need, ...], Field(min_length=1, max_length=5)]
Escalations = Annotated[tuple[Escalate, ...], Field(min_length=1, max_length=5)]


class Rule(_Model):
    """What applies to matching requests.

    Args:
        when: The conditions; none means always.
        need: The parties that must approve, in place of approvers and quorum.
        escalate: Who may decide later on, for the people whom this rule requires.
        deny: Refuse, with this sentence.
        approvers: Voters must also be among these.
        self_approval: ``false`` forbids it.
        expires_after: No longer than this.
    """

    when: When = When()
    need: Needs | None = None
    escalate: Escalations = ()
    quorum: int | None = Field(default=None, ge=1, le=20)
    deny: str | None = Field(default=None, min_length=1, max_length=300)
    approvers: frozenset[SlackId] | None = Field(default=None, min_length=1)
    self_approval: Literal[False] | None = None
    expires_after: DurationMs | None = None


class Defaults(_Model):
    """What applies to every request. Times in milliseconds once parsed; patterns for RE2.

    Args:
        requesters: Who may ask: people, user groups, channels in which anybody may, kinds of people.
        purpose: Whether a request must have a purpose.
        purpose_pattern: What a purpose must contain, if one is given.
        purpose_link: Where the match links to, with ``{match}`` for it.
        name_pattern: What a name typed as ``name=`` must match, as a whole.
    """

    approvers: frozenset[SlackId] = frozenset()
    requesters: frozenset[Requester] = Field(default=frozenset({MEMBERS}), min_length=1)
    need: Needs | None = None
    escalate: Escalations = ()
    quorum: int = Field(default=1, ge=1, le=20)
    self_approval: bool = False
    expires_after: DurationMs = 24 * 3_600_000
    remind_after: DurationMs = 4 * 3_600_000
    notify: tuple[SlackId, ...] | None = None
    admins: frozenset[SlackId] = frozenset()
    workflow: Literal["deny", "quorum-of-two", "allow"] = "deny"
    cli_decisions: Literal["deny", "allow"] = "deny"
    confirm_from_gpus: int | None = Field(default=None, ge=1)
    approval_valid: DurationMs | None = None
    purpose: Literal["optional", "required"] = "optional"
    purpose_pattern: Pattern | None = None
    purpose_link: Annotated[str, AfterValidator(patterns.link)] | None = None
    name_pattern: Pattern | None = None


class Limits(_Model):
    """How much may be asked for; None for no limit.

    Args:
        open_per_person: Requests of a person that have not ended.
        asks_per_minute: Requests that a person makes within a minute.
        gpus_per_person: GPUs of a person's requests that are open, or created and not deleted.
        gpus_per_space: The same for a deployment space.
    """

    open_per_person: int | None = Field(default=None, ge=1)
    asks_per_minute: int | None = Field(default=None, ge=1)
    gpus_per_person: int | None = Field(default=None, ge=1)
    gpus_per_space: int | None = Field(default=None, ge=1)


class Case(_Model):
    """An example of what the policy must say, checked by ``peftsize policy test``.

    Args:
        asks: The text of a request.
        who: Who asks: a kind of asker, and the person and user groups if the policy names them.
        channel: Where, if it matters.
        space: For which deployment space; None for the default one.
        denied: Whether it is denied, or refused because of who asks or for how much.
        need: How many people of each party; ``Approvers`` is the short form's.
    """

    asks: str = Field(min_length=1)
    who: Annotated[tuple[Asker, ...], BeforeValidator(_as_list), Field(min_length=1)] = ("member",)
    channel: str | None = Field(default=None, pattern="^[CG][A-Z0-9]{2,}$")
    space: str | None = None
    use_gpus: int | None = None
    denied: bool = False
    need: dict[str, int] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Case:
        if len([entry for entry in self.who if ASKERS.get(entry)]) > 1:
            msg = "a case is asked by one of member, guest and external"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _one_outcome(self) -> Case:
        if self.denied is (self.need is not None):
            msg = "a case needs either need = { Approvers = 1 } or denied = true"
            raise ValueError(msg)
        return self


_Table = TypeVar("_Table", Defaults, Rule)


class Cases(_Model):
    """A file that holds only cases."""

    case: tuple[Case, ...] = ()


class Policy(_Model):
    """The whole policy, as in the file."""

    defaults: Defaults = Defaults()
    limits: Limits = Limits()
    rule: tuple[Rule, ...] = ()
    case: tuple[Case, ...] = ()

    def entries(self) -> frozenset[str]:
        """Return every user and group that the policy names."""
        return (self.approvers() | self.defaults.admins | frozenset(self.defaults.notify or ())) - {ANYONE}

    def reached_later(self) -> frozenset[str]:
        """Return every user and group that an escalation names."""
        stages = (*self.defaults.escalate, *(stage for rule in self.rule for stage in rule.escalate))
        return frozenset[str]().union(*(stage.to for stage in stages))

    def spaces(self) -> frozenset[str]:
        """Return every deployment space that the rules name."""
        return frozenset[str]().union(*(rule.when.spaces or () for rule in self.rule))

    def approvers(self) -> frozenset[str]:
        """Return every entry that may ever approve something, ``anyone`` included."""
        return frozenset[str]().union(*self._voting())

    def groups_for(self, user_id: str) -> frozenset[str]:
        """Return the user groups that may give somebody a say: those of each list that does not name the person."""
        lists = [entries for entries in (*self._voting(), self.defaults.admins) if user_id not in entries]
        return frozenset(entry for entries in lists for entry in entries if entry.startswith("S"))

    def _voting(self) -> Iterator[frozenset[str]]:
        """Yield every list of entries that may approve something."""
        tables: tuple[Defaults | Rule, ...] = (self.defaults, *self.rule)
        for table in tables:
            yield table.approvers or frozenset()
            yield from (need.among for need in table.need or ())
            yield from (stage.to for stage in table.escalate)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the policy's meaning, regardless of comments, order within lists and spelled-out defaults."""
        said = self.model_dump(exclude_defaults=True, exclude={"case"})
        text = json.dumps(said, default=_plain, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    """Return a set as a sorted list, and a decimal as its text."""
    return sorted(value) if isinstance(value, frozenset) else str(value)


def load(text: str, file: str = "PEFTSIZE_POLICY_FILE") -> Policy:
    """Parse a policy file.

    Args:
        text: TOML, as in the documentation's policy cookbook.

    Raises:
        SettingsError: With every problem at once.
    """
    read = _toml(text, file)
    problems: list[str] = []
    try:
        found = Policy.model_validate(read)
    except ValidationError as error:
        problems = _problems(error)
    problems += _contradictions(read)
    if problems:
        raise SettingsError(tuple(f"{file}: {problem}" for problem in problems)) from None
    return found


def load_cases(text: str, file: str) -> tuple[Case, ...]:
    """Parse a file of cases; as for ``load``."""
    try:
        return Cases.model_validate(_toml(text, file)).case
    except ValidationError as error:
        raise SettingsError(tuple(f"{file}: {problem}" for problem in _problems(error))) from None


def _toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError((f"{file} is not TOML: {error}.",)) from None


def _problems(error: ValidationError) -> list[str]:
    """Return what is wrong, each with its place; values are not repeated."""
    return [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}."
        for problem in error.errors()
    ]


def _contradictions(read: dict[str, Any]) -> Iterator[str]:
    """Name contradictions between valid keys; invalid tables are skipped."""
    defaults = _valid(Defaults, read.get("defaults", {}))
    rules = read.get("rule", [])
    tables: list[tuple[str, Defaults | Rule | None]] = [("defaults", defaults)]
    tables += [
        (f"rule.{n}", _valid(Rule, rule)) for n, rule in enumerate(rules if isinstance(rules, list) else [])
    ]
    longest = (defaults or Defaults()).expires_after
    parties: dict[str, frozenset[str]] = {}
    if defaults and defaults.purpose_link and not defaults.purpose_pattern:
        yield "defaults.purpose_link: there is no purpose_pattern to say what {match} stands for."
    for where, table in tables:
        if table is None:
            continue
        if table.need and (table.approvers or "quorum" in table.model_fields_set):
            yield f"{where}: need stands in place of approvers and quorum; keep one of the two."
        yield from _clashing(where, table.need or (), parties)
        yield from _too_late(where, table.escalate, min(longest, table.expires_after or longest))


def _valid(model: type[_Table], read: object) -> _Table | None:
    """Return a parsed table, or None if it has mistakes."""
    try:
        return model.model_validate(read)
    except ValidationError:
        return None


def _clashing(where: str, need: Sequence[Need], parties: dict[str, frozenset[str]]) -> Iterator[str]:
    """Name parties that share a name but not their people; ``parties`` collects who belongs to each."""
    names = [party.name for party in need]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{where}.need: the party {name!r} is there twice; give its count once."
    for party in need:
        if party.name == APPROVERS:
            yield f"{where}.need: {APPROVERS!r} is the name of the party that approvers stand for; choose another."
        elif parties.setdefault(party.name, party.among) != party.among:
            yield f"{where}.need: the party {party.name!r} has other people elsewhere; choose another name."


def _too_late(where: str, stages: Sequence[Escalate], expires_ms: int) -> Iterator[str]:
    """Name stages that come after the expiry."""
    times = [stage.after for stage in stages]
    if len(set(times)) < len(times):
        yield f"{where}.escalate: two stages have the same after; write them as one."
    if any(time >= expires_ms for time in times):
        yield f"{where}.escalate: a stage comes no sooner than expires_after, so nobody would see it."

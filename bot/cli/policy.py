"""``peftsize policy``: check a file, test its cases, compare two, explain the one in force."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sizing
from bot import messages
from bot.approvals import cases, policy, policy_file
from bot.approvals.cases import Asked
from bot.approvals.draft import draft, facts
from bot.cli.ending import REFUSED
from bot.cli.output import columns, complain, pairs, progress, say, say_json, title, visible
from bot.errors import SettingsError
from bot.runtime import settings as configuration
from bot.runtime import wiring
from bot.runtime.settings import Need, check_settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from bot.approvals.cases import Changed, Verdict
    from bot.approvals.policy import Person, Ruling
    from bot.approvals.policy_file import Case, Policy

_MAY_NOT_ASK = {
    "bot": "bots never ask",
    "member": "they are not among the requesters",
    "guest": "guests do not ask unless requesters says so",
    "stranger": "people from other organizations do not ask unless requesters says so",
    "foreign_team": "people from other workspaces do not ask unless requesters says so",
}
STEPS = 1_000
"""Requests between two moves of the progress bar."""


def check(file: str) -> None:
    """Read a policy file, and say so."""
    rules = _load(file)
    say(visible(f"{file}: no mistakes. {len(rules.rule)} rules, {len(rules.case)} cases."))
    say(f"Digest: {rules.digest}")


def test(file: str, more: Sequence[str]) -> None:
    """Check the cases beside the rules and those of further files."""
    rules = _load(file)
    files = [(file, rules.case), *((name, policy_file.load_cases(_read(name), name)) for name in more)]
    wrong = [
        f"{name}: case.{number} ({case.asks!r}): {why}"
        for name, cases in files
        for number, case in enumerate(cases)
        if (why := _wrong(rules, case)) is not None
    ]
    count = sum(len(cases) for _, cases in files)
    if not count:
        raise SettingsError((f"{file}: there are no cases: write [[case]] tables beside the rules.",))
    for line in wrong:
        say(visible(line))
    say(f"{count - len(wrong)} of {count} cases hold.")
    if wrong:
        sys.exit(REFUSED)


def diff(old: str, new: str, requests: str | None, *, as_json: bool) -> None:
    """Rule on requests under two policies, and name those that they rule on differently."""
    before, after = _load(old), _load(new)
    if requests is None:
        settings = configuration.load()
        with wiring.open_store(settings) as store, store.read() as tx:
            asked = [Asked(*row) for row in tx.requests.texts()]
        site = configuration.site(settings, dry_run=True)
    else:
        asked, site = list(_asked_in(requests)), cases.site_for(before, after)
    unreadable: list[Asked] = []
    with progress("Ruling", len(asked)) as step:
        changed = list(cases.compare(before, after, _counted(asked, step), site, unreadable.append))
    if as_json:
        say_json([_as_json(one) for one in changed])
    else:
        for one in changed:
            cells = (one.asked.id or "-", one.asked.text, _difference(one.old, one.new))
            say("\t".join(map(visible, cells)))
        say(f"{len(changed)} of {len(asked)} requests are ruled on differently.")
    if unreadable:
        complain(
            f"{len(unreadable)} requests cannot be read and were left out, such as {unreadable[0].text[:80]!r}."
        )
    if changed:
        sys.exit(REFUSED)


def explain(text: str, user_id: str) -> None:
    """Show what the current policy requires of a request, why, and what a person may do."""
    settings = configuration.load()
    check_settings(settings, Need(slack=True, approvers=True))
    rules, site = configuration.rules(settings), configuration.site(settings, dry_run=True)
    drafted = draft(text, site)
    ruling = policy.rule(rules, facts(drafted, site))
    person = wiring.look_up(settings, rules, user_id)
    say(
        visible(
            f"{drafted.sized.canonical}: {messages.gpus(drafted.breakdown.num_gpus)}, {described(ruling)}"
        )
    )
    if ruling.deny is None:
        title("Who must approve")
        columns([(f"{party.count} of {party.name}", _lists(party.lists)) for party in ruling.parties])
        pairs(
            *(
                (f"after {messages.duration(one.after_ms)}", f"also {_named(one.to)}")
                for one in ruling.stages
            ),
            ("expires after", messages.duration(ruling.expires_ms)),
        )
    title("Why")
    columns([(clause,) for clause in ruling.because] or [("no rule applies, only the defaults",)])
    title(visible(person.name))
    title(visible(person.name))
    columns([(line,) for line in (_asking(rules, person), *_may(ruling, person))])
    say(f"Policy: {ruling.policy}")


def described(ruling: Ruling) -> str:
    """Say what a ruling asks for, in a few words."""
    if ruling.deny is not None:
        return f"denied: {ruling.deny}"
    return ", ".join(f"{party.name} {party.count}" for party in ruling.parties)


def _asking(rules: Policy, person: Person) -> str:
    """Say whether, and where, somebody may ask."""
    barred = policy.barred_from_asking(rules, person, "")
    if barred is None:
        return "may ask"
    channels = sorted(entry for entry in rules.defaults.requesters if entry.startswith(("C", "G")))
    if channels and policy.barred_from_asking(rules, person, channels[0]) is None:
        return f"may ask in {', '.join(channels)} alone"
    return f"may not ask: {_MAY_NOT_ASK.get(barred, messages.BARRED.get(barred, barred))}"


def _may(ruling: Ruling, person: Person) -> list[str]:
    """Say what somebody may do with such a request."""
    if person.barred is not None:
        return [f"cannot decide: {messages.BARRED.get(person.barred, person.barred)}"]
    actor = policy.standing(ruling, person)
    theirs = [ruling.parties[number].name for number in ruling.open_to(actor.via)]
    own = ruling.open_to(actor.via, own=True)
    return [
        f"may approve it for {' or '.join(theirs)}" if theirs else "may not approve it",
        "may approve their own" if own else "may not approve their own",
        *(["may cancel, retry and give up (admin)"] if actor.is_admin else []),
    ]


def _wrong(rules: Policy, case: Case) -> str | None:
    """Return how a case does not hold, or None if it does."""
    try:
        verdict = cases.judge(rules, case)
    except sizing.SizingError as error:
        return f"cannot be read: {error.message}"
    if cases.holds(case, verdict):
        return None
    wanted = ", ".join(f"{name} {count}" for name, count in sorted((case.need or {}).items()))
    return f"expected {'denied' if case.denied else wanted}; the policy says {_said(verdict)}"


def _said(verdict: Verdict) -> str:
    """Say what came of a case, in a few words."""
    if verdict.barred is not None:
        return f"denied: {_MAY_NOT_ASK.get(verdict.barred, verdict.barred)}"
    if verdict.limit is not None:
        return f"denied: it is over {verdict.limit} alone"
    return described(verdict.ruling)


def _difference(old: Ruling, new: Ruling) -> str:
    """Say what differs between two rulings."""
    before, after = _facts(old), _facts(new)
    return "; ".join(
        f"{name}: {before[name]} → {after[name]}" for name in before if before[name] != after[name]
    )


def _facts(ruling: Ruling) -> dict[str, str]:
    parties = ruling.parties
    return {
        "needs": described(ruling),
        "from": "; ".join(f"{party.name}: {_lists(party.first)}" for party in parties),
        "escalates": "; ".join(
            f"after {messages.duration(one.after_ms)} to {_named(one.to)}" for one in ruling.stages
        )
        + "".join(f"; {party.name}: {_lists(party.last)}" for party in parties if party.last != party.first)
        or "never",
        "self-approval": "yes" if ruling.self_approval else "no",
        "expires after": messages.duration(ruling.expires_ms),
        "reminds after": messages.duration(ruling.remind_ms),
        "told": _named(ruling.notify),
        "admins": _named(ruling.admins),
    }


def _as_json(one: Changed) -> dict[str, Any]:
    return {"id": one.asked.id, "text": one.asked.text, "old": _facts(one.old), "new": _facts(one.new)}


def _lists(lists: Iterable[Collection[str]]) -> str:
    return " and ".join(_named(entries) for entries in lists)


def _named(entries: Collection[str]) -> str:
    return ", ".join(sorted(entries)) or "nobody"


def _counted(asked: Sequence[Asked], step: Any) -> Iterable[Asked]:
    """Yield requests, and tell how many were."""
    for number, one in enumerate(asked, 1):
        yield one
        if number % STEPS == 0:
            step(STEPS)


def _asked_in(file: str) -> Iterable[Asked]:
    """Yield the requests of a file: a text or a JSON object (``text``, ``id``, ``use_gpus``, ``origin``) a line."""
    for number, line in enumerate(_read(file).splitlines(), 1):
        if not line.startswith("{"):
            if line.strip():
                yield Asked(f"line {number}", line)
            continue
        try:
            entry = json.loads(line)
            text = entry.get("text") or entry["canonical"]
            yield Asked(
                str(entry.get("id") or f"line {number}"),
                str(text),
                entry.get("use_gpus"),
                entry.get("origin") == "workflow",
            )
        except (ValueError, KeyError) as error:
            raise SettingsError((f"{file}: line {number} is no request: {type(error).__name__}.",)) from None


def _load(file: str) -> Policy:
    return policy_file.load(_read(file), file)


def _read(file: str) -> str:
    """Return what a file holds, or standard input; raises ``SettingsError``."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError((f"{file} cannot be read: {type(error).__name__}.",)) from None

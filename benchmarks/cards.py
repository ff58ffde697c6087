"""How long drawing a card takes, beside a base of the same run: medians of interleaved rounds."""

import json
import statistics
import time
from collections.abc import Callable

from bot.approvals import policy
from bot.approvals.draft import Draft, Site, draft, facts
from bot.approvals.policy_file import Policy
from bot.approvals.request import Kind, Request, State
from bot.slack.blocks import breakdown
from bot.slack.blocks.card import card

TEXT = "10b 2x128MB qlora4"
SITE = Site("https://cpd.example.com", "0a1b2c3d-0000-4000-8000-123456789abc", label="prod")
RULES = Policy.model_validate({"defaults": {"approvers": ["U0AAAA", "S0GROUP"]}})
NOW = 1_700_000_000_000

Row = tuple[str, float, float, float]


def pending(drafted: Draft) -> Request:
    """A request as it is stored when it was just asked for."""
    return Request(
        id="R7K3M9QX",
        kind=Kind.CREATE,
        state=State.PENDING,
        version=1,
        revision=1,
        text=TEXT,
        canonical=drafted.sized.canonical,
        name=drafted.name,
        use_gpus=None,
        payload=drafted.payload,
        digest=drafted.digest,
        target=SITE.target,
        space_id=drafted.space_id,
        team_id="T0HOME",
        enterprise_id=None,
        requester_id="U0ROSA",
        requester_name="Rosa",
        author_id="U0ROSA",
        channel_id="C0TEAM",
        message_ts=None,
        quorum=1,
        votes=(),
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + 86_400_000,
        spec_id=None,
        error=None,
        reserved=True,
        tries=0,
        origin="slack-http",
    )


def microseconds(work: Callable[[], object], times: int) -> float:
    """Time one call, averaged over a short burst."""
    start = time.perf_counter_ns()
    for _ in range(times):
        work()
    return (time.perf_counter_ns() - start) / times / 1000


def rows(rounds: int = 40) -> list[Row]:
    """Measure everything.

    Returns:
        (name, median in microseconds, median of the base, ratio): the base writes the finished card as JSON.
    """
    drafted = draft(TEXT, SITE)
    request, ruling = pending(drafted), policy.rule(RULES, facts(drafted, SITE))

    def draw() -> object:
        return card(request, drafted, site=SITE, now=NOW, ruling=ruling)

    def draw_first() -> object:
        breakdown.forget()
        return draw()

    blocks = card(request, drafted, site=SITE, now=NOW, ruling=ruling).blocks
    measured: dict[str, Callable[[], object]] = {
        "card drawn again, as at every step (aim 60 µs)": draw,
        "card drawn for the first time": draw_first,
    }
    taken: dict[str, list[float]] = {name: [] for name in measured}
    base: list[float] = []
    for _ in range(rounds):
        base.append(microseconds(lambda: json.dumps(blocks), 100))
        for name, work in measured.items():
            taken[name].append(microseconds(work, 100))
    one = statistics.median(base)
    return [
        (name, statistics.median(times), one, statistics.median(times) / one) for name, times in taken.items()
    ]

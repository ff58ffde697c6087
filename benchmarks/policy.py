"""Two policies compared on generated requests, against an oracle that sizes and rules every one on its own.

    python -m benchmarks.policy [COUNT]

Prints whether both find the same requests, and the seconds that the comparison took.
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.approvals import cases, policy, policy_file
from bot.approvals.cases import Asked
from bot.approvals.draft import draft, facts

if TYPE_CHECKING:
    from bot.approvals.policy import Ruling

Found = dict[str, tuple["Ruling", "Ruling"]]
"""The two rulings of each request on which two policies differ, by its id."""

OLD = """
[defaults]
approvers = ["S0GPU"]

[[rule]]
when = { min_gpus = 3 }
quorum = 2

[[case]]
asks = "70b 10x500MB lora"
need = { Approvers = 2 }

[[case]]
asks = "10b none qlora4"
space = "prod"
need = { Approvers = 1 }
"""
NEW = """
[defaults]
approvers = ["S0GPU"]

[[rule]]
when = { min_gpus = 3 }
need = [{ name = "Leads", from = ["S0LEADS"] }, { name = "Security", from = ["S0SEC"] }]
escalate = [{ after = "4h", to = ["S0MANAGERS"] }]

[[rule]]
when = { spaces = ["prod"], methods = ["qlora4"], min_gb = 20 }
deny = "Not here."

[[rule]]
when = { override = true }
quorum = 2
"""


def generated(count: int) -> list[Asked]:
    """Return requests of all sizes, methods, spaces and origins, the same every time."""
    chance = random.Random(16)  # noqa: S311 - a fixed sample
    found = []
    for number in range(count):
        method = chance.choice(["lora", "qlora4", "qlora8"])
        space = chance.choice(["", "", " space=prod"])
        text = f"{chance.randint(1, 3000) / 10}b {chance.randint(1, 9)}x{chance.randint(1, 900)}MB {method}{space}"
        by_hand = 64 if chance.random() < 0.1 else None
        found.append(Asked(f"R{number}", text, by_hand, chance.random() < 0.1))
    return found


def judged(count: int) -> tuple[Found, Found, float]:
    """Return what the comparison finds, what the oracle finds, and the seconds that the comparison took."""
    asked = generated(count)
    old = policy_file.load(OLD.replace("[defaults]", '[defaults]\nworkflow = "quorum-of-two"'))
    new = policy_file.load(NEW.replace("[defaults]", '[defaults]\nworkflow = "allow"'))
    site = cases.site_for(old, new)
    started = time.perf_counter()
    found = {one.asked.id: (one.old, one.new) for one in cases.compare(old, new, asked, site)}
    took_s = time.perf_counter() - started
    oracle = {}
    for one in asked:
        seen = facts(draft(one.text, site, one.use_gpus), site, workflow=one.workflow)
        before, after = (replace(policy.rule(rules, seen), because=(), policy=None) for rules in (old, new))
        if before != after:
            oracle[one.id] = (before, after)
    return found, oracle, took_s


def main(count: int) -> int:
    """Compare, judge and print; 1 where both differ."""
    found, oracle, took_s = judged(count)
    same = "the same set" if found == oracle else "NOT the same set"
    print(
        f"{count} requests, {len(found)} ruled on differently, {same} as the oracle; compared in {took_s:.1f} s"
    )
    return int(found != oracle)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))

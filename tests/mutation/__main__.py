"""``python -m tests.mutation``: samples mutants of each room, and exits with 1 if too many of them live."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.mutation.rooms import HERE, ROOMS, ROOT, Room, equivalents, key, mutants_by_room
from tests.mutation.run import control, copies, note, run

if TYPE_CHECKING:
    from tests.mutation.run import Outcome

SCORE = HERE / "score.md"


class Score(NamedTuple):
    """A room's line in the table."""

    room: Room
    seed: int
    mutants: int
    counts: Counter[str]

    @property
    def killed(self) -> int:
        """Noticed, by a failure or by a run without end."""
        return self.counts["killed"] + self.counts["timed out"]

    @property
    def percent(self) -> float:
        """Of the mutants that behave differently."""
        return 100 * self.killed / max(self.killed + self.counts["survived"], 1)


def main() -> int:
    """Run, print, and return the exit status."""
    wanted = _arguments()
    accepted = equivalents()
    by_room = mutants_by_room()
    strangers = accepted.keys() - {key(mutant) for found in by_room.values() for mutant in found}
    for file, function, diff in sorted(strangers):
        say(f"equivalents.toml has a mutant that does not exist: {file}, {function}\n{diff}")
    with tempfile.TemporaryDirectory(prefix="peftsize-mutation-") as place:
        trees = copies(ROOT, Path(place))
        scores = []
        for room in [room for room in ROOMS if not wanted.room or room.name in wanted.room]:
            noted = note(ROOT, trees[0], room.tests, reuse=wanted.reuse)
            for test in noted.failed:
                say(f"fails without any mutant and is left out: {test}")
            size = min(wanted.sample, len(by_room[room]))
            sample = random.Random(wanted.seed).sample(by_room[room], size)  # noqa: S311 - a sample, no secret
            different = [mutant for mutant in sample if key(mutant) not in accepted]
            if failure := control(trees[0], noted, different):
                say(f"{failure}\n{room.name}: the tests fail without any mutant")
                return 1
            outcomes = run(trees, noted, different, _tell)
            counts = Counter(outcome.what for outcome in outcomes)
            counts["equivalent"] = len(sample) - len(different)
            scores.append(Score(room, wanted.seed, len(by_room[room]), counts))
            say(line(scores[-1]))
    if wanted.write:
        SCORE.write_text(table(_with_other_rooms(scores)), encoding="utf-8")
    return 1 if strangers or any(score.percent < score.room.needed for score in scores) else 0


def table(lines: list[str]) -> str:
    """Return the scores in Markdown."""
    head = [
        "| room | mutants | sample | seed | killed | survived | equivalent | score | needed |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *lines, ""])


def line(score: Score) -> str:
    """Return a room's line."""
    counts = score.counts
    timed_out = f" ({counts['timed out']} by time-out)" if counts["timed out"] else ""
    cells = [
        score.room.name,
        score.mutants,
        counts.total(),
        score.seed,
        f"{score.killed}{timed_out}",
        counts["survived"],
        counts["equivalent"],
        f"{score.percent:.1f} %",
        f"{score.room.needed} %",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _with_other_rooms(scores: list[Score]) -> list[str]:
    """Return the lines of these rooms, and of the others those that were written last."""
    before = SCORE.read_text(encoding="utf-8").splitlines() if SCORE.exists() else []
    lines = {text.split("|")[1].strip(): text for text in before if text.startswith("|")}
    lines |= {score.room.name: line(score) for score in scores}
    return [lines[room.name] for room in ROOMS if room.name in lines]


def say(words: str) -> None:
    """Print at once: this takes minutes."""
    print(words, flush=True)  # noqa: T201 - a tool for maintainers


def _tell(outcome: Outcome) -> None:
    if outcome.what == "survived":
        mutant = outcome.mutant
        where = f"{mutant.file}:{mutant.lines[0].start} {mutant.function}"
        say(f"survived {outcome.tests} tests: {where}\n{mutant.diff}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--sample", type=int, default=100, metavar="K", help="mutants of each room, at most")
    parser.add_argument(
        "--room", action="append", choices=[room.name for room in ROOMS], help="instead of all"
    )
    parser.add_argument(
        "--reuse", action="store_true", help="what was noted last, though files changed since"
    )
    parser.add_argument(
        "--write", action="store_true", help="these rooms' lines into tests/mutation/score.md"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

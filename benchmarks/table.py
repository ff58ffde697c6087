"""One row of a benchmark: a measure beside its base of the same run."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Row:
    """A measure.

    Args:
        name: What was measured.
        value: The product's number.
        base: The base's number, measured in the same run.
        unit: Of both.
        aim: What the ratio, or the value where ``of_value``, should keep to, such as ``<= 2``.
        of_value: Whether the aim is about the value itself.
        higher: Whether more is better.
    """

    name: str
    value: float
    base: float
    unit: str
    aim: float | None = None
    of_value: bool = False
    higher: bool = False

    @property
    def ratio(self) -> float:
        """The product's number over the base's."""
        return self.value / self.base if self.base else 0.0

    @property
    def met(self) -> bool:
        """Whether the aim was met; a row without one always is."""
        if self.aim is None:
            return True
        number = self.value if self.of_value else self.ratio
        return number >= self.aim if self.higher else number <= self.aim

    def cells(self) -> tuple[str, ...]:
        """Return the row as text: name, value, base, ratio, aim."""
        sign = "≥" if self.higher else "≤"
        aim = "" if self.aim is None else f"{sign} {self.aim:g}{' ' + self.unit if self.of_value else '×'}"
        missed = "" if self.met else "  missed"
        base, ratio = (f"{self.base:.4g}", f"{self.ratio:.2f}×") if self.base else ("", "")
        return (self.name, f"{self.value:.4g} {self.unit}", base, ratio, aim + missed)


BEGIN, END = "<!-- performance: written from make bench -->\n", "<!-- /performance -->"


def write(readme: Path, rows: list[Row]) -> None:
    """Put a table of rows with their aims into the README, misses and all."""
    machine = f"`make bench`, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [f"{machine}: medians of interleaved rounds, beside a bare Bolt app that stores nothing.", ""]
    lines += ["| what | result | beside the base | aim |", "| --- | --- | --- | --- |"]
    for name, value, _, ratio, aim in (row.cells() for row in rows):
        lines.append(f"| {name} | {value} | {ratio} | {aim.replace('  missed', ' (missed)')} |")
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    text = "\n".join(lines)
    readme.write_text(f"{before}{BEGIN}{text}\n{END}{after}", encoding="utf-8")


def show(title: str, rows: list[Row]) -> None:
    """Print rows as a Markdown table."""
    print(f"\n### {title}\n")
    print("| measure | product | base | ratio | aim |\n| --- | --- | --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row.cells())} |", flush=True)

"""The state diagram can be read: no word on it is crossed by a line or lies under a box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.heavy]

CROSSED = """
async () => {
  const { diagram } = await import("/static/diagram.js");
  const { diagrams } = await (await fetch("/api/first")).json();
  const meet = (one, two) => one.x < two.x + (two.width ?? 0) && two.x < one.x + one.width
    && one.y < two.y + (two.height ?? 0) && two.y < one.y + one.height;
  const crosses = (path, box) =>
    Array.from({ length: Math.ceil(path.getTotalLength()) }, (_, at) =>
      path.getPointAtLength(at)).some((at) => meet(box, at));
  const found = [];
  let words = 0;
  for (const table of Object.values(diagrams)) for (const state of table.states) {
    const drawn = diagram(table, { state, moves: [] });
    document.querySelector("#request").replaceChildren(drawn);
    const labels = [...drawn.querySelectorAll(".label text")];
    const paths = [...drawn.querySelectorAll(".edge path")];
    const own = paths.filter((_, index) => table.edges[index].from === state);
    const boxes = [...drawn.querySelectorAll(".state")];
    labels.forEach((label, number) => {
      const box = label.getBBox();
      words += 1;
      const told = (what) => found.push(`${state} ${label.textContent}: ${what}`);
      if (paths.some((path) => path !== own[number] && crosses(path, box))) told("line");
      if (boxes.some((other) => meet(box, other.getBBox()))) told("box");
      if (labels.some((other) => other !== label && meet(box, other.getBBox()))) told("word");
    });
  }
  return { found, words };
}
"""


def test_no_word_is_crossed(screen: Screen) -> None:
    """In every state of both kinds the words of what may come next stand free."""
    drawn = screen.page.evaluate(CROSSED)
    assert drawn["words"] > 20
    assert drawn["found"] == []

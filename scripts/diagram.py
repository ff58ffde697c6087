"""Draws the state diagram of DESIGN.md from the state machine's table; ``--write`` puts it there.

Each line is one pair of states with the actions that lead from one to the other. Two kinds of
request share the table: what only a deletion can do is drawn once more, under its own heading.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that the script runs from anywhere

from bot.approvals.request import Kind, State
from bot.approvals.state_machine import TABLE, TERMINAL, Action, target

DESIGN = Path(__file__).parents[1] / "DESIGN.md"
BEGIN = "<!-- diagram: written by scripts/diagram.py, do not edit -->"
END = "<!-- /diagram -->"

Edges = dict[tuple[State, State], list[Action]]


def edges(kind: Kind) -> Edges:
    """Return what can happen to a request of one kind, from ``pending`` on.

    Returns:
        Actions by state before and after, in the table's order.
    """
    found: Edges = {}
    reached, open_states = {State.PENDING}, [State.PENDING]
    while open_states:
        state = open_states.pop(0)
        for action in TABLE[state]:
            after = target(state, action, kind)
            if after is None:
                continue
            found.setdefault((state, after), []).append(action)
            if after not in reached:
                reached.add(after)
                open_states.append(after)
    return found


def diagram() -> str:
    """Return the diagram in Mermaid's language."""
    create, delete = edges(Kind.CREATE), edges(Kind.DELETE)
    lines = ["stateDiagram-v2", "    [*] --> pending: requested"]
    lines += [_line(pair, actions) for pair, actions in create.items()]
    lines += ["    %% only for a request to delete"]
    lines += [_line(pair, actions) for pair, actions in delete.items() if pair not in create]
    lines += [f"    {state} --> [*]" for state in State if state in TERMINAL]
    return "\n".join(lines)


def block() -> str:
    """Return what stands between the markers of DESIGN.md."""
    return f"{BEGIN}\n```mermaid\n{diagram()}\n```\n{END}"


def replaced(text: str) -> str:
    """Return a text with its diagram drawn anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + block() + after


def _line(pair: tuple[State, State], actions: list[Action]) -> str:
    return f"    {pair[0]} --> {pair[1]}: {' | '.join(actions)}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        DESIGN.write_text(replaced(DESIGN.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(diagram())

"""The workflow with the app's step: Slack's own form, which runs the step with its values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from bot.sandbox.slack.inputs import field_errors, state_values
from bot.slack.manifest import manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.sandbox.slack.fake_slack import FakeSlack
    from bot.sandbox.slack.people import Person
    from bot.sandbox.slack.workspace import View

CALLBACK = "sandbox.workflow"
MOST_RUNS = 3


def step() -> tuple[str, dict[str, Any]]:
    """Return the callback id of the app's step, and its part of the manifest."""
    functions: dict[str, dict[str, Any]] = yaml.safe_load(manifest())["functions"]
    return next(iter(functions.items()))


def open_form(slack: FakeSlack, person: Person) -> None:
    """Open the form with one field for each input of the step; the person stands in for the workflow's user."""
    _, described = step()
    asked = described["input_parameters"]
    people = [one for one in slack.directory.people.values() if not one.is_bot]
    blocks = [
        {
            "type": "input",
            "block_id": name,
            "label": _plain(field["title"]),
            "hint": _plain(field["description"]),
            "optional": name not in asked["required"],
            "element": _people(people, person) if field["type"].endswith("user_id") else _line(),
        }
        for name, field in asked["properties"].items()
    ]
    body = {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": _plain("Run a workflow"),
        "submit": _plain("Run"),
    }
    slack.workspace.open_view(person.id, body | {"close": _plain("Cancel"), "blocks": blocks})


def run(slack: FakeSlack, person: Person, view: View, values: Mapping[str, Any]) -> dict[str, str]:
    """Run the step with the form's values; return the sentences under incomplete fields."""
    state = state_values(view.body["blocks"], values)
    if errors := field_errors(view.body["blocks"], state):
        slack.workspace.change_view(view, errors=errors)
        return errors
    slack.workspace.close_top_view(person.id)
    inputs = {
        name: field["value"].get("value") or (field["value"].get("selected_option") or {}).get("value")
        for name, field in state.items()
    }
    slack.run_function(person, {name: value for name, value in inputs.items() if value}, step()[0])
    return {}


def runs(slack: FakeSlack) -> list[str]:
    """Return the outcome of the last runs, one line each, newest first."""
    with slack.workspace.lock:
        executions = list(slack.workspace.executions.values())[-MOST_RUNS:]
    return [_line_of(one) for one in reversed(executions)]


def _line_of(execution: Mapping[str, Any]) -> str:
    asked = next(iter(execution["inputs"].values()), "")
    outputs = ", ".join(str(value) for value in execution.get("outputs", {}).values() if value)
    ended = {"running": "running …", "success": outputs, "error": f"failed: {execution.get('error')}"}
    return f"{asked}: {ended[execution['status']]}"


def _plain(words: str) -> dict[str, str]:
    return {"type": "plain_text", "text": words}


def _line() -> dict[str, Any]:
    return {"type": "plain_text_input", "action_id": "value"}


def _people(people: list[Person], first: Person) -> dict[str, Any]:
    options = {one.id: {"text": _plain(one.real_name), "value": one.id} for one in people}
    return {
        "type": "static_select",
        "action_id": "value",
        "options": list(options.values()),
        "initial_option": options[first.id],
    }

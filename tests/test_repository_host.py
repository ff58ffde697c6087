"""What the repository's host reads: the workflow that checks a change, and what people are asked for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.published_schema import problems

ROOT = Path(__file__).parents[1]
HOST = ROOT / ".github"
FORMS = sorted(path for path in (HOST / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def workflow() -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((HOST / "workflows/ci.yml").read_text(encoding="utf-8"))
    return loaded


def test_the_workflow_runs_what_everybody_runs() -> None:
    """``make`` and nothing else, on each Python that the package names, with no right but to read."""
    (job,) = workflow()["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make"]
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "classifiers"
    ]
    named = re.findall(r"Python :: (3\.\d+)", " ".join(classifiers))
    assert job["strategy"]["matrix"]["python"] == named
    assert job["env"] == {"PYTHON": "python"}, "find-python would take the newest of the runner's"
    assert workflow()["permissions"] == {"contents": "read"}
    assert job["timeout-minutes"] <= 60


def test_the_workflow_is_valid() -> None:
    """It follows the published schema."""
    assert problems("github-workflows", ".github/workflows/ci.yml") == ""


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_the_issue_forms_are_valid(form: Path) -> None:
    """They follow the published schema, and each asks for something that must be there."""
    assert problems("github-issue-forms", str(form.relative_to(ROOT))) == ""
    fields = yaml.safe_load(form.read_text(encoding="utf-8"))["body"]
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_people_are_led_to_a_form() -> None:
    """There is no blank issue, and its settings follow the published schema."""
    assert problems("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml") == ""
    assert len(FORMS) == 3


def test_a_weakness_is_not_reported_in_public() -> None:
    """The form for what is wrong sends those who found one to SECURITY.md, which is there."""
    assert "SECURITY.md" in (HOST / "ISSUE_TEMPLATE/bug.yml").read_text(encoding="utf-8")
    assert (ROOT / "SECURITY.md").exists()

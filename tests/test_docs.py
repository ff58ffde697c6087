"""The documents say what the code does: no name in one that is not in the other."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.main import get_command

from bot.approvals.request import State
from bot.cli.commands import app
from bot.cli.serve import options
from bot.runtime.metrics import Metrics
from bot.runtime.settings import SECRETS, Settings
from bot.slack.blocks import answers, form, modals
from bot.slack.inbound import commands
from bot.slack.inbound.listeners import register
from bot.store.tables import metadata
from scripts import diagram
from tests.test_monitoring import queries, selectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
NAME = re.compile(r"`([^`]+)`")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def between(document: str, name: str) -> str:
    """Return what stands between two markers of a document."""
    found = re.search(rf"<!-- {name}\b[^>]*-->(.*?)<!-- /{name} -->", text(document), re.DOTALL)
    assert found is not None, f"{document} has no {name}"
    return found[1]


def first_cells(table: str) -> list[str]:
    """Return the first cell of each row of a table, without its head."""
    rows = [line.strip("| ") for line in table.splitlines() if line.startswith("|")]
    return [re.split(r"(?<!\\)\|", row)[0].strip() for row in rows if not set(row) <= set("-| ")][1:]


def names(table: str) -> set[str]:
    return {name for cell in first_cells(table) for name in NAME.findall(cell)}


def cli() -> dict[str, Any]:
    """Return every command of the command line by its words."""

    def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield " ".join(words), command
        else:
            for word, below in inner.items():
                yield from walk(below, (*words, word))

    return dict(walk(get_command(app), ("peftsize",)))


def test_commands() -> None:
    """The page on the command line has every command, and no other."""
    told = {
        re.sub(r" (--|[A-Z]).*", "", name)
        for name in names(text("docs/command-line.md"))
        if name.startswith("peftsize ")
    }
    assert told == set(cli())


def test_options() -> None:
    """Every option of a command stands in its line of that page, and none that it has not."""
    lines = [line for line in text("docs/command-line.md").splitlines() if line.startswith("| `peftsize ")]
    for words, command in cli().items():
        (line,) = [line for line in lines if re.match(rf"\| `{words}(`| --| [A-Z])", line)]
        has = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        if words == "peftsize serve":  # it has a parser of its own
            has = {
                option
                for action in options()._actions
                for option in action.option_strings
                if option.startswith("--")
            }
            has -= {"--help"}
        assert set(re.findall(r"--[a-z][a-z-]*", line)) == has, words


def test_commands_named_anywhere_exist() -> None:
    """No document tells people to type a command that does not exist."""
    known = set(cli())
    for document in DOCUMENTS:
        for found in re.findall(r"(?<!namespace )(?<![\w/@-])peftsize ((?:[a-z-]+ ?)+)", code_of(document)):
            words = found.split()
            if words[0].startswith("--"):  # an option of the program itself
                continue
            exists = any(f"peftsize {' '.join(words[:count])}" in known for count in (1, 2))
            assert exists, f"{document.name}: peftsize {found}"


def code_of(document: Path) -> str:
    """Return what a document sets in code, inline and in blocks."""
    whole = document.read_text(encoding="utf-8")
    blocks = re.findall(r"```[a-z]*\n(.*?)```", whole, re.DOTALL)
    return "\n".join([*blocks, *NAME.findall(re.sub(r"```.*?```", "", whole, flags=re.DOTALL))])


def test_make_targets() -> None:
    """Every target that a document names exists, and all that people call are named where they look."""
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    found = {
        document.name: set(re.findall(r"^make ([a-z-]+)$", code_of(document), re.MULTILINE))
        for document in DOCUMENTS
    }
    assert set().union(*found.values()) <= targets
    assert {"demo", "sandbox"} <= set(
        re.findall(r"^make ([a-z-]+)", code_of(ROOT / "README.md"), re.MULTILINE)
    )
    assert {"test", "bench", "chaos", "audit", "test-all"} <= found["CONTRIBUTING.md"]


def test_settings() -> None:
    """The settings page has every setting with its default, and no other; secrets name their file form."""
    section = text("docs/settings.md").partition("\n## Traces")[0]
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}
    assert names(section.partition("## Secrets")[0]) == set(fields)
    assert set(re.findall(r"`(\w+)_FILE`", section.partition("## Secrets")[2])) == set(SECRETS)
    rows = {
        line.split("|")[1].strip(" `"): line.split("|")[2].strip()
        for line in section.splitlines()
        if "|" in line
    }
    for name, field in fields.items():
        default = getattr(field.default, "get_secret_value", lambda value=field.default: value)()
        if default not in (None, (), {}):
            shown = str(default).lower() if isinstance(default, bool) else str(default)
            assert rows[name] == f"`{shown}`", name


def test_settings_named_anywhere_exist() -> None:
    """No document names a setting that does not exist."""
    known = {name.upper() for name in Settings.model_fields} | {f"{name}_FILE" for name in SECRETS}
    for document in DOCUMENTS:
        named = set(
            re.findall(r"\b(?:PEFTSIZE|WATSONX|SLACK)_[A-Z_]*[A-Z]\b", document.read_text(encoding="utf-8"))
        )
        assert named <= known, document.name


def test_slash_words() -> None:
    """README, the bot's own help and the manifest's hint have every word after ``/peftsize``, and no other."""
    words = set(commands._WORDS)
    readme = set(re.findall(r"^\| `/peftsize ([a-z]+)", text("README.md"), re.MULTILINE))
    assert readme == words
    (slash,) = yaml.safe_load(text("manifest.yml"))["features"]["slash_commands"]
    assert {part.strip() for part in slash["usage_hint"].split("|")[1:]} == words
    said = json.dumps(answers.usage().blocks)
    assert [word for word in words - {"help"} if not re.search(rf"`(/peftsize )?{word}\b", said)] == []


class FakeApp:
    """Takes down what the listeners ask Bolt for."""

    def __init__(self) -> None:
        self.asked: dict[str, set[str]] = {}

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def ask(constraint: object) -> Callable[[object], None]:
            if isinstance(constraint, str):
                self.asked.setdefault(kind, set()).add(constraint)
            return lambda _listener: None

        return ask


def test_the_readme_is_short() -> None:
    """The README holds what a newcomer needs, in under 150 lines."""
    assert len(text("README.md").splitlines()) < 150


def test_action_ids() -> None:
    """DESIGN.md lists every button that the listeners know, and no other; and the views and the shortcut."""
    told = FakeApp()
    register(told, None)  # type: ignore[arg-type] # the stand-in has Bolt's shape, and nobody is called
    assert names(between("DESIGN.md", "actions")) == told.asked["action"]
    rest = text("DESIGN.md").partition("<!-- /actions -->")[2].partition("##")[0]
    assert told.asked["view"] == {form.FORM, modals.REJECT_REASON, modals.CONFIRM}
    assert set(NAME.findall(rest)) == told.asked["view"] | told.asked["shortcut"] | told.asked["function"]


def test_states() -> None:
    """The runbook says for every state what it asks of the operator."""
    assert first_cells(between("docs/runbook.md", "states")) == [f"`{state}`" for state in State]


def test_diagram() -> None:
    """The diagram of DESIGN.md is the one that the table draws."""
    design = text("DESIGN.md")
    assert diagram.block() in design, "run: .venv/bin/python scripts/diagram.py --write"
    assert diagram.replaced(design) == design


def test_the_diagram_leaves_no_state_out() -> None:
    """Every state can be reached from pending, and is drawn."""
    drawn = diagram.diagram()
    assert [state for state in State if f"--> {state}" not in drawn] == []


def test_tables() -> None:
    """DESIGN.md's data model has every table, and no other."""
    section = text("DESIGN.md").partition("## Data")[2].partition("Times are")[0]
    assert names(section) == set(metadata.tables)


def test_metrics() -> None:
    """The runbook's table has every metric with its labels, and no other."""
    found = {
        f"{metric.name}{'_total' if metric.type == 'counter' else ''}"
        for metric in Metrics(None).registry.collect()  # type: ignore[arg-type] # the rows are not read here
    }
    told = {re.sub(r"\{.*", "", name) for name in names(between("docs/runbook.md", "metrics"))}
    assert told == found


def test_metrics_to_look_at_have_an_alert() -> None:
    """Each metric of the runbook's table with a "look when" is in an alert, and on the dashboard with the rest."""
    rows = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in between("docs/runbook.md", "metrics").splitlines()
        if line.startswith("| `")
    ]
    asked = {where: {selector.name for selector in selectors(query)} for where, query in queries().items()}

    def covered(name: str, place: str) -> bool:
        family = name.removesuffix("_total")
        return any(
            one.startswith(family) for where in asked if where.startswith(place) for one in asked[where]
        )

    told = {re.sub(r"[`{].*", "", name.strip("`")): row for name, *row in rows}
    assert [name for name, row in told.items() if row[-1] != "–" and not covered(name, "alert")] == []
    assert [name for name in told if not covered(name, "panel")] == []


def readers() -> dict[str, set[str]]:
    """Return the pages of docs/ that the index has for each kind of reader."""
    return {
        section.partition("\n")[0]: set(re.findall(r"\]\(([\w-]+\.md)[#)]", section))
        for section in re.split(r"^## ", text("docs/README.md"), flags=re.MULTILINE)[1:]
    }


def test_the_index_has_every_reader() -> None:
    """It has a section for each kind of reader, and every section leads somewhere."""
    assert list(readers()) == ["Requester", "Approver", "Slack admin", "Operator", "Maintainer"]
    assert all(readers().values())


@pytest.mark.parametrize(
    "page", [path for path in ROOT.glob("docs/*.md") if path.name != "README.md"], ids=lambda path: path.stem
)
def test_every_page_begins_with_what_its_readers_want(page: Path) -> None:
    """``*For operators:* do this …`` under the title, and the index lists the page for exactly those readers."""
    begins = re.match(r"# .+\n\n\*For ([^:]+):\* [a-z]", page.read_text(encoding="utf-8"))
    assert begins is not None, f"begin docs/{page.name} with: *For operators:* what they want to do"
    said = set(re.split(r", | and ", begins[1]))
    listed = {
        f"{reader[0].lower()}{reader[1:]}s".replace("slack", "Slack")
        for reader, pages in readers().items()
        if page.name in pages
    }
    assert said == listed, "docs/README.md lists it for other readers than it names"


def test_changelog() -> None:
    """The newest entry of the changelog is the version of the package, in the form of Keep a Changelog."""
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    heads = re.findall(r"^## (.+)$", text("CHANGELOG.md"), re.MULTILINE)
    released = [head for head in heads if head != "[Unreleased]"]
    assert released[0].startswith(f"[{version}] - ")
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", head) for head in released)
    kinds = set(re.findall(r"^### (.+)$", text("CHANGELOG.md"), re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_licence() -> None:
    """The licence that the package names is the one that lies beside it."""
    assert tomllib.loads(text("pyproject.toml"))["project"]["license"] == "Apache-2.0"
    licence = text("LICENSE")
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_resolve(document: Path) -> None:
    """A link inside the project leads to a file that is there, and its anchor to a headline."""
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        to = (document.parent / path).resolve() if path else document
        assert to.exists(), f"{document.name} links to {target}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", to.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}, (
                target
            )


def test_paths_in_documents_exist() -> None:
    """A file that a document names is there."""
    for document in DOCUMENTS:
        for name in NAME.findall(document.read_text(encoding="utf-8")):
            if re.fullmatch(r"(bot|sizing|tests|scripts|deploy|requirements)/[\w/.-]+", name):
                assert (ROOT / name).exists(), f"{document.name} names {name}"


def test_tests_in_documents_exist() -> None:
    """A test that a recipe promises is there."""
    for document in DOCUMENTS:
        for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", document.read_text(encoding="utf-8")):
            assert f"\ndef {name}(" in text(file), f"{document.name} names {file}::{name}"


def test_every_test_file_is_found_by_its_behaviour() -> None:
    """tests/README.md names every test file once; those of ``threats`` are in the threat model."""
    folder = ROOT / "tests"
    there = {str(path.relative_to(folder)) for path in folder.rglob("test_*.py")}
    listed = re.findall(r"`([\w/]*test_\w+\.py)`", text("tests/README.md"))
    assert sorted(listed) == sorted(name for name in there if not name.startswith("threats/"))

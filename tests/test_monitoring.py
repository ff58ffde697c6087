"""Alerts and the dashboard: every query can be read, and asks for what the bot reports."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import promql_parser
import pytest
import yaml

from bot.approvals.request import State
from bot.runtime.metrics import OUTCOMES, Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

MONITORING = Path(__file__).parents[1] / "deploy/kubernetes/monitoring"
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
VALUES = {"peftsize_requests": {"state": set(State)}, "peftsize_attempts": {"outcome": set(OUTCOMES)}}


def manifest(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((MONITORING / name).read_text(encoding="utf-8"))
    return loaded


def rules() -> list[dict[str, Any]]:
    (group,) = manifest("alerts.yaml")["spec"]["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
    return loaded


def queries() -> dict[str, str]:
    """Return every query by where it stands; Grafana's own variable has a value."""
    panels = {
        f"panel: {panel['title']}, {target['refId']}": target["expr"].replace("$__rate_interval", "5m")
        for panel in dashboard()["panels"]
        for target in panel["targets"]
    }
    return panels | {f"alert: {rule['alert']}": rule["expr"] for rule in rules()}


def reported() -> dict[str, set[str]]:
    """Return every series name that the bot reports, with its labels."""
    registry = Metrics(None).registry  # type: ignore[arg-type] # the rows are not read here
    found = {}
    for metric in registry.collect():
        labels = set(registry._names_to_collectors[metric.name]._labelnames)  # type: ignore[attr-defined] # not public
        for suffix in SUFFIXES[metric.type]:
            found[metric.name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return found


def walk(node: Any) -> Iterator[Any]:
    """Yield every part of a parsed query."""
    yield node
    for name in ("lhs", "rhs", "expr", "args", "param", "vector_selector"):
        inner = getattr(node, name, None)
        for one in inner if isinstance(inner, list) else [inner]:
            if one is not None and not isinstance(one, str):
                yield from walk(one)


def selectors(query: str) -> list[Any]:
    return [
        part for part in walk(promql_parser.parse(query)) if isinstance(part, promql_parser.VectorSelector)
    ]


@pytest.mark.parametrize("where", sorted(queries()))
def test_every_query_asks_for_what_is_reported(where: str) -> None:
    """It parses, its metrics exist, and so do the labels and states that it selects."""
    found = selectors(queries()[where])
    assert found
    for selector in found:
        assert selector.name in reported(), where
        for matcher in selector.matchers.matchers:
            assert matcher.name in reported()[selector.name], where
            known = VALUES.get(selector.name, {}).get(matcher.name)
            assert known is None or matcher.value in known, where


@pytest.mark.parametrize("where", sorted(queries()))
def test_every_query_groups_by_labels_that_exist(where: str) -> None:
    """What it groups by is a label of its metric."""
    query = queries()[where]
    labels = set().union(*(reported()[selector.name] for selector in selectors(query)))
    grouped = {
        name.strip() for inside in re.findall(r"\bby \(([^)]+)\)", query) for name in inside.split(",")
    }
    assert grouped <= labels


def test_every_alert_says_what_to_do() -> None:
    """It has a severity, a summary, and a description that leads on; names are not used twice."""
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) > 8
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"].keys() == {"summary", "description"}
    headlines = re.findall(
        r"^## (.+)$", (MONITORING.parents[2] / "docs/runbook.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    for rule in rules():
        _, told, sections = rule["annotations"]["description"].partition("Runbook: ")
        assert not told or set(sections.rstrip(".").split(", ")) <= set(headlines), rule["alert"]


def test_the_pods_are_scraped_where_they_report() -> None:
    """The monitor selects the pods by their label and asks the port that serves ``/metrics``."""
    monitor = manifest("podmonitor.yaml")
    pod = yaml.safe_load((MONITORING.parent / "deployment.yaml").read_text(encoding="utf-8"))["spec"][
        "template"
    ]
    assert monitor["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (container,) = pod["spec"]["containers"]
    assert endpoint["port"] in {port["name"] for port in container["ports"]}
    assert endpoint["path"] == "/metrics"


def test_the_dashboard_can_be_imported() -> None:
    """Panels have ids of their own, do not overlap, and take the data source that is chosen."""
    board = dashboard()
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource"]
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}

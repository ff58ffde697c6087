"""The sizing engine against two tables: requests with exact results, and texts that must be refused."""

import csv
import json
from pathlib import Path

import pytest

from sizing import SizingError, advise, parse, result_json, size, spec_for

DATA = Path(__file__).parents[1] / "data"
PUBLISHED = [
    ("10b 2x128MB lora", "30.375", 31),
    ("10b 2x128MB qlora4", "7.875", 8),
    ("10b 2x128MB qlora8", "15.375", 16),
]


def table(name):
    with (DATA / name).open(encoding="utf-8", newline="") as rows:
        return [pytest.param(row, id=row["id"]) for row in csv.DictReader(rows)]


@pytest.mark.parametrize(("text", "exact", "gb"), PUBLISHED)
def test_the_published_worked_examples_come_out(text, exact, gb):
    """All three examples of IBM's page: 31, 8 and 16 GB on one GPU with two CPUs."""
    needs = size(parse(text))
    assert (needs.gpu_memory_gb_exact, needs.gpu_memory_gb) == (exact, gb)
    assert (needs.num_gpus, needs.num_cpus, needs.cpu_memory_gb) == (1, 2, gb)


@pytest.mark.parametrize("row", table("golden_sizing.csv"))
def test_every_golden_request_is_exact(row):
    """Parameters, exact and rounded memory, GPUs, CPUs, use, canonical text, name and payload are the table's."""
    request = parse(row["input"])
    needs = size(request)
    assert request.params == int(row["params"])
    assert needs.gpu_memory_gb_exact == row["raw_gb_exact"]
    assert needs.gpu_memory_gb == int(row["gpu_memory_gb"])
    assert needs.num_gpus == int(row["num_gpu"])
    assert needs.num_cpus == int(row["cpu_units"])
    assert advise(request, needs).use_percent == row["utilisation_pct"]
    assert request.canonical == row["canonical"]
    assert request.spec_name == row["suggested_name"]
    assert spec_for(request, needs).body() == json.loads(row["payload_json"])
    assert parse(request.canonical) == request
    if row["assumptions"]:
        assert row["assumptions"] in request.assumptions
    assert ("W1" in {warning.code for warning in advise(request, needs).warnings}) == bool(row["tp_note"])


@pytest.mark.parametrize("row", table("bad_inputs.csv"))
def test_every_bad_input_is_refused_with_a_way_out(row):
    """The table's code, a span that overlaps its span, and its fix: a suggestion, or an example where it invents."""
    with pytest.raises(SizingError) as refused:
        parse(row["input"])
    error = refused.value
    start, end = int(row["caret_start"]), int(row["caret_start"]) + int(row["caret_len"])
    assert error.code == row["code"]
    assert error.span[0] < end
    assert start < error.span[1]
    if row["kind"] == "suggestion":
        assert error.suggestion is not None
        assert parse(error.suggestion) == parse(row["suggestion"])
        assert error.example is None
    else:
        assert error.suggestion is None
        assert error.example is not None
        parse(error.example)
    assert error.hint == f"Try: /peftsize {error.suggestion or error.example}"


def test_the_json_object_is_the_contracts():
    """A success has exactly the documented keys and values; the alternatives are the two other methods, in order."""
    answer = result_json("10b 2x128MB qlora4")
    assert answer == {
        "request": {
            "params": 10_000_000_000,
            "model": None,
            "method": "qlora4",
            "adapters": [{"count": 2, "size": "128MB", "gb": "0.125"}],
        },
        "canonical": "10b 2x128MB qlora4",
        "name": "peft-10b-qlora4-2x128mb",
        "gpu_memory_gb_exact": "7.875",
        "gpu_memory_gb": 8,
        "num_gpus": 1,
        "num_cpus": 2,
        "cpu_memory_gb": 8,
        "formula": "(10 × 0.5 + 2 × 128/1024) × 1.5 = 7.875",
        "alternatives": [
            {
                "method": "lora",
                "name": "peft-10b-lora-2x128mb",
                "gpu_memory_gb_exact": "30.375",
                "gpu_memory_gb": 31,
                "num_gpus": 1,
                "num_cpus": 2,
                "cpu_memory_gb": 31,
            },
            {
                "method": "qlora8",
                "name": "peft-10b-qlora8-2x128mb",
                "gpu_memory_gb_exact": "15.375",
                "gpu_memory_gb": 16,
                "num_gpus": 1,
                "num_cpus": 2,
                "cpu_memory_gb": 16,
            },
        ],
        "assumptions": [],
        "warnings": [],
        "hardware_specification": {
            "name": "peft-10b-qlora4-2x128mb",
            "description": "Custom hardware specification for foundation models",
            "nodes": {"cpu": {"units": "2"}, "mem": {"size": "8Gi"}, "gpu": {"num_gpu": 1}},
        },
    }


def test_a_refusal_is_the_contracts_object():
    """A failure has exactly the documented keys."""
    assert result_json("10b 2x128mb qlroa4") == {
        "error": {
            "code": "E03",
            "message": "I don't know “qlroa4”. Did you mean qlora4?",
            "span": [12, 18],
            "hint": "Try: /peftsize 10b 2x128MB qlora4",
            "suggestion": "10b 2x128MB qlora4",
            "example": None,
        }
    }

"""``peftsize size``: the result first, then how; errors with a mark and the way out; JSON a line for scripts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

import sizing
from tests.support.command_line import on_terminal, run

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "10b 2x128MB qlora4"


def test_the_result_comes_first(tmp_path: Path) -> None:
    """What was asked and what it needs in one line, then how that comes about, then what would be created."""
    ran = run("size", *TEXT.split(), folder=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == f"{TEXT}: 8 GB of GPU memory, 1 GPU"
    titles = [line for line in lines[1:] if line and not line.startswith(" ")]
    assert titles == [
        "How it is calculated",
        "What else fits",
        "The methods compared",
        "What would be created",
    ]
    assert "  GPU memory  8 GB (7.875 exactly)" in lines
    assert "  (10 × 0.5 + 2 × 128/1024) × 1.5 = 7.875" in lines
    request = sizing.parse(TEXT)
    assert json.loads(lines[-1]) == sizing.spec_for(request, sizing.size(request)).body()


def test_a_warning_stands_under_the_result(tmp_path: Path) -> None:
    """Whoever reads two lines knows that three GPUs are a bad number; codes are for programs."""
    first, second = run("size", "70b", "10x500MB", folder=tmp_path).out.splitlines()[:2]
    assert first == "70b 10x500MB lora: 218 GB of GPU memory, 3 GPUs"
    assert second.startswith("Warning: ")
    assert "next valid count is 4" in second


def test_what_was_assumed_and_what_is_cheaper_is_said(tmp_path: Path) -> None:
    """Assumptions of the grammar, the method with fewer GPUs, and the row of the method asked for."""
    out = run("size", "70b", "10x500MB", folder=tmp_path).out
    assert re.search(r"^  fewer GPUs +qlora8: 2$", out, re.MULTILINE)
    assert re.search(r"^  → lora +218 GB +3 +4  217\.32421875$", out, re.MULTILINE)
    assert "Assumed" in run("size", "10b", folder=tmp_path).out


def test_the_second_opinion_needs_the_shapes(tmp_path: Path) -> None:
    """With a model's name there is one; a bare number of parameters is told what to name."""
    named = run("size", "--explain", "llama-3.1-8b", "4xr16", folder=tmp_path)
    assert (named.code, "Second opinion" in named.out) == (0, True)
    bare = run("size", "--explain", "10b", folder=tmp_path)
    assert (bare.code, "Name a model such as llama-3.1-8b." in bare.out) == (0, True)


@pytest.mark.parametrize(
    ("text", "picture", "way_out"),
    [
        ("10b 2x128Mbit lora", "  10b 2x128Mbit lora\n      ~~~~~~~~^", "10b 2x128MB lora"),
        ("10b 10x", "  10b 10x\n      ~~^", "10b 10x128MB"),
    ],
)
def test_an_error_is_marked_and_says_what_to_type(
    tmp_path: Path, text: str, picture: str, way_out: str
) -> None:
    """What is wrong, a mark under the place, and a command that runs, in the words of the shell; exit code 2."""
    ran = run("size", *text.split(), folder=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert f"\n{picture}\nTry: peftsize size {way_out}\n" in ran.err
    assert "/peftsize" not in ran.err
    assert run("size", *way_out.split(), folder=tmp_path).code == 0


def test_a_hint_is_quoted_for_the_shell(tmp_path: Path) -> None:
    """What the grammar suggests can be pasted, whatever was typed."""
    ran = run("size", "10b 2x128MB name=a;b", folder=tmp_path)
    assert ran.code == 2
    hint = ran.err.splitlines()[-1]
    assert hint.startswith("Try: peftsize size ")
    assert not re.search(r"[;&|$`]", re.sub(r"'[^']*'", "", hint))


def test_json_is_one_object(tmp_path: Path) -> None:
    """The answer of the engine on one line; the estimate beside it with ``--explain``."""
    ran = run("size", "--json", TEXT, folder=tmp_path)
    assert (ran.code, ran.json, ran.out.count("\n")) == (0, sizing.result_json(TEXT), 1)
    explained = run("size", "--json", "--explain", "llama-3.1-8b", folder=tmp_path).json
    assert explained["estimate"]["serving_flags"]
    assert run("size", "--json", "--explain", "10b", folder=tmp_path).json["estimate"] is None


def test_a_json_error_carries_the_hint_for_the_shell(tmp_path: Path) -> None:
    """Code, message, place and ways out as the engine gives them; exit code 2."""
    ran = run("size", "--json", "10b 10x", folder=tmp_path)
    wanted = sizing.result_json("10b 10x")["error"] | {"hint": "Try: peftsize size 10b 10x128MB"}
    assert (ran.code, ran.json, ran.err) == (2, {"error": wanted}, "")


def test_a_request_a_line(tmp_path: Path) -> None:
    """Every line of standard input has its object, empty and undecodable ones too; a carriage return is dropped."""
    ran = run("size", "--json", "-", folder=tmp_path, stdin=b"10b\r\n\n\xff7b\n7b none")
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.code, ran.err) == (0, "")
    assert found[0]["canonical"] == "10b none lora"
    assert [list(one) for one in found[1:3]] == [["error"], ["error"]]
    assert "�" in found[2]["error"]["message"]
    assert found[3]["canonical"] == "7b none lora"


def test_lines_for_people(tmp_path: Path) -> None:
    """Without ``--json`` a line of words for each request, errors among them."""
    out = run("size", "-", folder=tmp_path, stdin=b"10b 2x128MB qlora4\n10x\n").out
    first, second = out.splitlines()
    assert first == "10b 2x128MB qlora4: 8 GB of GPU memory, 1 GPU"
    assert second.startswith("10x: ")


@pytest.mark.parametrize("columns", [40, 60, 120])
def test_no_number_is_cut_on_a_narrow_terminal(tmp_path: Path, columns: int) -> None:
    """Every word that a pipe gets is on the terminal, too, and only what has no gap is longer than a line."""
    words = ("size", "--explain", "llama-3.1-70b", "10x500MB", "lora")
    wide = run(*words, folder=tmp_path).out
    shown = on_terminal(*words, folder=tmp_path, columns=columns, environment={"NO_COLOR": "1"})
    heads = {"method", "memory", "GPUs", "CPUs", "exactly"}
    assert set(wide.split()) - heads <= set(shown.split())
    assert not re.search(r"[│┃…─━]", shown)
    body = next(line for line in shown.splitlines() if line.startswith('  {"name"'))
    assert json.loads(body)["nodes"]["gpu"] == {"num_gpu": 3}, "one line: it can be copied"
    rest = [line for line in shown.splitlines() if line != body]
    assert [line for line in rest if len(line) > columns and len(line.split()) > 2] == []


def test_the_mark_stays_under_its_place_on_a_narrow_terminal(tmp_path: Path) -> None:
    """Of a text that is wider than the terminal what stands near the fault is shown."""
    text = "llama-3.1-70b 10x500MB+20x250MB+30x125MB 2x128Mbit lora"
    error, picture, mark, *_ = on_terminal(
        "size", text, folder=tmp_path, columns=40, environment={"NO_COLOR": "1"}
    ).splitlines()
    assert "Mbit" in error
    start, end = mark.index("~"), mark.index("^") + 1
    assert len(picture) <= 40
    assert picture[start:end] == "2x128Mbit"

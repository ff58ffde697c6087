"""``peftsize size``: the server's options and the picture, as processes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sizing import parse, size
from sizing.growth import growth

if TYPE_CHECKING:
    from pathlib import Path


def run(*words: str, stdin: str = "", before: str = "pass") -> subprocess.CompletedProcess[str]:
    code = f"{before}; from bot.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "size", *words], input=stdin, capture_output=True, text=True, check=False
    )


def test_the_options_reach_the_estimate() -> None:
    """A measured start of a server, by the command line: its verdict, its range, its options with defaults."""
    done = run(
        *("--json", "--explain", "--vllm", "0.5.0", "--gpu-gib", "63.43", "--gpu-memory-utilization", "0.9"),
        *(
            "--max-num-seqs",
            "4096",
            "--max-model-len",
            "4096",
            "--users",
            "2x1000",
            "llama-2-7b",
            "64xr16",
            "lora",
        ),
    )
    found = json.loads(done.stdout)["estimate"]
    assert found["verdict"] == "fits"
    assert found["model_load_gib"] == pytest.approx(12.6792, abs=1e-4)
    assert found["kv_gib"]["low"] < 34.117 < found["kv_gib"]["high"]
    assert found["tokens_left"]["low"] < 69872 < found["tokens_left"]["high"]
    assert {option["name"]: option["value"] for option in found["options"]}["--users"] == "2x1000"
    assert found["range_because"]


def test_the_text_says_what_it_assumes() -> None:
    """Verdict, range and reasons, each option with its default, and which flags are vLLM's own."""
    told = run("--explain", "--users", "4000x4096", "granite-3.1-8b", "4xr16").stdout
    assert "does not fit, not even at the optimistic end" in told
    assert "By memory the load does not fit on 1 GPU" in told
    assert "not validated: no measurement covers granite-3.1-8b or vLLM 0.33.0." in told
    assert "--max-num-seqs 256 (256)" in told
    assert "--max-lora-rank=16" in told.partition("set by default")[2]


def test_lines_have_estimates_too() -> None:
    """With - and --explain each line has its own, null where the shapes are not known."""
    lines = run("--json", "--explain", "-", stdin="llama-3.1-8b 4xr16\n10b\nnonsense\n").stdout.splitlines()
    first, second, third = (json.loads(line) for line in lines)
    assert first["estimate"]["verdict"] == "fits"
    assert second["estimate"] is None
    assert "estimate" not in third
    assert run("--explain", "-", stdin="llama-3.1-8b 4xr16\n").stdout.endswith("1 GPU, fits\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("10b", "--users", "20x4096"), "needs --explain"),
        (("10b", "--explain", "--users", "20"), "Write it as 20x4096."),
        (("10b", "--explain", "--vllm", "0.4.2"), "is not a vLLM release from 0.5.0 on"),
        (("10b", "--explain", "--gpu-memory-utilization", "1.5"), "less than or equal to 1"),
        (("10b", "--explain", "--kv-cache-dtype", "int3"), "fp8"),
        (("10b", "--plot", "out.gif"), "Name the file out.png."),
        (("10b", "--plot", "/nowhere/out.png"), "Name another file."),
        (("-", "--plot", "out.png"), "type it instead of -"),
    ],
)
def test_options_that_cannot_be_used_are_refused(words: tuple[str, ...], said: str) -> None:
    """Exit code 2, with what to write instead and no traceback."""
    done = run(*words)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    """A PNG, and an SVG; the answer is printed all the same."""
    for name, start in (("out.png", b"\x89PNG"), ("out.svg", b"<?xml")):
        done = run("llama-3.1-70b", "100xr16", "qlora8", "--plot", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name).read_bytes().startswith(start)
        assert "GPU memory" in done.stdout


def test_without_the_library_the_install_line_is_told(tmp_path: Path) -> None:
    """The extra is named, nothing is drawn, and sizing itself needs none of it."""
    absent = "import sys; sys.modules['matplotlib'] = None"
    done = run("10b", "--plot", str(tmp_path / "out.png"), before=absent)
    assert done.returncode == 2
    assert "pip install 'peftsize[plot]'" in " ".join(done.stderr.split())
    assert not (tmp_path / "out.png").exists()
    assert run("10b", before=absent).returncode == 0


@pytest.mark.parametrize("text", ["10b 2x128MB qlora4", "70b 100x1GB + 3x2GB lora", "405b none qlora8"])
def test_growth_is_the_formula(text: str) -> None:
    """Its own count needs the request's own GPUs, more adapters never fewer, and the end one GPU more."""
    request = parse(text)
    found = growth(request)
    assert found.counts[0] == 0
    at = found.counts.index(found.own)
    assert found.gpus[request.method][at] == size(request).num_gpus
    for method, gpus in found.gpus.items():
        assert list(gpus) == sorted(gpus)
        assert gpus[at] == size(request.with_method(method)).num_gpus
        assert gpus[-1] > gpus[at]

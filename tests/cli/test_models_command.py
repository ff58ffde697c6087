"""``peftsize models`` and ``peftsize size --config``, as separate processes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}


def peftsize(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    code = "import sys; from bot.cli import main; sys.argv[0] = 'peftsize'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_models_are_listed() -> None:
    """All rows without a text, those with it in a name, and the one that a pasted id means."""
    assert len(peftsize("models").stdout.splitlines()) == 100
    granite = peftsize("models", "granite-4.0").stdout.splitlines()
    assert all(line.startswith("granite-4.0") for line in granite)
    (one,) = peftsize("models", "Qwen/Qwen2.5-7B-Instruct").stdout.splitlines()
    assert one.split("\t")[:3] == ["qwen2.5-7b", "7.615616512", "exact"]


def test_models_as_json_have_their_shapes() -> None:
    """Every fact of the table, shapes included; null where a model is known by name only."""
    (found,) = json.loads(peftsize("models", "--json", "llama3.1:8b").stdout)
    assert (found["name"], found["params"], found["lora"]) == ("llama-3.1-8b", 8_030_261_248, "yes")
    assert (found["shapes"]["layers"], found["shapes"]["kv_heads"]) == (32, 8)
    (by_name,) = json.loads(peftsize("models", "--json", "allam-13b").stdout)
    assert (by_name["params_are"], by_name["shapes"]) == ("nominal", None)
    assert json.loads(peftsize("models", "--json", "nothing-like-it").stdout) == []


def test_an_unknown_model_is_answered_with_the_nearest() -> None:
    """Exit 1, and the three nearest names."""
    done = peftsize("models", "qwen-9b")
    assert done.returncode == 1
    assert "qwen3-8b, qwen2.5-7b" in done.stderr


def test_a_config_file_takes_the_place_of_the_model(tmp_path: Path) -> None:
    """In both forms and for every line of standard input; a field that is missing is named, exit 2."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA), encoding="utf-8")
    found = json.loads(peftsize("size", "--json", "--config", str(file), "2x128MB", "qlora4").stdout)
    assert found["request"]["params"] == 8_030_261_248
    assert (
        "8.030261248b 2x128MB qlora4" in peftsize("size", "--config", str(file), "2x128MB", "qlora4").stdout
    )
    lines = peftsize("size", "--json", "--config", str(file), "-", stdin="lora\n2xr16\n").stdout.splitlines()
    assert [json.loads(line)["canonical"] for line in lines] == [
        "8.030261248b none lora",
        "8.030261248b 2x80MB lora",
    ]
    file.write_text(json.dumps({**LLAMA, "hidden_size": "wide"}), encoding="utf-8")
    plain, as_json = (peftsize("size", *form, "--config", str(file), "lora") for form in ([], ["--json"]))
    assert (plain.returncode, as_json.returncode) == (2, 2)
    assert "“hidden_size” must be a whole number" in plain.stderr
    assert json.loads(as_json.stdout)["error"]["field"] == "hidden_size"
    assert peftsize("size", "--config", str(tmp_path / "none.json"), "lora").returncode == 2

"""Adding a method is adding one row: a copy of the program with one more goes through everything."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = """        Method("qlora12", 12, 3, "1.5", "QLoRA", ("int12",), vague=("hqq",)),
    )
}
"""
END = "    )\n}\n"
SCRIPT = """
import json
from bot.approvals import policy, policy_file
from bot.approvals.draft import Site, draft, facts
from bot.slack.blocks import answers, breakdown
from sizing import SizingError, advise, explain, parse, result_json, size

def refused(text):
    try:
        parse(text)
    except SizingError as error:
        return [error.code, error.message, error.suggestion]

request = parse("10b 2x128MB qlora12")
named = parse("llama-3.1-8b none qlora12")
site = Site("https://cpd.example.com", "default", {})
drafted = draft("10b 2x128MB 12-bit", site)
rules = policy_file.load('[[rule]]\\nwhen = { methods = ["qlora12"] }\\nquorum = 3\\n')
print(json.dumps({
    "canonical": [
        parse(f"10b 2x128MB {word}").canonical
        for word in ("qlora12", "12 bit", "12bit", "INT12", "hqq", "qlora 12bit", "gptq-int12")
    ],
    "assumed": list(parse("10b none hqq").assumptions),
    "compared": [row.method for row in advise(request, size(request)).methods],
    "alternatives": [row["method"] for row in result_json("10b none lora")["alternatives"]],
    "slip": refused("10b qlroa12"),
    "width": refused("10b 9bit"),
    "wider": refused("10b 3bit"),
    "twice": refused("10b lora 12bit"),
    "quorum": policy.rule(rules, facts(drafted, site)).quorum,
    "quantized": drafted.sized.quantized,
    "help": str(answers.usage().blocks),
    "card": breakdown.workload(drafted.sized),
    "exact": size(request).formula,
    "in_words": parse("10b 2 qlora12 adapters of 128MB").canonical,
    "weights": explain(named, size(named)).weights_bytes,
}))
"""


def test_a_new_row_is_a_new_method_everywhere(tmp_path):
    """Grammar, synonyms, did-you-mean, width errors, comparison, policy file, help and card read the table."""
    for package in ("bot", "sizing"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    table = tmp_path / "sizing" / "methods.py"
    before = table.read_text(encoding="utf-8")
    assert before.count(END) == 1
    table.write_text(before.replace(END, ROW), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found["canonical"]) == {"10b 2x128MB qlora12"}
    assert found["exact"] == "(10 × 1.5 + 2 × 128/1024) × 1.5 = 22.875"
    assert found["in_words"] == "10b 2x128MB qlora12"
    assert "hqq -> assumed 12-bit" in found["assumed"]
    assert found["compared"] == ["lora", "qlora8", "qlora4", "qlora12"]
    assert found["alternatives"] == ["qlora8", "qlora4", "qlora12"]
    assert found["slip"] == ["E03", "I don't know “qlroa12”. Did you mean qlora12?", "10b qlora12"]
    assert found["width"][2] == "10b qlora12"
    assert "12-bit (qlora12)" in found["width"][1]
    assert found["wider"][2] == "10b qlora4"
    assert found["twice"][0] == "E05"
    assert found["quorum"] == 3
    assert found["quantized"] is True
    assert "`qlora12` (12-bit)" in found["help"]
    assert "12-bit" in found["card"]
    assert 8_030_261_248 < found["weights"] < 2 * 8_030_261_248

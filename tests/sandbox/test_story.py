"""The demo story and `peftsize sandbox`, as the command line runs them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from bot.errors import SettingsError
from bot.sandbox import story
from bot.sandbox.run import run
from bot.sandbox.world import World, refuse_real_settings

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "WATSONX_"))}


def sandbox(*arguments: str, cwd: Path, **more: str) -> subprocess.Popen[str]:
    """Start the command line as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", "from bot.cli import main; main()", "sandbox", *arguments],
        cwd=cwd,
        env=CLEAN | {"PYTHONPATH": str(Path(__file__).parents[2])} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_story_is_told_in_numbered_steps(capsys: pytest.CaptureFixture[str]) -> None:
    """The story goes from the command to the verified audit, shows the one POST, and ends with 0."""
    with World() as world:
        assert story.play(world) == 0
        assert len([r for r in world.cluster.requests() if r.method == "POST" and "hardware" in r.path]) == 1
    told = capsys.readouterr().out
    assert [int(n) for n in re.findall(r"^(\d+)\. ", told, re.MULTILINE)] == list(range(1, 10))
    assert "/peftsize 10b 2x128MB qlora4" in told
    assert "only visible to you" in told
    assert "somebody else must approve" in told
    assert re.search(r"POST /v2/hardware_specifications\?space_id=", told)
    assert '"num_gpu": 1' in told
    assert "approve.refused" in told
    assert re.search(r"the audit is intact, 5 rows, head [0-9a-f]{12}, anchored up to row 5", told)


def test_a_step_that_does_not_happen_ends_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    """With a worker that does nothing no card comes: the story says so and ends with 1."""
    with World() as world:
        world.product.dispatcher.stop()
        assert story.play(world, step_s=0.5) == 1
    assert "no card was posted within 0.5 s." in capsys.readouterr().err


def test_a_spec_that_is_not_created_ends_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    """Where somebody else takes the name first, the story does not pretend: it ends with 1."""
    with World() as world:
        world.cluster.faults.foreign = 1
        world.cluster.faults.duplicate = 409
        assert story.play(world, step_s=1.5) == 1
    assert "The story ended here: no spec was created" in capsys.readouterr().err


@pytest.mark.heavy
def test_play_on_the_command_line(tmp_path: Path) -> None:
    """`peftsize sandbox --play` ends by itself with 0 and leaves nothing behind but what was asked for."""
    process = sandbox("--play", "--record", "payloads", cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "audit verify: the audit is intact" in out
    assert err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["payloads"]
    recorded = "".join(path.read_text() for path in (tmp_path / "payloads").iterdir())
    assert "slash_commands" in recorded
    assert not re.search(r"xox|v0=[0-9a-f]{64}", recorded)


@pytest.mark.heavy
def test_the_page_stays_until_it_is_interrupted(tmp_path: Path) -> None:
    """`peftsize sandbox` prints its address, serves the page, and ends cleanly at Ctrl-C."""
    process = sandbox("--port", "0", "--db", "kept.db", cwd=tmp_path)
    assert process.stdout is not None
    url = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
    assert url is not None
    with urlopen(url.group()) as page:  # noqa: S310 - an http address, matched above
        assert b"peftsize sandbox" in page.read()
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert "Stopped." in out
    assert time.monotonic() - started < 10
    assert (tmp_path / "kept.db").exists()


@pytest.mark.heavy
def test_a_busy_port_is_told_in_a_sentence(tmp_path: Path) -> None:
    """A port that is taken ends with 2 and names another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = sandbox("--port", str(port), cwd=tmp_path)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"Port {port} on 127.0.0.1 is in use" in err
    assert "Traceback" not in err


def test_real_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With settings of a real workspace or cluster the sandbox does not start, and shows no value."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-real")
    monkeypatch.setenv("WATSONX_APIKEY_FILE", "/run/secrets/key")
    with pytest.raises(SettingsError) as refused:
        run(0, play=True, policy=None, people=None, db=None, record=None)
    assert [problem.split()[0] for problem in refused.value.problems] == [
        "SLACK_BOT_TOKEN",
        "WATSONX_APIKEY_FILE",
    ]
    assert "xoxb-real" not in str(refused.value)


def test_real_settings_in_a_file_are_refused(tmp_path: Path) -> None:
    """A `.env` file counts as well as the environment; empty settings do not count."""
    (tmp_path / ".env").write_text("WATSONX_URL=https://cluster.example.com\nSLACK_BOT_TOKEN=\n")
    with pytest.raises(SettingsError) as refused:
        refuse_real_settings({}, str(tmp_path / ".env"))
    assert len(refused.value.problems) == 1
    refuse_real_settings({"SLACK_BOT_TOKEN": ""}, str(tmp_path / "none"))


def test_settings_of_the_environment_do_not_leak_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the product's own environment changes the sandbox: it rehearses what it is told to."""
    monkeypatch.setenv("PEFTSIZE_APPROVAL_CHANNEL", "C0SOMEWHERE")
    monkeypatch.setenv("PEFTSIZE_APPROVERS", "U0NOBODY")
    with World() as world:
        assert world.product.settings.peftsize_approval_channel is None
        assert world.product.settings.peftsize_approvers == ()


def test_own_people_and_policy_are_rehearsed(tmp_path: Path) -> None:
    """A policy and people of one's own decide; the roles of the people file fill in for a missing policy."""
    people = tmp_path / "people.toml"
    people.write_text(
        '[[person]]\nid = "U0MAX0001"\nname = "max"\nreal_name = "Max"\nrole = "requester"\n'
        '[[person]]\nid = "U0EVA0001"\nname = "eva"\nreal_name = "Eva"\nrole = "approver"\n'
        '[[channel]]\nid = "C0TEAM001"\nname = "team"\n'
    )
    with World(people=people) as world:
        assert story.play(world) == 0
    policy = tmp_path / "policy.toml"
    policy.write_text('[defaults]\napprovers = ["U0MAX0001"]\nself_approval = true\n')
    with World(people=people, policy=policy) as world:
        assert world.product.settings.peftsize_policy_file == str(policy)


@pytest.mark.parametrize("text", ["nonsense", '[[person]]\nid = "U1"\n', None])
def test_a_people_file_that_cannot_be_read_is_a_sentence(tmp_path: Path, text: str | None) -> None:
    """A people file that is missing or wrong is told as a setting that cannot work."""
    path = tmp_path / "people.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match="--people"):
        World(people=path)


def test_a_kept_database_goes_on(tmp_path: Path) -> None:
    """With --db the requests outlive the sandbox."""
    with World(database=tmp_path / "kept.db") as world:
        assert story.play(world) == 0
    with World(database=tmp_path / "kept.db") as world, world.product.store.read() as tx:
        assert [row.state.value for row in tx.requests.listed()] == ["created"]

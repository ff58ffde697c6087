"""The sandbox page's server: what it serves, and what it refuses."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from bot.approvals.request import State
from bot.sandbox.page.server import LARGEST_POST, Page
from bot.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


class Client:
    """A browser without a screen."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, Any]:
        """Return status, headers and JSON (or text) of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.page.http.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True)
            named = {"Host": f"127.0.0.1:{self.page.http.port}"}
            for name, value in (named | {k.replace("_", "-"): v for k, v in headers.items()}).items():
                connection.putheader(name, value)
            if body is not None and "Content_Length" not in headers:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            text = answer.read().decode()
            is_json = answer.headers.get_content_type() == "application/json"
            return answer.status, answer.headers, json.loads(text) if is_json else text
        finally:
            connection.close()

    def post(self, act: str, **asked: Any) -> tuple[int, Any]:
        """Post an act as the page does."""
        headers = {"X_Sandbox_Token": self.page.token, "Content_Type": "application/json"}
        status, _, told = self.ask("POST", f"/api/{act}", json.dumps(asked).encode(), **headers)
        return status, told

    def state(self, person: str = "rosa", after: str = "") -> Any:
        """Return what a person sees."""
        return self.ask("GET", f"/api/state?person={person}&after={after}")[2]


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    with Page(world) as page:
        yield Client(page)


def test_it_listens_on_loopback_only(client: Client) -> None:
    """The page is bound to 127.0.0.1 and to no other address."""
    assert client.page.http.address[0] == "127.0.0.1"


def test_the_page_may_load_nothing_from_elsewhere(client: Client) -> None:
    """Every answer carries a policy that allows this server alone, no inline script and no frame."""
    for path in ("/", "/static/app.js", "/static/style.css", "/api/first", "/nothing"):
        _, headers, _ = client.ask("GET", path)
        policy = headers["Content-Security-Policy"]
        assert policy.startswith(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
        )
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers


def test_static_files_name_no_other_host_and_parse_no_html(client: Client) -> None:
    """No file of the page names an address elsewhere or uses a way to turn text into HTML."""
    _, _, index = client.ask("GET", "/")
    assert "<script>" not in index
    assert " style=" not in index
    from bot.sandbox.page.server import _STATIC

    for path in _STATIC.iterdir():
        text = path.read_text()
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))
        for way in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
        ):
            assert way not in code, f"{way} in {path.name}"
        addresses = code.replace("http://www.w3.org/2000/svg", "").replace("https:\\/\\/", "")
        assert "http://" not in addresses, path.name
        assert "https://" not in addresses, path.name


@pytest.mark.parametrize(
    "path", ["/static/../page.py", "/static/%2e%2e/page.py", "/static//etc/passwd", "/page.py", "/api/x"]
)
def test_nothing_but_the_static_files_is_served(client: Client, path: str) -> None:
    """Files are known by name; a path leads nowhere else."""
    assert client.ask("GET", path)[0] == 404


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("host", ["evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}"])
def test_another_host_is_refused(client: Client, method: str, host: str) -> None:
    """A name that was rebound to this machine is no way in."""
    named = host.format(port=client.page.http.port)
    status, _, told = client.ask(method, "/api/state?person=rosa", b"{}", Host=named)
    assert status == 421
    assert told["ok"] is False


def test_another_origin_is_refused(client: Client) -> None:
    """A request that another page makes carries its origin, and is refused even with the token."""
    headers = {"X_Sandbox_Token": client.page.token, "Content_Type": "application/json"}
    status, *_ = client.ask(
        "POST", "/api/home", b'{"person": "rosa"}', Origin="https://evil.example", **headers
    )
    assert status == 421


@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_a_post_without_the_token_does_nothing(client: Client, world: World, token: str) -> None:
    """Every post must carry the page's own token."""
    body = json.dumps({"person": "rosa", "channel": "C0MLSERVE", "text": "hello"}).encode()
    headers = {"Content_Type": "application/json"} | ({"X_Sandbox_Token": token} if token else {})
    assert client.ask("POST", "/api/say", body, **headers)[0] == 403
    assert world.slack.messages("ml-serving") == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[1]", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"\xff", {}, 400),
        (b"{}", {"Content_Type": "text/plain"}, 415),
        (b"", {"Content_Length": str(LARGEST_POST + 1)}, 413),
        (b"", {"Content_Length": "-1"}, 400),
    ],
)
def test_malformed_posts_get_4xx(client: Client, body: bytes, headers: dict[str, str], status: int) -> None:
    """A body that is no JSON object, too long or of another type is refused without a traceback."""
    sent = {"X_Sandbox_Token": client.page.token, "Content_Type": "application/json"} | headers
    assert client.ask("POST", "/api/say", body, **sent)[0] == status


@pytest.mark.parametrize(
    ("act", "asked", "status"),
    [
        ("nothing", {}, 404),
        ("say", {}, 404),
        ("say", {"person": "nobody", "channel": "C0MLSERVE", "text": "x"}, 404),
        ("say", {"person": "peftsize", "channel": "C0MLSERVE", "text": "x"}, 404),
        ("say", {"person": "fay", "channel": "C0APPROVE", "text": "x"}, 404),
        ("say", {"person": "rosa", "channel": "C0MLSERVE", "text": " "}, 400),
        ("say", {"person": "rosa", "channel": "C0MLSERVE", "text": 7}, 400),
        ("say", {"person": "rosa", "channel": "C0MLSERVE", "text": "x" * 12_001}, 400),
        ("click", {"person": "rosa", "channel": "C0MLSERVE", "ts": "1.2", "action": "a"}, 404),
        ("click", {"person": "rosa", "view": "V1", "action": "a"}, 404),
        ("submit", {"person": "rosa", "view": "V1"}, 404),
        ("switch", {"name": "nothing", "on": True}, 404),
        ("pass", {"minutes": 7}, 400),
        ("pass", {"minutes": "60"}, 400),
    ],
)
def test_acts_that_cannot_be_done_get_4xx(
    client: Client, act: str, asked: dict[str, Any], status: int
) -> None:
    """What is not there, not visible to the person or of a wrong form is refused in a sentence."""
    found, told = client.post(act, **asked)
    assert found == status
    assert told["ok"] is False
    assert told["error"].endswith(".")


def test_a_look_waits_for_news(client: Client, world: World) -> None:
    """A look with the newest stamp is answered when something happens, and not before."""
    seen = client.state()
    threading.Timer(0.5, lambda: world.slack.say("rosa", "ml-serving", "hello")).start()
    started = time.monotonic()
    news = client.state(after=seen["stamp"])
    assert 0.3 < time.monotonic() - started < 10
    assert [one["text"] for one in news["messages"]["C0MLSERVE"]] == ["hello"]


def test_each_person_sees_their_own(client: Client) -> None:
    """Guests and strangers see only their channels; the private channel is seen by its members only."""
    names = {who: {one["name"] for one in client.state(who)["channels"]} for who in ("rosa", "gus", "fay")}
    assert names["rosa"] == {"ml-serving", "approvals", "random", "capacity-planning", "peftsize"}
    assert names["gus"] == {"ml-serving", "random", "peftsize"}
    assert names["fay"] == {"ml-serving", "peftsize"}


def test_private_answers_are_shown_to_one_person(client: Client) -> None:
    """What only one person sees is in nobody else's state."""
    assert client.post("say", person="rosa", channel="C0MLSERVE", text="/peftsize help") == (
        200,
        {"ok": True},
    )
    assert [one["only_you"] for one in client.state("rosa")["messages"]["C0MLSERVE"]] == [True]
    assert client.state("ada")["messages"]["C0MLSERVE"] == []


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/nonsense", "/nonsense is not a valid command."),
        ("/invite @ada", "/invite works here for @peftsize only."),
    ],
)
def test_other_commands_are_answered_by_slack(client: Client, text: str, answer: str) -> None:
    """A command that is not the app's gets Slack's own private words."""
    client.post("say", person="rosa", channel="C0MLSERVE", text=text)
    assert [one["text"] for one in client.state()["messages"]["C0MLSERVE"]] == [answer]


def test_the_app_can_be_invited_and_removed(client: Client) -> None:
    """`/invite @peftsize` lets the app into a channel, `/remove` takes it out."""

    def is_in() -> bool:
        return next(one["bot_in"] for one in client.state()["channels"] if one["id"] == "C0PRIVATE")

    assert not is_in()
    client.post("say", person="rosa", channel="C0PRIVATE", text="/invite @peftsize")
    assert is_in()
    client.post("say", person="rosa", channel="C0PRIVATE", text="/remove @peftsize")
    assert not is_in()


def test_a_run_of_the_workflow_ends_in_a_line(client: Client) -> None:
    """The form names what is missing; a step that fails says why, below the workflow."""
    assert client.post("workflow", person="rosa") == (200, {"ok": True})
    (form,) = client.state()["modals"]
    _, told = client.post("submit", person="rosa", view=form["id"], values={})
    assert told["errors"] == {"request_text": "Please complete this required field."}
    typed = {"request_text/value": "nonsense"}
    assert client.post("submit", person="rosa", view=form["id"], values=typed) == (200, {"ok": True})
    state = client.state()
    until = time.monotonic() + 10
    while "running" in state["runs"][0] and time.monotonic() < until:
        state = client.state(after=state["stamp"])
    assert state["modals"] == []
    assert state["runs"][0].startswith("nonsense: failed: ")


def test_no_secret_reaches_the_page(client: Client, world: World) -> None:
    """Neither state nor traffic holds a token, a signature, a key or a one-time address."""
    from bot.sandbox import story

    assert story.play(world) == 0
    state = client.state()
    said = json.dumps([state, client.ask("GET", "/api/first")[2]])
    for one in state["traffic"]:
        said += client.ask("GET", f"/api/traffic?id={one['id']}")[2]["detail"]
    secrets = [
        world.slack.bot_token,
        world.slack.app_token,
        world.slack.signing_secret,
        world.cluster.api_key,
        world.cluster.password,
        client.page.token,
        *world.slack.workspace.triggers,
        *world.slack.workspace.response_urls,
        *(one.headers.get("X-Slack-Signature", "none at all") for one in world.slack.recorded),
    ]
    assert len(secrets) > 10
    assert [secret for secret in secrets if secret in said] == []
    assert "Bearer ey" not in said


@pytest.mark.parametrize("kind", ["slack-in-999", "nobody-1", "", "watsonx--1"])
def test_unknown_traffic_is_404(client: Client, kind: str) -> None:
    """An exchange that is not there is told so."""
    assert client.ask("GET", f"/api/traffic?id={kind}")[0] == 404


def test_everybody_is_told_how_much_they_can_approve(client: Client) -> None:
    """Those who may approve what waits have a number, until they have approved; nobody else has."""
    client.post("say", person="ada", channel="C0MLSERVE", text="/peftsize 10b 2x128MB qlora4")
    client.post("say", person="rosa", channel="C0MLSERVE", text="/peftsize 70b 10x500MB lora")
    until = time.monotonic() + 10
    while (waiting := client.state()["waiting"]) != {"U0ADA0001": 1, "U0BEN0001": 2}:
        assert time.monotonic() < until, waiting


def test_the_diagram_has_every_state(client: Client) -> None:
    """Between them the two diagrams show every state of the table, each from its own table's arrows."""
    diagrams = client.ask("GET", "/api/first")[2]["diagrams"]
    assert {*diagrams["create"]["states"], *diagrams["delete"]["states"]} == {state.value for state in State}
    assert "deleting" not in diagrams["create"]["states"]
    assert {"from": "creating", "action": "lose", "to": "unknown"} in diagrams["create"]["edges"]
    from bot.sandbox.page.server import _STATIC

    drawn = (_STATIC / "diagram.js").read_text()
    assert [state for state in State if f" {state.value}: [" not in drawn] == []


def test_a_closed_page_asks_for_nothing_more(world: World) -> None:
    """A browser that stays open beside a page that is closed reaches neither the world nor its database."""
    page = Page(world)

    def until_busy_is(count: int) -> None:
        until = time.monotonic() + 10
        while page.http.busy != count:
            assert time.monotonic() < until
            time.sleep(0.01)

    with page:
        connection = http.client.HTTPConnection("127.0.0.1", page.http.port, timeout=5)
        connection.request("GET", "/api/first")
        assert connection.getresponse().read()
        until_busy_is(0)
        connection.request("GET", f"/api/state?person=rosa&after={page.state.stamp()}")
        until_busy_is(1)
    waiting = connection.getresponse()
    assert json.loads(waiting.read())["me"] == "U0ROSA001"
    connection.request("GET", "/api/first")
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.getresponse()
    connection.close()

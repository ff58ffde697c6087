"""Tokens: fetched once, renewed in time, never shown."""

from __future__ import annotations

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from freezegun import freeze_time
from pydantic import SecretStr

from bot.errors import Rejected, Unavailable
from bot.sandbox.watsonx.fake_watsonx import FakeCluster
from bot.watsonx.token_lifetime import good_until_ms
from bot.watsonx.token_services import IamTokens, SoftwareHubTokens
from bot.watsonx.tokens import StaticToken, tokens_from
from bot.watsonx.transport import WatsonxHttp


@pytest.fixture
def http():
    with WatsonxHttp() as client:
        yield client


def hub(cluster, http, **options):
    options.setdefault("api_key", SecretStr(cluster.api_key))
    return SoftwareHubTokens(http, base_url=cluster.url, username=cluster.username, **options)


def jwt(**claims):
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{part}.sig"


def test_software_hub_takes_an_api_key_or_a_password(cluster, http):
    """Both make a token that the cluster accepts."""
    by_key = hub(cluster, http).token()
    by_password = hub(cluster, http, api_key=None, password=SecretStr(cluster.password)).token()
    for token in (by_key, by_password):
        assert cluster.tokens.verdict(f"Bearer {token.get_secret_value()}") == "good"


def test_ibm_cloud_takes_an_api_key(cluster, http):
    """The identity service's form and field names are used."""
    token = IamTokens(http, iam_url=cluster.url, api_key=SecretStr(cluster.api_key)).token()
    assert cluster.tokens.verdict(f"Bearer {token.get_secret_value()}") == "good"
    (request,) = cluster.requests()
    assert (request.path, request.body) == ("/identity/token", "***")


@pytest.mark.parametrize("kind", [SoftwareHubTokens, IamTokens])
def test_wrong_credentials_are_rejected_without_the_credential(cluster, http, kind):
    """A definite no that nobody retries; the secret is nowhere in it."""
    secret = SecretStr("wrong-secret-9d2f")
    source = (
        IamTokens(http, iam_url=cluster.url, api_key=secret)
        if kind is IamTokens
        else hub(cluster, http, api_key=secret)
    )
    with pytest.raises(Rejected, match="refused the credentials") as caught:
        source.token()
    assert caught.value.status == (400 if kind is IamTokens else 401)
    assert caught.value.code == ("BXNIM0415E" if kind is IamTokens else None)
    shown = f"{caught.value!r} {caught.value.__dict__} {source!r} {source.__dict__}"
    assert "wrong-secret" not in shown


def test_wrong_credentials_reject_a_create_before_it_is_sent(cluster, http, open_client, body):
    """The create ends with the token service's words and no POST."""
    client = open_client(cluster, tokens=hub(cluster, http, api_key=SecretStr("wrong")))
    with pytest.raises(Rejected, match="Invalid credentials"):
        client.create(body, cluster.space_id, attempt_id="a1")
    assert cluster.posts_for(body["name"]) == []


def test_a_token_service_in_trouble_is_unavailable(cluster, client, body):
    """Nothing was created, so the create may be tried again."""
    cluster.faults.token_trouble = 1
    with pytest.raises(Unavailable, match="Application is not available") as caught:
        client.create(body, cluster.space_id, attempt_id="a1")
    assert caught.value.status == 503
    assert client.create(body, cluster.space_id, attempt_id="a2").status == 201


def test_a_token_service_that_is_down_is_unavailable(cluster, http):
    """Connection refused names the token service."""
    cluster.go_down()
    with pytest.raises(Unavailable, match="token service cannot be reached"):
        hub(cluster, http).token()


@pytest.mark.parametrize("text", [b"{}", b"[]", b"", b'{"token": 5}', b'{"token": "a\\r\\nb"}'])
def test_an_answer_without_a_token_is_unavailable(answering, http, text):
    """Nonsense from the token service is trouble, not a crash, and never reaches a header."""
    base = f"http://127.0.0.1:{answering(b'HTTP/1.1 200 OK', text).port}"
    with pytest.raises(Unavailable, match="without a token"):
        SoftwareHubTokens(http, base_url=base, username="u", api_key=SecretStr("k")).token()


def test_one_thread_fetches_for_all(cluster, http):
    """Sixteen threads that need a first token at once cause one request."""
    source = hub(cluster, http)
    gate = threading.Barrier(16)

    def fetch(_):
        gate.wait()
        return source.token().get_secret_value()

    with ThreadPoolExecutor(16) as pool:
        tokens = set(pool.map(fetch, range(16)))
    assert len(tokens) == 1
    assert cluster.tokens.issued == 1


def test_one_thread_renews_for_all(cluster, http):
    """Threads that were refused with the same token share the next one."""
    source = hub(cluster, http)
    stale = source.token()
    with ThreadPoolExecutor(8) as pool:
        renewed = {token.get_secret_value() for token in pool.map(lambda _: source.renew(stale), range(8))}
    assert len(renewed) == 1
    assert stale.get_secret_value() not in renewed
    assert cluster.tokens.issued == 2


def test_a_token_is_renewed_shortly_before_it_ends(http):
    """A six-minute token is used for five minutes, then replaced without a refusal."""
    with freeze_time("2026-03-01T12:00:00Z") as clock, FakeCluster(token_lifetime_s=360) as cluster:
        source = hub(cluster, http)
        first = source.token()
        clock.tick(299)
        assert source.token() == first
        clock.tick(2)
        assert source.token() != first
        assert cluster.tokens.issued == 2


def test_a_token_that_lives_for_seconds_works(cluster, open_client, body):
    """With a lifetime of one second, creates a second apart succeed without a refusal."""
    cluster.tokens.lifetime_s = 1.0
    client = open_client(cluster)
    client.create(body, cluster.space_id, attempt_id="a1")
    time.sleep(1.1)
    client.create(body, cluster.space_id, attempt_id="a2")
    assert [post.status for post in cluster.posts_for(body["name"])] == [201, 201]
    assert cluster.tokens.issued == 2


def test_a_wait_for_another_threads_token_ends_at_the_deadline(raw_server, http):
    """A token service that hangs holds nobody longer than the deadline, in whichever place of the queue."""

    def behave(server, connection):
        connection.recv(65536)
        server.done.wait(3)

    base = f"http://127.0.0.1:{raw_server(behave).port}"
    source = SoftwareHubTokens(http, base_url=base, username="u", api_key=SecretStr("k"), timeout_s=0.5)

    def wait(_):
        began = time.monotonic()
        with pytest.raises(Unavailable):
            source.token()
        return time.monotonic() - began

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(wait, range(4))) < 1.5


NOW_MS = 1_800_000_000_000
NOW_S = NOW_MS // 1000


@pytest.mark.parametrize(
    ("token", "expires_in_s", "used_for_s"),
    [
        (jwt(iat=NOW_S, exp=NOW_S + 3600), None, 3540),
        (jwt(iat=NOW_S, exp=NOW_S + 360), None, 300),
        (jwt(iat=NOW_S, exp=NOW_S + 10), None, 8),
        (jwt(exp=NOW_S + 360), None, 300),
        (jwt(iat=NOW_S - 7200, exp=NOW_S - 3600), None, 3540),
        (jwt(exp=NOW_S - 5), None, -5),
        ("opaque", 600, 540),
        ("opaque", "600", 240),
        ("opaque", None, 240),
        (jwt(exp="soon"), None, 240),
        (jwt(exp=1e300), None, 240),
        ("a.!!!.c", None, 240),
        ("a.bnVsbA.c", None, 240),
    ],
)
def test_how_long_a_token_is_used(token, expires_in_s, used_for_s):
    """By its own words, whatever the local clock says, with a fifth or a minute to spare."""
    assert good_until_ms(token, NOW_MS, expires_in_s=expires_in_s) == NOW_MS + used_for_s * 1000


def test_credentials_choose_their_source(http):
    """A token wins; a user name means Software Hub; an API key alone means IBM Cloud."""
    key, base = SecretStr("k"), "https://cpd.example.com"
    assert isinstance(tokens_from(http, base_url=base, token=key, username="u", api_key=key), StaticToken)
    assert isinstance(tokens_from(http, base_url=base, username="u", api_key=key), SoftwareHubTokens)
    assert isinstance(tokens_from(http, base_url=base, username="u", password=key), SoftwareHubTokens)
    assert isinstance(tokens_from(http, base_url=base, api_key=key), IamTokens)
    with pytest.raises(ValueError, match="No credentials"):
        tokens_from(http, base_url=base)
    with pytest.raises(ValueError, match="either an API key or a password"):
        tokens_from(http, base_url=base, username="u")


@pytest.mark.parametrize("value", ["", "a b", "tok\n", "tök"])
def test_a_given_token_that_is_none_is_refused_without_being_shown(value):
    """The HTTP library would repeat it in its error."""
    with pytest.raises(ValueError, match="WATSONX_TOKEN is not a token") as caught:
        StaticToken(SecretStr(value))
    assert not value or value not in str(caught.value)

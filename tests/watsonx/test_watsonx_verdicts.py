"""What each way of failing proves."""

from __future__ import annotations

import time

import pytest
from pydantic import SecretStr

from bot.errors import Rejected, Unavailable, Uncertain
from bot.watsonx.tokens import StaticToken


def create(client, cluster, body):
    return client.create(body, cluster.space_id, attempt_id="a1")


@pytest.mark.parametrize("fault", ["drop_after_commit", "cut_after_commit", "error_after_commit"])
def test_a_lost_answer_to_a_committed_create_is_uncertain(cluster, client, body, fault):
    """The spec exists, the client cannot know, and one POST stays one POST."""
    setattr(cluster.faults, fault, 1)
    with pytest.raises(Uncertain):
        create(client, cluster, body)
    assert len(cluster.posts_for(body["name"])) == 1
    assert len(client.find(body["name"], cluster.space_id)) == 1


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateways_error_is_told_by_its_title(cluster, client, body, status):
    """An HTML page becomes one short line with the status kept."""
    cluster.faults.error_after_commit, cluster.faults.gateway_status = 1, status
    with pytest.raises(Uncertain, match=r"^Bad Gateway$") as caught:
        create(client, cluster, body)
    assert caught.value.status == status
    assert caught.value.trace == "a1"


def test_an_answer_after_the_deadline_is_uncertain_and_the_spec_is_there(cluster, open_client, body):
    """The client gives up in time; the look-up afterwards finds the spec."""
    cluster.faults.late_answers, cluster.faults.answer_delay_s = 1, 2.0
    client = open_client(cluster, timeout_s=0.5, tokens=StaticToken(SecretStr(cluster.tokens.issue())))
    began = time.monotonic()
    with pytest.raises(Uncertain, match="timed out"):
        create(client, cluster, body)
    assert time.monotonic() - began < 1.5
    assert len(client.find(body["name"], cluster.space_id)) == 1


@pytest.mark.parametrize("fault", ["drop_then_commit", "slow_commit"])
def test_a_late_commit_is_uncertain_and_appears_later(cluster, open_client, body, fault):
    """Absent at first, there after a while: why a look-up must wait for the settle time."""
    setattr(cluster.faults, fault, 1)
    cluster.faults.commit_delay_s = 0.8
    client = open_client(cluster, timeout_s=0.4)
    with pytest.raises(Uncertain):
        create(client, cluster, body)
    assert client.find(body["name"], cluster.space_id) == []
    ends = time.monotonic() + 5
    while not cluster.specs() and time.monotonic() < ends:
        time.sleep(0.05)
    assert len(client.find(body["name"], cluster.space_id)) == 1


def test_a_cluster_that_is_down_proves_that_nothing_happened(cluster, client, body):
    """Connection refused is safe to try again, and works once the cluster is back."""
    client.check(cluster.space_id)
    cluster.go_down()
    with pytest.raises(Unavailable, match=r"no connection to 127.0.0.1"):
        create(client, cluster, body)
    cluster.come_back()
    assert create(client, cluster, body).status == 201


@pytest.mark.parametrize("status", [401, 400])
def test_an_expired_token_is_renewed_once_and_the_create_repeated(cluster, client, body, status):
    """Both answers prove that nothing was created; the second try succeeds with another token."""
    client.check(cluster.space_id)
    cluster.tokens.revoke_all()
    cluster.faults.expired_status = status
    create(client, cluster, body)
    assert [post.status for post in cluster.posts_for(body["name"])] == [status, 201]
    assert cluster.tokens.issued == 2


@pytest.mark.parametrize("status", [401, 400])
def test_a_refusal_of_the_new_token_too_is_unavailable(cluster, client, body, status):
    """Two refusals prove that nothing was created; there is no third try."""
    cluster.faults.expired, cluster.faults.expired_status = -1, status
    with pytest.raises(Unavailable, match="a new token was not accepted either") as caught:
        create(client, cluster, body)
    assert caught.value.status == status
    assert len(cluster.posts_for(body["name"])) == 2
    assert cluster.specs() == []


class FakeTokensOfAClusterThatGoesDown:
    """Renews a token that was refused, and the cluster is gone when the new one arrives."""

    def __init__(self, cluster):
        self.cluster = cluster

    def token(self):
        return SecretStr(self.cluster.tokens.issue(-1))

    def renew(self, stale):  # noqa: ARG002 - the port's shape
        self.cluster.go_down()
        return SecretStr(self.cluster.tokens.issue())


def test_a_repeat_that_never_left_is_unavailable(cluster, open_client, body):
    """The refusal proved the first try harmless and the second reached nobody: nothing happened."""
    client = open_client(cluster, tokens=FakeTokensOfAClusterThatGoesDown(cluster))
    with pytest.raises(Unavailable, match="no connection"):
        create(client, cluster, body)


@pytest.mark.parametrize("status", [401, 400])
def test_a_given_token_that_expired_is_said_so_and_not_repeated(cluster, open_client, body, status):
    """Nobody can renew WATSONX_TOKEN but the operator, so the sentence names it."""
    cluster.faults.expired_status = status
    stale = StaticToken(SecretStr(cluster.tokens.issue(-1)))
    with pytest.raises(Rejected, match="WATSONX_TOKEN has expired") as caught:
        create(open_client(cluster, tokens=stale), cluster, body)
    assert caught.value.status == status
    assert len(cluster.posts_for(body["name"])) == 1


@pytest.mark.parametrize(("asked_s", "told_s"), [(7, 7.0), (None, None)])
def test_429_is_safe_to_repeat_and_honours_retry_after(cluster, client, body, asked_s, told_s):
    """The service refused before it did anything, and says how long to wait where it does."""
    cluster.faults.too_many, cluster.faults.retry_after_s = 1, asked_s
    with pytest.raises(Unavailable, match="Too many requests") as caught:
        create(client, cluster, body)
    assert (caught.value.status, caught.value.retry_after_s) == (429, told_s)
    assert create(client, cluster, body).status == 201


@pytest.mark.parametrize(
    ("kind", "words"),
    [("json", "It broke."), ("html", "Internal Server Error"), ("empty", "HTTP 500 without a message")],
)
def test_500_is_uncertain_for_a_write_and_unavailable_for_a_read(cluster, client, body, kind, words):
    """Whatever the body looks like, it is told in short; only a write can have had an effect."""
    cluster.faults.broken, cluster.faults.broken_body = 3, kind
    with pytest.raises(Uncertain) as write:
        create(client, cluster, body)
    with pytest.raises(Uncertain):
        client.delete("abc", cluster.space_id, attempt_id="d1")
    with pytest.raises(Unavailable) as read:
        client.list(cluster.space_id)
    assert write.value.message == read.value.message == words
    assert write.value.status == read.value.status == 500


@pytest.mark.parametrize("status", [409, 400])
def test_a_taken_name_is_rejected_in_the_services_words(cluster, client, body, status):
    """A definite no with words, code and trace."""
    create(client, cluster, body)
    cluster.faults.duplicate = status
    with pytest.raises(Rejected, match="is taken") as caught:
        create(client, cluster, body)
    assert (caught.value.status, caught.value.code) == (status, "already_exists")
    assert len(caught.value.trace) == 32
    assert len(cluster.specs()) == 1


def test_a_name_may_also_be_given_twice(cluster, client, body):
    """Where the service accepts duplicates, both ids are found."""
    first, second = create(client, cluster, body), create(client, cluster, body)
    assert {s.id for s in client.find(body["name"], cluster.space_id)} == {first.spec_id, second.spec_id}


def test_a_foreign_spec_of_the_same_name_is_found_beside_ours(cluster, client, body):
    """The look-up returns both, with their nodes, so that they can be told apart."""
    cluster.faults.foreign = 1
    create(client, cluster, body)
    found = client.find(body["name"], cluster.space_id)
    assert [spec.nodes == body["nodes"] for spec in found] == [False, True]


def test_a_space_without_the_role_is_rejected(cluster, client, body):
    """403: the user is no editor there."""
    cluster.api.add_space("read-only", "prod", editor=False)
    with pytest.raises(Rejected, match="role Editor") as caught:
        client.create(body, "read-only", attempt_id="a1")
    assert caught.value.status == 403


@pytest.mark.parametrize("status", [404, 400])
def test_an_unknown_space_is_rejected(cluster, client, body, status):
    """404 or 400, for creates and reads alike."""
    cluster.faults.unknown_space_status = status
    for call in (lambda: client.create(body, "nope", attempt_id="a1"), lambda: client.list("nope")):
        with pytest.raises(Rejected, match="does not exist") as caught:
            call()
        assert caught.value.status == status


@pytest.mark.parametrize(
    ("head", "content", "error"),
    [
        (b"HTTP/1.1 201 Created", b"", Uncertain),
        (b"HTTP/1.1 201 Created", b"not json", Uncertain),
        (b"HTTP/1.1 201 Created", b"[" * 100_000, Uncertain),
        (b"HTTP/1.1 201 Created", b'{"metadata": {"asset_id": ""}}', Uncertain),
        (b"HTTP/1.1 201 Created", b'{"metadata": {"asset_id": "../x"}}', Uncertain),
        (b"HTTP/1.1 201 Created", b'{"metadata": {"asset_id": 5}}', Uncertain),
        (b"HTTP/1.1 202 Accepted", b"{}", Uncertain),
        (b"HTTP/1.1 302 Found\r\nLocation: https://login.example.com/", b"", Uncertain),
        (b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://other.example.com/", b"", Rejected),
        (b"HTTP/1.1 408 Request Timeout", b"", Uncertain),
        (b"HTTP/1.1 422 Unprocessable Content", b"no", Rejected),
        (b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5", b"", Uncertain),
        (b"nonsense", b"", Uncertain),
    ],
)
def test_what_an_odd_answer_to_a_create_proves(answering, raw_client, body, head, content, error):
    """Success without an id, redirects, 408 and nonsense are uncertain; what is definite is not."""
    with pytest.raises(error):
        raw_client(answering(head, content)).create(body, "space-1", attempt_id="a1")


@pytest.mark.parametrize(
    ("head", "content", "error"),
    [
        (b"HTTP/1.1 200 OK", b"<html><title>Log in</title></html>", Unavailable),
        (b"HTTP/1.1 200 OK", b'{"resources": 3}', Unavailable),
        (b"HTTP/1.1 302 Found\r\nLocation: https://login.example.com/", b"", Unavailable),
        (b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://other.example.com/", b"", Rejected),
        (b"HTTP/1.1 408 Request Timeout", b"", Unavailable),
        (b"HTTP/1.1 404 Not Found", b"{}", Rejected),
        (b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5", b"", Unavailable),
        (b"nonsense", b"", Unavailable),
    ],
)
def test_what_an_odd_answer_to_a_read_proves(answering, raw_client, head, content, error):
    """A read changes nothing: what is not a definite no can be tried again."""
    with pytest.raises(error):
        raw_client(answering(head, content)).list("space-1")


def test_redirects_are_not_followed(answering, raw_client, body):
    """The bearer token is sent to the address of the settings and to no other."""
    other = answering(b"HTTP/1.1 200 OK", b"{}")
    head = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:%d/" % other.port
    with pytest.raises(Rejected, match="redirects are not followed"):
        raw_client(answering(head)).create(body, "space-1", attempt_id="a1")
    assert other.received == []


def test_an_endless_answer_is_cut(raw_server, raw_client):
    """A list larger than 8 MiB is refused instead of kept in memory."""

    def behave(server, connection):
        server.received.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        while True:
            connection.sendall(b" " * 65536)

    with pytest.raises(Unavailable, match="larger than 8388608 bytes"):
        raw_client(raw_server(behave)).list("space-1")


def test_a_service_that_repeats_the_token_does_not_leak_it(answering, raw_client, body):
    """The token is masked in the words, wherever the service put it."""
    echo = b'{"message": "Bad header: Bearer given-token"}'
    with pytest.raises(Rejected, match=r"^Bad header: Bearer \*\*\*$"):
        raw_client(answering(b"HTTP/1.1 400 Bad Request", echo)).create(body, "space-1", attempt_id="a1")

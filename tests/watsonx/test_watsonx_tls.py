"""TLS: only what is trusted, and nothing before it is."""

from __future__ import annotations

import pytest
import trustme
from pydantic import SecretStr

from bot.errors import Unavailable, Uncertain
from bot.sandbox.watsonx.fake_watsonx import FakeCluster
from bot.watsonx.tokens import StaticToken
from bot.watsonx.transport import WatsonxHttp


def test_a_private_authority_works_with_its_bundle(secure, open_client, bundle, body):
    """WATSONX_CA_BUNDLE makes the certificate of a private authority good."""
    client = open_client(secure, bundle=bundle)
    assert client.target.startswith("https://")
    assert client.create(body, secure.space_id, attempt_id="a1").status == 201
    assert len(client.find(body["name"], secure.space_id)) == 1


def test_without_the_bundle_nothing_is_sent(secure, open_client, body):
    """An untrusted certificate ends the call before its first byte: unavailable, not uncertain."""
    http = WatsonxHttp()
    client = open_client(secure, http=http, tokens=StaticToken(SecretStr("t")))
    with pytest.raises(Unavailable, match=r"(?i)certificate verify failed"):
        client.create(body, secure.space_id, attempt_id="a1")
    assert secure.requests() == []


def test_the_host_name_is_checked(secure, open_client, bundle):
    """A trusted certificate for another name is not accepted."""
    url = secure.url.replace("127.0.0.1", "127.0.0.2")
    client = open_client(secure, bundle=bundle, base_url=url, tokens=StaticToken(SecretStr("t")))
    with pytest.raises(Unavailable, match=r"no connection to 127.0.0.2"):
        client.check(secure.space_id)


def test_another_authority_is_not_accepted(secure, tmp_path, open_client):
    """The bundle replaces the system's store; it is no switch that turns checking off."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    client = open_client(secure, bundle=str(other), tokens=StaticToken(SecretStr("t")))
    with pytest.raises(Unavailable, match=r"(?i)certificate verify failed"):
        client.check(secure.space_id)


def test_a_certificate_that_ran_out_is_not_accepted(serves_tls, bundle, open_client):
    """Dates are checked as ever, although strictness about extensions is relaxed."""
    with FakeCluster(tls=serves_tls(valid_s=-60)) as cluster:
        client = open_client(cluster, bundle=bundle, tokens=StaticToken(SecretStr("t")))
        with pytest.raises(Unavailable, match=r"(?i)certificate has expired"):
            client.check(cluster.space_id)


def test_a_bundle_that_is_none_is_refused_at_once(tmp_path):
    """A wrong WATSONX_CA_BUNDLE is found at start, not at the first approval."""
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(OSError):  # noqa: PT011 - the promise is the type; the text is OpenSSL's
            WatsonxHttp(str(path))


def test_plain_http_to_a_tls_port_is_uncertain_for_a_write(secure, open_client, body):
    """Bytes left, so nothing is proven."""
    client = open_client(
        secure, base_url=secure.url.replace("https", "http"), tokens=StaticToken(SecretStr("t"))
    )
    with pytest.raises(Uncertain):
        client.create(body, secure.space_id, attempt_id="a1")


def test_proxy_variables_and_netrc_are_not_read(cluster, open_client, monkeypatch, tmp_path):
    """A proxy of the environment sees no token, and a netrc entry replaces none."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login evil password evil\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    open_client(cluster).check(cluster.space_id)

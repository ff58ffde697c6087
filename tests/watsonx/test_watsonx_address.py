"""Addresses the bot may and may not talk to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.watsonx.url import check_base_url, is_loopback


@pytest.mark.parametrize(
    ("given_url", "canonical"),
    [
        ("https://cpd.example.com", "https://cpd.example.com"),
        (" https://CPD.Example.com:443/ ", "https://cpd.example.com"),
        ("https://cpd.example.com:8443/zen/", "https://cpd.example.com:8443/zen"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://us-south.ml.cloud.ibm.com", "https://api.dataplatform.cloud.ibm.com"),
        ("https://eu-de.ml.cloud.ibm.com/", "https://api.eu-de.dataplatform.cloud.ibm.com"),
        ("https://api.dataplatform.cloud.ibm.com", "https://api.dataplatform.cloud.ibm.com"),
    ],
)
def test_good_addresses_get_one_canonical_form(given_url, canonical):
    """Digests bind to the address, so the same place is always written the same."""
    assert check_base_url(given_url) == canonical
    assert check_base_url(canonical) == canonical


@pytest.mark.parametrize(
    ("given_url", "words"),
    [
        ("", "not an address"),
        ("cpd.example.com", "not an address"),
        ("ftp://cpd.example.com", "not an address"),
        ("https://", "not an address"),
        ("https://a b.example.com", "not an address"),
        ("https://cpd.example.com:port", "not an address"),
        ("https://[::1", "not an address"),
        ("http://cpd.example.com", "must be https"),
        ("http://127.0.0.1.example.com", "must be https"),
        ("https://cpd.example.com/?x=1", "must end before"),
        ("https://cpd.example.com/#x", "must end before"),
        ("https://xx-new.ml.cloud.ibm.com", r"https://api\.<region>\.dataplatform\.cloud\.ibm\.com"),
    ],
)
def test_bad_addresses_are_refused_in_one_sentence(given_url, words):
    """The sentence names the setting and what is wrong."""
    with pytest.raises(ValueError, match=words) as caught:
        check_base_url(given_url, setting="WATSONX_IAM_URL")
    assert str(caught.value).startswith("WATSONX_IAM_URL ")


def test_a_password_in_an_address_is_refused_and_not_repeated():
    """The sentence must not carry the secret into a log."""
    with pytest.raises(ValueError, match="user name or password") as caught:
        check_base_url("https://admin:hunter2@cpd.example.com")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.text(max_size=60) | st.text(alphabet="htps:/@.[]%?#0:1 é", max_size=30))
def test_any_text_is_an_address_or_a_sentence(text):
    """No other exception, ever, and what is accepted stays as it is."""
    try:
        url = check_base_url(text)
    except ValueError as error:
        said = str(error)
    else:
        said = "WATSONX_URL is stable" if check_base_url(url) == url else "It changes."
    assert said.startswith("WATSONX_URL ")


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("localhost", True),
        ("x.localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_loopback_is_this_machine_only(host, answer):
    """Plain http is allowed exactly there."""
    assert is_loopback(host) is answer

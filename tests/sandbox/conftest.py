"""A Slack whose clock moves only when told, and its own client."""

from __future__ import annotations

import pytest

from bot.sandbox.slack.fake_slack import FakeSlack
from tests.sandbox.tinyapp import Clock, client_of


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def slack(clock):
    with FakeSlack(clock=clock) as fake:
        fake.rates.on = False
        yield fake


@pytest.fixture
def client(slack):
    return client_of(slack)

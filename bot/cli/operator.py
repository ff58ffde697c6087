"""Decisions from the command line: under the same rules, by a Slack user who is looked up as in Slack."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.errors import PeopleError
from bot.runtime.settings import Need, check_settings
from bot.runtime.wiring import build, need_database
from bot.store import schema
from bot.workflow.ports import Click, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.dispatch.worker import Worker
    from bot.runtime.settings import Settings
    from bot.workflow.ports import Outcome
    from bot.workflow.service import RequestService


@dataclass(frozen=True, slots=True)
class Operator:
    """What the command line needs to decide.

    Args:
        home_team: The workspace of the user named by ``--as``.
        worker: Redraws the card.
    """

    service: RequestService
    home_team: str
    worker: Worker

    def decide(self, action: str, request_id: str, user_id: str, reason: str | None = None) -> Outcome:
        """Look the user up, decide, and redraw the card; raises ``PeopleError`` if Slack cannot say."""
        click = Click(
            key=f"cli:{secrets.token_hex(16)}",
            action=action,
            request_id=request_id,
            revision=None,
            team_id=self.home_team,
            user_id=user_id,
            name=user_id,
            at=self.service.clock(),
            origin="cli",
            reason=reason,
            os_uid=os.getuid(),
            source=Source.CLI,
        )
        person = self.service.who(click)
        outcome = self.service.decide(click, person)
        if outcome.request is not None:
            self.worker.take("outbox", f"card:{outcome.request.id}")
        return outcome


@contextmanager
def open_operator(settings: Settings) -> Iterator[Operator]:
    """Wire what the command line needs to decide; no worker runs."""
    check_settings(settings, Need(slack=True, watsonx=True, approvers=True))
    need_database(settings)
    product = build(settings, origin="cli")
    try:
        schema.require(product.store.database)
        if not product.identify() or product.me.identity is None:
            raise PeopleError("auth.test", "not answered")
        home = min(product.me.identity.team_ids, default="")
        yield Operator(product.service, home, product.worker)
    finally:
        product.close()

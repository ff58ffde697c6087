"""The people of a run: they ask, press Approve two at a time, reject, cancel, and settle what needs a person."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from bot.sandbox.slack.inputs import NotThere
from bot.sandbox.slack.web import SlackRefusal
from tests.support.menu import press as press_on_card

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox.slack.delivery import Delivery
    from tests.chaos.world import World

CHANNELS = ("#ml-serving", "#approvals")
WAITING = ("pending", "approved", "creating", "unknown", "attention", "failed")
PRESS_AGAIN_S, ASK_AGAIN_S = 3.0, 1.0
ASKS = 8
"""How often somebody types a command that is not acknowledged."""


@dataclass
class Wish:
    """One thing somebody wants, and what was said to it.

    Args:
        name: The spec's name, unlike all others.
        plan: ``approve``, ``reject``, ``race`` (approve and cancel at once) or ``leave``.
        stored: Whether Slack was told that it is stored.
        asks: How often it was typed.
        asked_at: When last, monotonic seconds; so is ``pressed_at``.
        pressed: The actions that may have arrived.
    """

    name: str
    text: str
    plan: str
    channel: str
    stored: bool = False
    asks: int = 0
    asked_at: float = 0.0
    pressed_at: float = 0.0
    pressed: set[str] = field(default_factory=set)


class People:
    """Acts in threads of its own until told to stop.

    Args:
        world: Where.
        seed: Of what they do.
        at_once: Wishes that wait at a time.
        waiting: Slack effects that may wait before nobody asks for more.
    """

    def __init__(self, world: World, seed: int, *, at_once: int = 6, waiting: int = 8) -> None:
        self.world = world
        self.wishes: dict[str, Wish] = {}
        self.acked: list[tuple[str, str, str]] = []
        """Deliveries acknowledged with 200 that must be in the audit: trigger, spec name, what."""
        self.done: Counter[str] = Counter()
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._at_once = at_once
        self._most_waiting = waiting
        self._asking = True
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(8)
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._again, args=(step,), daemon=True) for step in (self._ask, self._act)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def awake(self) -> bool:
        """Whether nobody of them was ended by an error."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def acknowledged(self) -> int:
        """How many requests Slack was told are stored."""
        return sum(wish.stored for wish in list(self.wishes.values()))

    def ask_no_more(self) -> None:
        self._asking = False

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)
        self._pool.shutdown()

    def _again(self, step: Callable[[], None]) -> None:
        while not self._stopped.wait(0.1):
            try:
                step()
            except (NotThere, SlackRefusal, DBAPIError):
                continue  # the card has just changed, or the database file is being opened

    # --- asking

    def _ask(self) -> None:
        if not self._asking:
            return
        waiting = self.world.rows.requests("pending", "approved", "creating", "unknown")
        open_wishes = [row for row in waiting if self.wishes[row["name"]].plan != "leave"]
        unheard = [wish for wish in self.wishes.values() if not wish.stored and wish.asks < ASKS]
        for wish in unheard:
            if time.monotonic() - wish.asked_at >= ASK_AGAIN_S:
                self.ask(wish)
        room = len(open_wishes) + len(unheard) < self._at_once
        if room and len(self.world.rows.outbox_messages()) < self._most_waiting:
            self.ask(self._wish())

    def _wish(self) -> Wish:
        number = len(self.wishes) + 1
        plan = self._random.choices(("approve", "reject", "race", "leave"), (82, 6, 9, 3))[0]
        name = f"spec-{number:04d}-{plan}"
        method = self._random.choice(("lora", "qlora8", "qlora4"))
        text = f"{self._random.randint(1, 70)}b 2x128MB {method} name={name}"
        return Wish(name, text, plan, self._random.choice(CHANNELS))

    def ask(self, wish: Wish) -> None:
        """Type the command; now and then two people type the same at once."""
        self.wishes[wish.name] = wish
        wish.asks += 1
        wish.asked_at = time.monotonic()
        askers = ("rosa", "ines") if self._random.random() < 0.1 else ("rosa",)
        typed = [self._pool.submit(self.world.slack.command, who, wish.channel, wish.text) for who in askers]
        for future in typed:
            delivery = future.result()
            new = delivery.ok and not delivery.answer.strip()
            there = delivery.ok and "there already" in delivery.answer
            wish.stored = wish.stored or new or there
            self.done["commands acknowledged" if delivery.ok else "commands not acknowledged"] += 1
            if new:
                self._note(delivery, wish.name, "asked")

    # --- deciding

    def _act(self) -> None:
        for row in self.world.rows.requests(*WAITING):
            wish = self.wishes.get(row["name"])
            if wish is None or self._stopped.is_set():
                continue
            if row["state"] in {"attention", "failed"}:
                self._settle(row, wish)
            elif row["state"] == "pending" and wish.plan != "leave":
                self._decide(row, wish)

    def _decide(self, row: dict[str, Any], wish: Wish) -> None:
        now = time.monotonic()
        if row["message_ts"] is None or now - wish.pressed_at < PRESS_AGAIN_S:
            return
        wish.pressed_at = now
        if wish.plan == "reject":
            self._reject(row, wish)
        elif wish.plan == "race":
            self._together(row, wish, [("ada", "approve"), ("rosa", "cancel")])
        else:
            self._together(row, wish, [("ada", "approve"), ("ben", "approve")])

    def _settle(self, row: dict[str, Any], wish: Wish) -> None:
        """Retry or give up, once nothing sent before can still come true and nothing is there."""
        now = time.monotonic()
        if now - wish.pressed_at < PRESS_AGAIN_S or not self.world.certain(wish.name):
            return
        if row["state"] == "attention" and self.world.specs(wish.name):
            return  # the bot will find it by itself
        if row["state"] == "failed" and not row["reserved"]:
            return
        wish.pressed_at = now
        action = "retry" if self._random.random() < 0.7 else "give_up"
        self._together(row, wish, [("ada", action), ("ben", action)])

    def _together(self, row: dict[str, Any], wish: Wish, presses: list[tuple[str, str]]) -> None:
        """Several people press at the same time, all having the same card before their eyes."""
        card = self.world.slack.message(row["channel_id"], row["message_ts"])
        if card is None:
            return
        gate = threading.Barrier(len(presses), timeout=5)

        def press(who: str, action: str) -> Delivery | None:
            gate.wait()
            try:
                return press_on_card(self.world.slack, who, card, action)
            except NotThere:
                return None  # the card does not show the state yet

        futures = [(action, self._pool.submit(press, who, action)) for who, action in presses]
        for action, future in futures:
            delivery = future.result()
            if delivery is None:
                continue
            self._pressed(delivery, wish, action)

    def _reject(self, row: dict[str, Any], wish: Wish) -> None:
        slack = self.world.slack
        card = slack.message(row["channel_id"], row["message_ts"])
        if card is None:
            return
        slack.click("ben", card, "peftsize.reject")
        modals = slack.modals("ben")
        if not modals:
            return  # nobody answered in time
        sent = slack.submit("ben", modals[-1], {"reason": "not this quarter"})
        self._pressed(sent, wish, "reject")

    def _pressed(self, delivery: Delivery, wish: Wish, action: str) -> None:
        wish.pressed.add(action)  # even one that was not acknowledged may have arrived
        self.done["clicks acknowledged" if delivery.ok else "clicks not acknowledged"] += 1
        # Cancel asks in a modal first: a press that opened none, and was told why, has decided nothing
        only_asked = action == "cancel" and delivery.payload.get("type") == "block_actions"
        if delivery.ok and not only_asked:
            self._note(delivery, wish.name, action)

    def _note(self, delivery: Delivery, name: str, what: str) -> None:
        with self._lock:
            self.acked.append((str(delivery.payload.get("trigger_id")), name, what))

"""A real browser on the real page; where there is none, the tests say that they were not run."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from bot.sandbox.page.server import Page as Server
from bot.sandbox.world import World
from tests.browser.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

PATIENCE_MS = 20_000
"""How long a machine that does other things besides may take to show what is expected."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's Chromium; without one a test fails in CI and is reported NOT RUN elsewhere."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium: scripts/chromium installs it")
        pytest.skip("NOT RUN: no Chromium on this machine (Debian: apt-get install chromium)")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def world() -> Iterator[World]:
    """A sandbox in which lost answers settle soon."""
    with World(timeout_s=1.0, settle_s=0.3) as world:
        yield world


@pytest.fixture
def open_page(browser: Browser, world: World) -> Iterator[Callable[..., Screen]]:
    """Opens the page; any script error, and any call to elsewhere, fails the test."""
    contexts = []
    troubles: list[str] = []
    with Server(world) as server:

        def opened(scheme: str = "light", width: int = 1400, height: int = 900, start: str = "") -> Screen:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
                reduced_motion="reduce",
            )
            contexts.append(context)
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
            page.on(
                "request",
                lambda asked: None if asked.url.startswith(server.url) else troubles.append(asked.url),
            )
            page.goto(server.url + start)
            page.get_by_role("heading", name="ml-serving").wait_for()
            return Screen(page, world)

        yield opened
        for context in contexts:
            context.close()
    assert troubles == []


@pytest.fixture
def screen(open_page: Callable[..., Screen]) -> Screen:
    """The page, wide and light, as Rosa sees it first."""
    return open_page()

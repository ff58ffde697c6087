"""Makes the README's pictures from the real page: `make pictures` writes docs/pictures/*.png.

They are stored with a palette of 256 colours, a quarter of the size with no difference to see.
"""

from __future__ import annotations

import base64
import shutil
import struct
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from bot.sandbox.page.server import Page as Server
from bot.sandbox.world import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
LARGEST = 120_000
COMMAND = "/peftsize 10b 2x128MB qlora4"
PIXELS = """async (png) => {
  const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const brush = canvas.getContext("2d");
  brush.drawImage(picture, 0, 0);
  const data = brush.getImageData(0, 0, picture.width, picture.height).data;
  let text = "";
  for (let at = 0; at < data.length; at += 30000) text += String.fromCharCode(...data.subarray(at, at + 30000));
  return [picture.width, picture.height, btoa(text)];
}"""


def main() -> int:
    """Take every picture; 1 where one is too large."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        print("No Chromium: scripts/chromium says how to install it.", file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    taken: dict[str, bytes] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox"])
        taken["card"] = _card(browser)
        taken["sandbox"] = _sandbox(browser, "light")
        taken["sandbox-dark"] = _sandbox(browser, "dark")
        blank = browser.new_page()
        small = {name: _palette(*_pixels(blank, picture)) for name, picture in taken.items()}
        browser.close()
    for name, picture in small.items():
        (FOLDER / f"{name}.png").write_bytes(picture)
        print(f"docs/pictures/{name}.png  {len(picture):,} bytes")
    return 1 if any(len(picture) > LARGEST for picture in small.values()) else 0


def _card(browser: Browser) -> bytes:
    """The card as it waits for approval."""
    with World() as world, Server(world) as server:
        page = _open(browser, server, "light", 960, 1200)
        page.mouse.move(5, 5)
        page.evaluate("() => document.activeElement.blur()")
        return page.locator("#log > article").first.screenshot()


def _sandbox(browser: Browser, scheme: str) -> bytes:
    """The page after the approval, with what goes on behind it."""
    with World() as world, Server(world) as server:
        page = _open(browser, server, scheme, 1280, 800)
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("alertdialog").get_by_role("button", name="Approve").click()
        page.locator("article.only-you").wait_for()
        page.get_by_role("radio", name="Ada").check(force=True)
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("alertdialog").get_by_role("button", name="Approve").click()
        page.locator(".state.now", has_text="created").wait_for()
        page.get_by_text("Created", exact=True).first.wait_for()
        page.evaluate(
            "() => { document.querySelector('#log').scrollTop = 0; document.activeElement.blur(); }"
        )
        return page.screenshot()


def _open(browser: Browser, server: Server, scheme: str, width: int, height: int) -> Page:
    """Open the page and ask for a spec."""
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page.goto(server.url)
    box = page.get_by_role("combobox", name="Message or command")
    box.fill(COMMAND)
    box.press("Enter")
    page.get_by_role("button", name="Approve").wait_for()
    return page


def _pixels(page: Page, png: bytes) -> tuple[int, int, bytes]:
    """Return width, height and RGBA bytes; the browser reads its own picture."""
    width, height, text = page.evaluate(PIXELS, base64.b64encode(png).decode())
    return width, height, base64.b64decode(text)


def _palette(width: int, height: int, rgba: bytes) -> bytes:
    """Return a PNG of at most 256 colours. Source: https://www.w3.org/TR/png-3/."""
    pixels = [rgba[at : at + 3] for at in range(0, len(rgba), 4)]
    seen = Counter(pixels)
    buckets: dict[tuple[int, ...], bytes] = {}
    for colour, _ in seen.most_common():
        buckets.setdefault(tuple(part >> 3 for part in colour), colour)
    chosen = list(buckets.values())[:256]

    def nearest(colour: bytes) -> int:
        return min(
            range(len(chosen)),
            key=lambda at: sum((a - b) ** 2 for a, b in zip(chosen[at], colour, strict=True)),
        )

    index = {colour: nearest(colour) for colour in seen}
    rows = b"".join(
        b"\0" + bytes(index[pixel] for pixel in pixels[row * width : (row + 1) * width])
        for row in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = (
        (b"IHDR", header),
        (b"PLTE", b"".join(chosen)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


if __name__ == "__main__":
    sys.exit(main())

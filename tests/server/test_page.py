"""The page of the server in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Opened, new_page
from tests.photographs import broken, product
from tests.server.conftest import TOKEN
from tests.server.running import Server

_DROP = """
bytes => {
  const moved = new DataTransfer();
  moved.items.add(new File([new Uint8Array(bytes)], "ball.jpg", {type: "image/jpeg"}));
  document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: moved, bubbles: true, cancelable: true}));
}
"""


@pytest.fixture
def opened(browser: Browser, server: Server) -> Iterator[Opened]:
    """The page of a server without a token."""
    page = new_page(browser)
    seen = _watched(page)
    page.goto(f"{server.url}/")
    yield seen
    page.close()


def test_a_photograph_can_be_tried(opened: Opened, site_folder: Path) -> None:
    """It is shown before and after, on several grounds, as cutout and matte, and can be saved."""
    page = opened.page
    page.set_input_files("#file", site_folder / "ball.jpg")
    expect(page.locator("#tried")).to_be_visible()
    _see_pictures(page, 160)
    for ground, colour in (("White", "rgb(255, 255, 255)"), ("Black", "rgb(0, 0, 0)"), ("Grey", "rgb(128, 128, 128)")):
        page.get_by_role("button", name=ground).click()
        expect(page.locator("#ground")).to_have_css("background-color", colour)
    page.get_by_role("button", name="Checkerboard").click()
    assert "conic" in page.locator("#ground").evaluate("one => getComputedStyle(one).backgroundImage")
    page.get_by_role("button", name="Matte").click()
    expect(page.locator("#caption")).to_have_text("Matte")
    expect(page.locator("#save")).to_have_attribute("download", "matte.png")
    page.get_by_label("or a rendition").select_option("web-card")
    expect(page.locator("#caption")).to_have_text("web-card")
    expect(page.locator("#save")).to_have_attribute("download", "web-card.webp")
    assert opened.complaints == []
    assert all(request.startswith((page.url, "blob:")) for request in opened.requests)


def test_it_fits_a_telephone(opened: Opened, tmp_path: Path) -> None:
    """Nothing scrolls sideways, also with a large photograph."""
    page = opened.page
    page.set_viewport_size({"width": 390, "height": 800})
    page.set_input_files("#file", product(tmp_path / "large.jpg", size=1200))
    _see_pictures(page, 1200)
    page.locator("#paths details").first.evaluate("one => { one.open = true }")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_photograph_can_be_dropped(opened: Opened, site_folder: Path) -> None:
    """A file that is dropped anywhere on the page is cut."""
    opened.page.evaluate(_DROP, [*(site_folder / "ball.jpg").read_bytes()])
    expect(opened.page.locator("#tried")).to_be_visible()
    _see_pictures(opened.page, 160)


def test_a_rejection_is_shown_in_words(opened: Opened, tmp_path: Path) -> None:
    """The person reads what the program would get."""
    opened.page.set_input_files("#file", broken(tmp_path / "broken.jpg"))
    expect(opened.page.locator("#said")).to_contain_text("the image is truncated")
    expect(opened.page.locator("#tried")).to_be_hidden()


def test_the_interface_is_described(opened: Opened) -> None:
    """Every path of the OpenAPI description is listed with its answers and a command to copy."""
    paths = opened.page.locator("#paths")
    expect(paths.locator("details")).to_have_count(8)
    paths.get_by_text("/v1/cutout", exact=True).click()
    expect(paths).to_contain_text("--data-binary @shoe.jpg")
    expect(paths).to_contain_text("Too many images wait")


def test_with_a_token_the_page_asks_for_it(browser: Browser, small_server: Server, site_folder: Path) -> None:
    """Without it the server refuses, and with it the picture is shown."""
    page = new_page(browser)
    page.goto(f"{small_server.url}/")
    page.set_input_files("#file", site_folder / "ball.jpg")
    expect(page.locator("#said")).to_contain_text("this server asks for a token")
    page.fill("#token", TOKEN)
    page.set_input_files("#file", site_folder / "ball.jpg")
    expect(page.locator("#tried")).to_be_visible()
    page.close()


def _see_pictures(page: Page, width: int) -> None:
    """Wait until both pictures are decoded."""
    for name in ("before", "after"):
        expect(page.locator(f"#{name}")).to_have_js_property("naturalWidth", width)


def _watched(page: Page) -> Opened:
    opened = Opened(page=page)
    page.on("console", lambda message: opened.complaints.append(message.text))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("request", lambda request: opened.requests.append(request.url))
    return opened

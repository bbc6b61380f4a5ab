"""A real browser for tests of pages: fixtures of `tests/conftest.py`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.waiting import PATIENCE

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An open page and what it did: messages and errors on its console, and requests beyond its own URL."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window; skips if it is not installed, and fails if CI=true."""
    program = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if program is None:
        reason = "Chromium is not installed (Debian: apt-get install --no-install-recommends chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    expect.set_options(timeout=1000 * PATIENCE)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def new_page(browser: Browser, **how: Any) -> Page:
    """A page of its own, which waits patiently."""
    page = browser.new_page(**how)
    page.set_default_timeout(1000 * PATIENCE)
    return page


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Open a local file: `open_page(path, width=1280, dark=False)`; closed after the test."""
    pages: list[Page] = []

    def open_file(path: Path, *, width: int = 1280, dark: bool = False) -> Opened:
        size, scheme = {"width": width, "height": 900}, "dark" if dark else "light"
        page = new_page(browser, viewport=size, color_scheme=scheme)
        pages.append(page)
        opened = Opened(page=page)
        _watch(opened, path.as_uri())
        page.goto(path.as_uri())
        return opened

    yield open_file
    for page in pages:
        page.close()


def _watch(opened: Opened, url: str) -> None:
    def said(message: ConsoleMessage) -> None:
        opened.complaints.append(f"{message.type}: {message.text}")

    def asked(request: Request) -> None:
        if request.url != url and not request.url.startswith("data:"):
            opened.requests.append(request.url)

    opened.page.on("console", said)
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.page.on("request", asked)

"""The report in a real browser."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from cutouts.core.decisions import Outcome
from cutouts.evaluation.worst_images import ShownPicture, WorstImage, write_page
from cutouts.report import Report, write_report
from cutouts.report.html.pictures import data_uri
from tests.browser import Opened
from tests.file_server import FileServer, serving
from tests.report.conftest import NO_PRODUCT, Run, Shown

Make = Callable[[Sequence[Shown]], Report]
Open = Callable[..., Opened]

IMAGES = (
    *(Shown(source=f"image-{n}.jpg", peak=0.9) for n in range(5)),
    Shown(source="empty.jpg", outcome=Outcome.QUARANTINED, reasons=(NO_PRODUCT,), peak=0.02),
    Shown(source="broken.jpg", outcome=Outcome.REJECTED, reasons=("the file is empty",), peak=None),
)


@pytest.fixture(scope="module")
def path(shared_run: Run, make_report: Make) -> Path:
    """A report of seven images."""
    written = shared_run.folder / "seven.html"
    write_report(written, make_report(IMAGES), read=shared_run.read)
    return written


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_it_opens_without_console_messages_or_requests(path: Path, open_page: Open, width: int, dark: bool) -> None:
    """Every photograph is decoded, and nothing scrolls sideways."""
    opened = open_page(path, width=width, dark=dark)
    seen = opened.page.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 0)")
    assert len(seen) == 6
    assert all(seen)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert len(opened.page.screenshot(full_page=True)) > 20_000
    assert opened.complaints == []
    assert opened.requests == []


def test_cutouts_are_shown_on_a_checkerboard_and_on_white(path: Path, open_page: Open) -> None:
    """Each background has the picture in a box of the photograph's shape."""
    page = open_page(path).page
    boxes = (
        page.locator(".shot")
        .nth(1)
        .locator(".cut")
        .evaluate_all(
            "cuts => cuts.map(c => [c.clientWidth / c.clientHeight, getComputedStyle(c).backgroundImage.slice(0, 20)])"
        )
    )
    assert [round(ratio, 1) for ratio, _ in boxes] == [1.3, 1.3]
    assert all(image.startswith('url("data:image/webp') for _, image in boxes)


def test_an_image_can_be_enlarged_and_left_by_keyboard(path: Path, open_page: Open) -> None:
    """Enter opens, arrows move, a number changes the background, and Escape restores the focus."""
    page = open_page(path).page
    first = page.locator(".panes").first
    small = page.locator(".shot img").first.bounding_box()
    first.focus()
    page.keyboard.press("Enter")
    large = page.locator("dialog img").bounding_box()
    assert small is not None
    assert large is not None
    assert large["width"] > 1.5 * small["width"]
    assert page.locator("dialog h2").inner_text() == "empty.jpg"
    page.keyboard.press("ArrowRight")
    assert page.locator("dialog h2").inner_text() == "image-0.jpg"
    page.keyboard.press("4")
    assert page.locator("dialog .stage.on-black").count() == 1
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    # The browser dispatches the close event in a separate task, and the page moves the focus then.
    expect(page.locator(".shot[data-name='image-0.jpg'] .panes")).to_be_focused()


def test_ten_thousand_images_open_quickly(run: Run, make_report: Make, open_page: Open) -> None:
    """The worst and a sample are shown, every waiting image is listed, and the file stays below 8 MB."""
    held = [Shown(source=f"autumn/shelf-{n:05d}.jpg", outcome=Outcome.HELD, reasons=("bad",)) for n in range(3000)]
    good = [Shown(source=f"autumn/shelf-{n:05d}.jpg", peak=0.9) for n in range(3000, 10_000)]
    path = run.folder / "report.html"
    write_report(path, make_report([*held, *good]), read=run.read)
    assert path.stat().st_size < 8_000_000
    started = time.monotonic()
    opened = open_page(path)
    assert time.monotonic() - started < 20
    assert opened.page.locator(".shot").count() == 100
    assert opened.page.locator("#kept-back tbody tr").count() == 3000
    assert opened.complaints == []


INJECTED = (
    "<script>document.title = 'owned'</script>",
    "<img src='data:,' onerror=\"document.title = 'owned'\">",
    "<a href=\"javascript:document.title = 'owned'\" id='link'>x</a>",
    "<style>body { display: none }</style>",
    "<p style='position: fixed; inset: 0; z-index: 99' id='cover'>x</p>",
    "<iframe srcdoc=\"<script>parent.document.title = 'owned'</script>\"></iframe>",
    "<object data=\"data:text/html,<script>document.title = 'owned'</script>\"></object>",
    "<link rel='stylesheet' href='SERVER/x.css'>",
    "<img src='SERVER/pixel.png'>",
    "<base href='SERVER/'>",
)


@pytest.mark.parametrize("markup", INJECTED)
def test_injected_markup_does_nothing(path: Path, tmp_path: Path, open_page: Open, markup: str) -> None:
    """Even if a name were not escaped, no script or style would apply and nothing be requested."""
    page = path.read_text(encoding="utf-8")
    changed = tmp_path / "injected.html"
    with serving(FileServer(body=b"")) as server:
        markup = markup.replace("SERVER", server.url)
        changed.write_text(page.replace("<main", f"{markup}<main", 1), encoding="utf-8")
        opened = open_page(changed)
        opened.page.wait_for_timeout(200)
        assert server.asked == []
    if opened.page.locator("#link").count():
        opened.page.locator("#link").click()
    opened.page.locator(".panes").first.click()
    assert opened.page.locator("dialog h2").inner_text() == "empty.jpg"
    assert opened.page.title() != "owned"
    assert opened.page.evaluate("getComputedStyle(document.body).display") != "none"
    cover = opened.page.locator("#cover")
    assert not cover.count() or cover.evaluate("e => getComputedStyle(e).position") == "static"
    assert opened.page.evaluate("document.baseURI").startswith("file:")
    assert any("Content Security Policy" in line for line in opened.complaints)


@pytest.mark.parametrize("template", ["sheet.html", "looks.html"])
def test_the_pages_of_an_evaluation_are_closed_as_well(tmp_path: Path, open_page: Open, template: str) -> None:
    """They open without messages or requests, look right and run no script."""
    picture = ShownPicture(about="<b>x</b>", uri=data_uri(np.full((9, 12, 3), 90, np.uint8)), cutout=True)
    card = WorstImage(
        images="set", name="</style><script>alert(1)</script>", ratio=1.5, pictures=(picture,), lines=(("n", "1"),)
    )
    facts = {"network": "default", "metric": "MAE", "seen": 1}
    write_page(tmp_path / "page.html", template, cards=[card], about="x", columns=3, **facts)
    opened = open_page(tmp_path / "page.html")
    assert opened.complaints == []
    assert opened.requests == []
    columns = opened.page.locator(".grid").evaluate("e => getComputedStyle(e).gridTemplateColumns.split(' ').length")
    assert columns == 3
    assert opened.page.locator("figure img").evaluate("e => getComputedStyle(e).aspectRatio") == "1.5 / 1"
    page = (
        (tmp_path / "page.html").read_text(encoding="utf-8").replace("<main", "<script>document.title=1</script><main")
    )
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    opened = open_page(tmp_path / "page.html")
    assert opened.page.title() != "1"

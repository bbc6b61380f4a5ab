"""The pages as text: the worst first, of bounded size, and with everything escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cutouts import intake, steps
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, HeldError
from cutouts.core.pixels import Bytes
from cutouts.core.records import DeliveryKey
from cutouts.review import pages
from cutouts.review.decisions import parse_request, settle, take_back
from cutouts.review.pages import POLICY, Reader
from cutouts.review.sheets import IMAGES_PER_PAGE, Show, UnknownDecisionError, open_sheet
from cutouts.runner import open_runner
from tests.deliveries import land, manifest_of, nothing, photograph, product
from tests.review.made_gates import HOSTILE, MadeGate, make_gate

ADA = Reader(name=f"Ada {HOSTILE}", prefix="/cutouts", token="0123")
VERA = Reader(name="Vera", prefix="/cutouts")


class _Tags(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_the_worst_images_come_first_and_a_page_is_bounded(site: Site, held: MadeGate) -> None:
    """Images that are bad by themselves come before the others, both by their probability; pages do not grow."""
    first = pages.delivery_page(site, ADA, held.decision.gate_id)
    tiles = [tag for tag in _Tags(first).named("li") if "data-row" in tag]
    assert [tag["data-row"] for tag in tiles[:3]] == ["1990", "1980", "1970"]
    assert len(tiles) == IMAGES_PER_PAGE
    assert len(first) < 150_000
    last = pages.delivery_page(site, ADA, held.decision.gate_id, show=Show.ALL, page=10**9)
    assert [tag["data-row"] for tag in _Tags(last).named("li") if "data-row" in tag][-1] == "1"
    numbers = [
        row for page in range(42) for row in open_sheet(site, held.decision.gate_id).rows(Show.ALL)[page * 48 :][:48]
    ]
    assert sorted(numbers) == list(range(2_000))


def test_images_wait_only_until_somebody_decided(site: Site, held: MadeGate) -> None:
    """Afterwards, those that were not published were kept back."""
    assert ">waiting 2" in pages.delivery_page(site, ADA, held.decision.gate_id)
    steps.reject(site, held.decision.gate_id, by="ada", why="torn")
    after = pages.delivery_page(site, ADA, held.decision.gate_id)
    assert (">waiting" in after, ">kept back 2" in after) == (False, True)


def test_the_reason_of_a_tile_is_what_speaks_most_against_the_mask(site: Site, held: MadeGate) -> None:
    """The sentences against a mask are in a fixed order, the strongest first, after the rules that it fails."""
    decision, row = held.decision, open_sheet(site, held.decision.gate_id).image(10)
    against = ("the network doubts much of what it found", "parts of the matte lie apart from the product")
    mask = replace(row, reasons=(*decision.reasons, "the mask is probably wrong", *against))
    assert mask.main_reason(decision) == against[0]
    assert replace(row, reasons=(*decision.reasons, "torn")).main_reason(decision) == "torn"
    assert replace(row, reasons=decision.reasons).main_reason(decision) is None


def test_everything_from_strangers_is_escaped(site: Site, held: MadeGate) -> None:
    """Names, reasons, notes and the reader's own name end up as text in every page and part."""
    gate_id = held.decision.gate_id
    texts = [
        pages.deliveries_page(site, ADA),
        pages.delivery_page(site, ADA, gate_id, page=4),
        pages.image_part(site, ADA, gate_id, 0, (HOSTILE,)),
        pages.error_page(ADA, HOSTILE, HOSTILE),
    ]
    for text in texts:
        tags = _Tags(text)
        assert "&lt;script&gt;" in text
        sources = [tag["src"] for tag in (*tags.named("script"), *tags.named("img")) if "src" in tag]
        assert all(source and source.startswith("/cutouts/") for source in sources)
        assert not any(name.startswith("on") or name == "style" for _, tag in tags.found for name in tag)
    assert "unsafe" not in POLICY


def test_a_name_cannot_turn_the_direction_of_text(site: Site) -> None:
    """What a person reads is the name: `exe.gpj` does not look like a picture. Arabic names stay as they are."""
    name = "2026\u202egpj.exe \u0634\u0648\u0632"
    made = make_gate(site, 20, at=datetime(2026, 11, 27, tzinfo=UTC), day=date(2026, 11, 27), delivery_id=name)
    for text in (pages.deliveries_page(site, ADA), pages.delivery_page(site, ADA, made.decision.gate_id)):
        assert "\u202e" not in text
        assert "\u0634\u0648\u0632" in text


def test_who_may_not_decide_sees_no_controls(site: Site, held: MadeGate) -> None:
    """The page of a viewer has neither a form nor a token."""
    hers, his = (pages.delivery_page(site, reader, held.decision.gate_id) for reader in (ADA, VERA))
    assert 'id="decide"' in hers
    assert 'data-token="0123"' in hers
    assert 'id="decide"' not in his
    assert "0123" not in his


def test_without_javascript_the_page_says_what_decides(site: Site, held: MadeGate) -> None:
    """Its buttons are disabled until the script enables them: a click on *Publish* that does nothing looks like one."""
    page = pages.delivery_page(site, ADA, held.decision.gate_id)
    assert "To decide here, turn on JavaScript" in page
    assert len(re.findall(r'name="action" value="(?:release|reject)" disabled', page)) == 2


def test_a_page_says_what_is_live_now(site: Site, tmp_path: Path) -> None:
    """Nothing is, until a person releases the only image. The page of the first decision then names this person, and
    has nothing more to decide."""
    gate_id = _judged(site, tmp_path, nothing(0))
    steps.publish(site, gate_id)
    steps.keep_back(site, gate_id, {"dim/00.png": "too dark"}, by="eve", why="fine")
    assert "Nothing is published: 1 image is quarantined." in pages.delivery_page(site, ADA, gate_id)
    assert '<span class="said">nothing published</span>' in pages.deliveries_page(site, ADA)
    steps.approve(site, gate_id, by="ada", why="meant so", also=["dim/00.png"])
    page = pages.delivery_page(site, ADA, gate_id)
    assert "approved by ada: meant so" in page
    assert 'id="decide"' not in page


def test_a_held_version_that_was_replaced_says_so(site: Site, tmp_path: Path) -> None:
    """While it waits, its page leads to the newer version, and the list tells both apart. Once a newer one is
    published, nobody can release the older one. A version that was released names its person whatever comes later."""
    first, second = (
        _judged(site, tmp_path / name, *map(product, range(5)), *(nothing(light + number) for number in range(5)))
        for name, light in (("first", 0), ("second", 10))
    )
    for gate_id in (first, second):
        with pytest.raises(HeldError):
            steps.publish(site, gate_id)
    assert f'There is <a href="/cutouts/gate/{second}">a newer version</a>' in pages.delivery_page(site, ADA, first)
    assert pages.deliveries_page(site, ADA).count("and so does a newer version of it") == 1
    steps.approve(site, first, by="eve", why="fine")
    assert "a newer version" not in pages.delivery_page(site, ADA, second)
    third = _judged(site, tmp_path / "third", *map(product, range(5)))
    steps.publish(site, third)
    released, replaced = (pages.delivery_page(site, ADA, gate_id) for gate_id in (first, second))
    assert "Released by eve: fine." in released
    assert f'before <a href="/cutouts/gate/{third}">a newer one</a> was published' in replaced
    with pytest.raises(CutoutsError, match="a newer version of 2026-11-02/dim was published meanwhile"):
        settle(site, second, parse_request(b'{"action": "release", "why": "fine"}'), by="ada")


def test_a_release_that_was_taken_back_does_not_look_like_one(site: Site, tmp_path: Path) -> None:
    """The page of the held decision says who released it, and that nothing of that is left."""
    held = _judged(site, tmp_path, product(0), *map(nothing, range(5)))
    with pytest.raises(HeldError):
        steps.publish(site, held)
    done = steps.approve(site, held, by="eve", why="fine")
    take_back(site, done.gate_id, by="eve")
    assert "Released by eve: fine. It was taken back since." in pages.delivery_page(site, ADA, held)


def _judged(site: Site, folder: Path, *pictures: Bytes) -> str:
    """The decision about a delivery `dim` of these pictures."""
    photograph(folder / "studio" / "dim", *pictures)
    manifest = land(folder, "any", date(2026, 11, 2), manifest_of(folder / "studio"))
    intake.take(site, str(manifest))
    key = DeliveryKey(date=date(2026, 11, 2), delivery_id="dim")
    planned = steps.plan(site, intake.source_of(site, key), key)
    with open_runner(site) as runner:
        for shard in planned.shard_keys():
            steps.segment(site, shard, runner)
    return steps.gate(site, planned.plan_id).gate_id


@pytest.mark.parametrize("gate_id", ["f" * 32, "../../etc/passwd", "", "A" * 32])
def test_an_unknown_decision_is_named(site: Site, gate_id: str) -> None:
    """An id that is not a digest never becomes a path."""
    with pytest.raises(UnknownDecisionError):
        open_sheet(site, gate_id)
    assert not Path(site.root).exists()

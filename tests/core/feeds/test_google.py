"""The feed for Google: what its importer takes, and what is left out."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

import pytest

from cutouts.core.errors import ConfigError
from cutouts.core.feeds.google import ADDITIONAL, google_feed, google_tsv, google_xml
from cutouts.core.feeds.pictures import FeedPicture, public_address, require_public

_G = "{http://base.google.com/ns/1.0}"


def picture(product: str, image: str, *, delivery: str = "studio", url: str | None = None) -> FeedPicture:
    """A picture whose address has the name of its image."""
    address = url or public_address("https://cdn.example/o", f"{image}.jpg")
    return FeedPicture(product_id=product, delivery_id=delivery, image_id=image, url=address)


def test_the_first_picture_of_a_product_is_its_main_one() -> None:
    """Pictures are in the order of their numbers, and products of their ids."""
    pictures = [picture("b", "b-10"), picture("b", "b-2"), picture("a", "a"), picture("b", "b-1")]
    feed = google_feed(pictures)
    assert [item.id for item in feed.items] == ["a", "b"]
    assert feed.items[1].image_link == "https://cdn.example/o/b-1.jpg"
    assert feed.items[1].additional == ("https://cdn.example/o/b-2.jpg", "https://cdn.example/o/b-10.jpg")
    assert feed.left_out == ()


def test_patterns_say_which_picture_is_the_main_one() -> None:
    """The best pattern that any picture of the product matches; without a match, the first by name."""
    pictures = [picture("a", name) for name in ("a-back", "a-front", "a-model")] + [picture("b", "b-side")]
    feed = google_feed(pictures, ["*front*", "*model*"])
    addresses = [item.image_link.rpartition("/")[2] for item in feed.items]
    assert addresses == ["a-front.jpg", "b-side.jpg"]
    assert [url.rpartition("/")[2] for url in feed.items[0].additional] == ["a-model.jpg", "a-back.jpg"]


def test_pictures_with_endless_numbers_have_an_order() -> None:
    """A name may be nothing but digits, more than Python converts."""
    names = ["9" * 5_000, "8" * 5_000, "7"]
    feed = google_feed([picture("a", name, url=f"https://cdn.example/{name[0]}") for name in names])
    assert [feed.items[0].image_link[-1], *(url[-1] for url in feed.items[0].additional)] == ["7", "8", "9"]


@pytest.mark.parametrize("character", ["\ufffe", "\ud800", "\x1b", "\x7f", "\u200b", "\ue000"])
def test_an_id_with_an_invisible_character_is_left_out(character: str) -> None:
    """XML forbids some of them, so one product would cost the whole feed. The reason names the character."""
    feed = google_feed([picture(f"shoe{character}", "a"), picture("shoe 👟", "b")])
    assert [item.id for item in feed.items] == ["shoe 👟"]
    assert f"its id has the character U+{ord(character):04X}" in feed.left_out[0]
    ElementTree.fromstring(google_xml(feed.items, "https://shop.example"))


def test_both_formats_say_the_same() -> None:
    """A reader of tab-separated text and one of XML find the same items, with any characters in an id."""
    names = ['12" plate', "a&b <c>", "schön"]
    feed = google_feed([picture(name, f"{number}-{part}") for number, name in enumerate(names) for part in "ab"])
    rows = [*csv.DictReader(io.StringIO(google_tsv(feed.items).decode()), dialect="excel-tab")]
    told = [(row["id"], row["image_link"], row["additional_image_link"].split(",")) for row in rows]
    items = ElementTree.fromstring(google_xml(feed.items, "https://shop.example/?a&b")).iter("item")
    found = [
        (
            item.findtext(f"{_G}id"),
            item.findtext(f"{_G}image_link"),
            [one.text for one in item.findall(f"{_G}additional_image_link")],
        )
        for item in items
    ]
    assert told == found
    assert sorted(name for name, _, _ in told) == sorted(names)


def test_what_google_would_refuse_is_left_out_with_the_reason() -> None:
    """Long ids and addresses, ids that it would change or mix up, and pictures beyond the eleventh."""
    many = [picture("many", f"{number}") for number in range(ADDITIONAL + 3)]
    bad = [
        picture("x" * 51, "long"),
        picture(" space", "space"),
        picture("two  spaces", "spaces"),
        picture("ABC", "upper"),
        picture("abc", "lower"),
        picture("url", "url", url="https://cdn.example/" + "x" * 2000),
    ]
    feed = google_feed([*bad, *many])
    assert [item.id for item in feed.items] == ["ABC", "many"]
    assert len(feed.items[1].additional) == ADDITIONAL
    words = "\n".join(feed.left_out)
    for part in ("51 characters", "white space", "differs from ABC", "2020 characters", "2 of its 13 pictures"):
        assert part in words
    assert len(feed.left_out) == 6


def test_addresses_are_ascii_without_commas() -> None:
    """Whatever an object is called: a comma separates addresses in a feed."""
    assert public_address("https://cdn.example/o/", "ab/ü, 1.jpg") == "https://cdn.example/o/ab/%C3%BC%2C%201.jpg"


@pytest.mark.parametrize(
    "base", ["", "cdn.example", "s3://bucket", "https://a/b?c", "https://a/b,c", "https://ü.example"]
)
def test_a_base_that_is_no_web_address_is_refused(base: str) -> None:
    """The message says what was expected."""
    with pytest.raises(ConfigError, match="expected https://HOST/FOLDER"):
        require_public(base)
    assert require_public("https://cdn.example/objects") == "https://cdn.example/objects"

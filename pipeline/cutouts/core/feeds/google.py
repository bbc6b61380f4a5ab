"""The feed for Google Merchant Center: a supplemental data source with the pictures of products that it knows already.

Formats and limits are those of support.google.com/merchants/answer/6324405 (id), 6324350 (image_link), 6324370
(additional_image_link) and 14987622 (RSS 2.0), as stored copies of these pages said on 2026-11-27.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from cutouts.core.feeds.pictures import FeedPicture, by_product

ID_LENGTH = 50
"""The largest number of characters of an id."""
URL_LENGTH = 2000
"""The largest number of characters of an address."""
ADDITIONAL = 10
"""The most pictures besides the main one."""

_HEAD = ("id", "image_link", "additional_image_link")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleItem:
    """A product: its id, the address of its main picture, and those of its additional ones."""

    id: str
    image_link: str
    additional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleFeed:
    """The items, and a sentence for each product, or for pictures, that Google would not take."""

    items: tuple[GoogleItem, ...]
    left_out: tuple[str, ...]

    @property
    def pictures(self) -> int:
        """The number of its pictures."""
        return sum(1 + len(item.additional) for item in self.items)


def google_feed(pictures: Iterable[FeedPicture], main: Sequence[str] = ()) -> GoogleFeed:
    """The feed of these pictures. The first picture of a product is its main one; `main` are patterns of image ids that
    come first."""
    items, left_out, taken = list[GoogleItem](), list[str](), dict[str, str]()
    for product, its in by_product(pictures, main).items():
        if problem := _problem(product, its, taken):
            left_out.append(f"product {product}: {problem}")
            continue
        taken[product.casefold()] = product
        addresses = [picture.url for picture in its]
        items.append(GoogleItem(id=product, image_link=addresses[0], additional=tuple(addresses[1 : ADDITIONAL + 1])))
        if len(its) > ADDITIONAL + 1:
            left_out.append(f"product {product}: {len(its) - ADDITIONAL - 1} of its {len(its)} pictures, too many")
    return GoogleFeed(items=tuple(items), left_out=tuple(left_out))


def google_tsv(items: Sequence[GoogleItem]) -> bytes:
    """The items as tab-separated text with a row of names; several addresses in one field are separated by commas."""
    rows = ((item.id, item.image_link, ",".join(item.additional)) for item in items)
    return "".join("\t".join(map(_quoted, row)) + "\n" for row in (_HEAD, *rows)).encode()


def google_xml(items: Sequence[GoogleItem], link: str) -> bytes:
    """The items as RSS 2.0 with Google's names; `link` is the address of the shop or of its pictures."""
    return "\n".join(_lines(items, link)).encode()


def _lines(items: Sequence[GoogleItem], link: str) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0">'
    yield f"<channel><title>Pictures</title><link>{escape(link)}</link><description>Pictures of products</description>"
    for item in items:
        yield "<item>"
        yield f"<g:id>{escape(item.id)}</g:id>"
        yield f"<g:image_link>{escape(item.image_link)}</g:image_link>"
        yield from (f"<g:additional_image_link>{escape(url)}</g:additional_image_link>" for url in item.additional)
        yield "</item>"
    yield "</channel></rss>\n"


def _is_invalid(character: str) -> bool:
    """Whether it is a control, format or private character, a surrogate, or U+FFFE or U+FFFF. XML forbids some of
    them, so one would make the whole feed unreadable."""
    return unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs") or character in "\ufffe\uffff"


def _quoted(value: str) -> str:
    """A field of tab-separated text; quotation marks inside it are doubled."""
    return '"' + value.replace('"', '""') + '"' if '"' in value else value


def _problem(product: str, its: Sequence[FeedPicture], taken: Mapping[str, str]) -> str | None:
    """Why Google would not take a product, or would take it for another one."""
    if len(product) > ID_LENGTH:
        return f"its id has {len(product)} characters, {ID_LENGTH} are allowed"
    if product != " ".join(product.split()):
        return "its id has white space that Google would remove"
    if invisible := next(filter(_is_invalid, product), None):
        return f"its id has the character U+{ord(invisible):04X}, which Google does not accept"
    if product.casefold() in taken:
        return f"its id differs from {taken[product.casefold()]} only in upper and lower case"
    longest = max(len(picture.url) for picture in its)
    return f"an address has {longest} characters, {URL_LENGTH} are allowed" if longest > URL_LENGTH else None

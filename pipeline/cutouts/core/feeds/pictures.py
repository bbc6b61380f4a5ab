"""The pictures of a feed: where each is on the web, and in which order those of one product are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import quote, urlsplit

from cutouts.core.errors import ConfigError
from cutouts.core.text.numbers import whole_number

_NOT_IN_ADDRESSES = re.compile(r"""[\s,"<>\\^`{|}]""")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPicture:
    """A picture that may be shown: the product that it shows, its image, and its address."""

    product_id: str
    delivery_id: str
    image_id: str
    url: str

    @property
    def place(self) -> tuple[tuple[tuple[bool, int, str], ...], ...]:
        """Sorts the pictures of a product: `shoe-2` comes before `shoe-10`."""
        return _natural(self.image_id), _natural(self.delivery_id)


def by_product(pictures: Iterable[FeedPicture], main: Sequence[str] = ()) -> dict[str, list[FeedPicture]]:
    """The pictures of each product in their order; products by their id.

    Pictures whose image id matches a pattern of `main` (`*` and `?`, as in a shell) come first, in the order of the
    patterns.
    """
    found = defaultdict[str, list[FeedPicture]](list)
    for picture in pictures:
        found[picture.product_id].append(picture)
    return {product: sorted(found[product], key=lambda one: (_rank(one, main), one.place)) for product in sorted(found)}


def _rank(picture: FeedPicture, main: Sequence[str]) -> int:
    return next((rank for rank, pattern in enumerate(main) if fnmatchcase(picture.image_id, pattern)), len(main))


def public_address(base: str, name: str) -> str:
    """The address of an object below `base`, in ASCII (RFC 3986). A comma becomes %2C, because feeds separate addresses
    by it."""
    return f"{base.rstrip('/')}/{quote(name, safe='/')}"


def require_public(base: str) -> str:
    """`base`, if addresses can be made from it. Raises ConfigError."""
    if not _is_web_folder(base):
        told = f"public_url = {base!r}: expected https://HOST/FOLDER in ASCII, without a query, a log-in and a comma"
        raise ConfigError("the pictures have no public address", [told])
    return base


def _is_web_folder(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    bare = not (parts.query or parts.fragment or parts.username) and not _NOT_IN_ADDRESSES.search(text)
    return parts.scheme in ("https", "http") and bool(parts.hostname) and bare and text.isascii()


def _natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    parts = [part for part in re.split(r"([0-9]{1,18})", text) if part]
    return tuple(((number := whole_number(part)) is not None, number or 0, part) for part in parts)

"""The items of an AVIF or HEIC file: which of them is the picture, its parts and their sizes (23008-12)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TypeAlias

from cutouts.adapters.images.isobmff.boxes import Box, boxes, child

Extents: TypeAlias = tuple[tuple[int, int], ...]
"""Start and end in the file of each piece of an item."""
_MOST_ITEMS = 20_000
_MOST_EXTENTS = 100_000
_DEEPEST = 8
"""The most levels of pictures that are made of other pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """`kind` is hvc1, av01, grid, …; `properties` has the start of each property's body by name (the first of several).

    `extents` are the places of its data in the file; `parts` the numbers of the items that a derived item is made of.
    """

    kind: bytes = b""
    properties: dict[bytes, int] = field(default_factory=dict)
    extents: Extents = ()
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The items of `data` by number; `auxiliary` maps an item to those that belong to it, such as alpha or depth."""

    data: bytes
    primary: int = 0
    items: dict[int, Item] = field(default_factory=dict)
    auxiliary: dict[int, list[int]] = field(default_factory=dict)

    @property
    def picture(self) -> Item:
        """The item that is shown; an empty item if the file does not name one."""
        return self.items.get(self.primary, Item())

    def leaves(self, number: int, depth: int = 0) -> list[int]:
        """The coded items that `number` is made of, with repetitions; only itself if it is coded."""
        item = self.items.get(number, Item())
        if not item.parts or depth >= _DEEPEST:
            return [number]
        found: list[int] = []
        for part in item.parts:
            found += self.leaves(part, depth + 1)
            if len(found) > _MOST_ITEMS:
                break
        return found

    def coded(self) -> list[int]:
        """The coded items of the picture and of its auxiliary items, such as alpha."""
        return [
            leaf for number in (self.primary, *self.auxiliary.get(self.primary, ())) for leaf in self.leaves(number)
        ]

    def size_of(self, number: int) -> tuple[int, int] | None:
        """Width and height in px of an item before any crop; None if it states none."""
        place = self.items.get(number, Item()).properties.get(b"ispe")
        return None if place is None else _pair(self.data, place + 4)

    def shown_size(self) -> tuple[int, int] | None:
        """Width and height in px of the picture, cropped but not rotated; None if it states none."""
        crop = self.picture.properties.get(b"clap")
        if crop is not None:
            width, over, height, under = struct.unpack_from(">4I", self.data, crop)
            return (width // over, height // under) if over and under else None
        return self.size_of(self.primary)

    def crop(self) -> tuple[int, int, int, int] | None:
        """Left, top, width and height in px of the crop within the uncropped picture; None if it has no crop."""
        place, size = self.picture.properties.get(b"clap"), self.size_of(self.primary)
        if place is None or size is None:
            return None
        values = struct.unpack_from(">IIIIiIiI", self.data, place)
        if not all(values[1::2]):
            return None
        width, height, across, down = (top / bottom for top, bottom in zip(values[::2], values[1::2], strict=True))
        left, top = (size[0] - width) / 2 + across, (size[1] - height) / 2 + down
        return round(left), round(top), int(width), int(height)

    def code_points(self) -> tuple[int, int] | None:
        """Primaries and transfer (ITU-T H.273) of the picture, or else of its first part; None if not stated."""
        for item in (self.picture, *(self.items.get(leaf, Item()) for leaf in self.leaves(self.primary)[:1])):
            place = item.properties.get(b"nclx")
            if place is not None:
                return _halves(self.data, place + 4)
        return None


def parse(data: bytes) -> Container:
    """The items of `data`; none if they cannot be read."""
    try:
        return _parse(data)
    except (struct.error, IndexError):
        return Container(data=data)


def _parse(data: bytes) -> Container:
    meta = next((box for box in boxes(data) if box[0] == b"meta"), None)
    if meta is None:
        return Container(data=data)
    properties = _properties(data, child(data, meta, b"iprp", 4))
    kinds = _kinds(data, child(data, meta, b"iinf", 4))
    places = _places(data, child(data, meta, b"iloc", 4), child(data, meta, b"idat", 4))
    parts, auxiliary = _references(data, child(data, meta, b"iref", 4))
    items = {
        number: Item(
            kind=kinds.get(number, b""),
            properties=properties.get(number, {}),
            extents=places.get(number, ()),
            parts=parts.get(number, ()),
        )
        for number in kinds.keys() | properties.keys()
    }
    primary = _primary(data, child(data, meta, b"pitm", 4))
    return Container(data=data, primary=primary, items=items, auxiliary=auxiliary)


def _primary(data: bytes, box: Box | None) -> int:
    if box is None:
        return 0
    return int(struct.unpack_from(">I" if data[box[1]] else ">H", data, box[1] + 4)[0])


def _kinds(data: bytes, box: Box | None) -> dict[int, bytes]:
    if box is None:
        return {}
    skip, kinds = (8 if data[box[1]] else 6), dict[int, bytes]()
    for name, start, _ in boxes(data, box[1] + skip, box[2]):
        if name == b"infe" and data[start] >= 2:
            wide = data[start] > 2
            (number,) = struct.unpack_from(">I" if wide else ">H", data, start + 4)
            place = start + (10 if wide else 8)
            kinds[number] = data[place : place + 4]
    return kinds


def _properties(data: bytes, box: Box | None) -> dict[int, dict[bytes, int]]:
    """The properties of each item, by its number."""
    described, owners = child(data, box, b"ipco"), child(data, box, b"ipma")
    if described is None or owners is None:
        return {}
    known = [(_named(data, found), found[1]) for found in boxes(data, described[1], described[2])]
    version, wide = data[owners[1]], data[owners[1] + 3] & 1
    (count,) = struct.unpack_from(">I", data, owners[1] + 4)
    place, number_code, code = owners[1] + 8, (">I" if version else ">H"), ("H" if wide else "B")
    mask, found = (0x7FFF if wide else 0x7F), dict[int, dict[bytes, int]]()
    for _ in range(min(count, _MOST_ITEMS)):
        (number,) = struct.unpack_from(number_code, data, place)
        place += struct.calcsize(number_code)
        indices = struct.unpack_from(f">{data[place]}{code}", data, place + 1)
        place += 1 + len(indices) * struct.calcsize(code)
        own = found.setdefault(number, {})
        for index in indices:
            if 0 < index & mask <= len(known):  # the highest bit marks essential properties
                own.setdefault(*known[(index & mask) - 1])
    return found


def _named(data: bytes, box: Box) -> bytes:
    """The property's name; for colours (colr), their type."""
    return data[box[1] : box[1] + 4] if box[0] == b"colr" else box[0]


def _places(data: bytes, box: Box | None, own: Box | None) -> dict[int, Extents]:
    if box is None:
        return {}
    version, sizes = data[box[1]], struct.unpack_from(">H", data, box[1] + 4)[0]
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = version == 2
    place = box[1] + 6
    count, place = _number(data, place, 4 if wide else 2)
    found, left = dict[int, Extents](), _MOST_EXTENTS
    for _ in range(min(count, _MOST_ITEMS)):
        number, place = _number(data, place, 4 if wide else 2)
        method, place = _number(data, place, 2) if version else (0, place)
        base, place = _number(data, place + 2, base_size)
        extents, place = _number(data, place, 2)
        left -= extents
        if left < 0:
            break
        pieces = []
        for _ in range(extents):
            place += index_size if version else 0
            start, place = _number(data, place, offset_size)
            length, place = _number(data, place, length_size)
            first = base + start + (own[1] if method & 15 == 1 and own else 0)
            pieces.append((first, first + length if length else len(data)))
        found[number] = tuple(pieces)
    return found


def _references(data: bytes, box: Box | None) -> tuple[dict[int, tuple[int, ...]], dict[int, list[int]]]:
    """The parts of each derived item, and the items that belong to each item as alpha or depth."""
    parts, auxiliary = dict[int, tuple[int, ...]](), dict[int, list[int]]()
    if box is None:
        return parts, auxiliary
    code = ">I" if data[box[1]] else ">H"
    size = struct.calcsize(code)
    for name, start, _ in boxes(data, box[1] + 4, box[2]):
        (number,) = struct.unpack_from(code, data, start)
        (count,) = struct.unpack_from(">H", data, start + size)
        targets = struct.unpack_from(f">{count}{code[1]}", data, start + size + 2)
        if name == b"dimg":
            parts[number] = targets
        elif name == b"auxl":
            for target in targets:
                auxiliary.setdefault(target, []).append(number)
    return parts, auxiliary


def _number(data: bytes, place: int, size: int) -> tuple[int, int]:
    """The number of `size` bytes at `place`, and the offset after it. Raises struct.error beyond the data."""
    if place + size > len(data):
        raise struct.error
    return int.from_bytes(data[place : place + size], "big"), place + size


def _pair(data: bytes, place: int) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, place)
    return width, height


def _halves(data: bytes, place: int) -> tuple[int, int]:
    primaries, transfer = struct.unpack_from(">HH", data, place)
    return primaries, transfer

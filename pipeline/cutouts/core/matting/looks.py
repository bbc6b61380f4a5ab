"""What the network sees of a photograph, and a closer look at a small product.

The network sees every photograph in one small size, so a product that fills little of a large photograph has few pixels
in it. If the first look finds a small product, the network looks once more, only at the part of the photograph around
it. It does so as well if it found nothing, but something small differs from a plain background. What it sees is never
enlarged: enlarged pixels are blurred, and mattes of blurred products were worse than before.

The first look stays if the closer one finds nothing, or something that continues beyond the part.

IoU / boundary IoU of one look → two, for products that fill .3 of the side of photographs of 1600 px: .976 / .888 →
.985 / .930 on plain ground (57 composites), .891 / .773 → .965 / .889 in busy scenes (45). The design note has more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TypeAlias

import cv2
import numpy as np

from cutouts.core.matting.pixel_lookup import Part
from cutouts.core.matting.plain_background import unlike_background
from cutouts.core.matting.preprocess import Preprocessing, crop_saliency, network_input
from cutouts.core.matting.specks import without_specks
from cutouts.core.pixels import Bytes, Floats, Mask, Photograph
from cutouts.core.product_box import MARGIN

Network: TypeAlias = Callable[[Sequence[Bytes | Floats]], list[Floats]]
"""One model call: the raw probability, float32 in 0…1, of each input as `network_input` gives it."""

SMALL = 0.44
"""A part is looked at if its area is at most this share of what was seen before: sides count 1.5 times as much."""
VISIBLE, FOUND = 0.2, 0.5
"""Probability above which something of the product may be, and from which on the network found something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the network sees: `seen`, the rows and columns `area` of a photograph, and `pixels`, the same as its
    input."""

    seen: Photograph
    area: Part
    pixels: Bytes | Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the network says about a view: `saliency`, float32 h×w in 0…1, of the part that `seen` fills of its input;
    `calls` are the model calls that it took."""

    seen: Photograph
    area: Part
    saliency: Floats
    calls: int = 1


def view_of(photograph: Photograph, how: Preprocessing, area: Part | None = None) -> View:
    """A view of the photograph, or of a part of it; `area` has no steps, and its ends are inside of the photograph."""
    height, width = photograph.rgb.shape[:2]
    area = area or (slice(0, height), slice(0, width))
    seen = photograph if _shape(area) == (height, width) else _part(photograph, area)
    return View(seen=seen, area=area, pixels=network_input(seen, how))


def look_at(network: Network, views: Sequence[View], how: Preprocessing) -> list[Look]:
    """Look at each view with one model call, and with another one closer at all whose product is small."""
    return look_closer(network, look_once(network, views, how), how)


def look_once(network: Network, views: Sequence[View], how: Preprocessing) -> list[Look]:
    """Look at each view, with one model call for all."""
    maps = network([one.pixels for one in views])
    return [
        Look(seen=one.seen, area=one.area, saliency=crop_saliency(said, *one.seen.size, how))
        for one, said in zip(views, maps, strict=True)
    ]


def look_closer(network: Network, first: Sequence[Look], how: Preprocessing) -> list[Look]:
    """The first looks, or closer ones at small products, which are made with one model call."""
    small = {at: part for at, one in enumerate(first) if (part := _closer_part(one, how)) is not None}
    if not small:
        return [*first]
    closer = look_once(network, [view_of(first[at].seen, how, part) for at, part in small.items()], how)
    looks = [*first]
    for at, one in zip(small, closer, strict=True):
        used = _inside(one, first[at]) if _found_whole(one, first[at]) else first[at]
        looks[at] = replace(used, calls=2)
    return looks


def _closer_part(first: Look, how: Preprocessing) -> Part | None:
    """The rows and columns of what was seen that are worth a closer look: around a small product, or, if none was
    found, around what differs from a plain background. None if there is no such part, or if it is not small."""
    if first.saliency.max() < FOUND:
        return _small_part(unlike_background(first.seen), first.seen, how)
    if _small_part(first.saliency >= FOUND, first.seen, how) is None:
        return None  # what is visible is not smaller
    return _small_part(without_specks(first.saliency, VISIBLE) > VISIBLE, first.seen, how)


def _small_part(product: Mask, seen: Photograph, how: Preprocessing) -> Part | None:
    """The part of `seen` around `product`, bool h×w; None if there is no product, or if the part is not small."""
    part = _around(product, seen, how)
    return part if part is not None and _is_small(part, seen) else None


def _around(product: Mask, seen: Photograph, how: Preprocessing) -> Part | None:
    """The rows and columns of `seen` around `product`, bool h×w, that the network can look at without enlarging them;
    None if there is no product."""
    left, top, width, height = cv2.boundingRect(product.view(np.uint8))
    if not width:
        return None
    across, down = seen.size[0] / product.shape[1], seen.size[1] / product.shape[0]
    margin = MARGIN * max(width * across, height * down)
    return (
        _span(top * down - margin, (top + height) * down + margin, seen.size[1], how.height_px),
        _span(left * across - margin, (left + width) * across + margin, seen.size[0], how.width_px),
    )


def _span(begin: float, end: float, size: int, least: int) -> slice:
    """From `begin` to `end` along an axis of `size` px, moved inside of it, and at least `least` px if it has them."""
    length = min(size, max(ceil(end - begin), least))
    first = min(max(0, round((begin + end - length) / 2)), size - length)
    return slice(first, first + length)


def _is_small(part: Part, seen: Photograph) -> bool:
    height, width = _shape(part)
    return height * width <= SMALL * seen.size[0] * seen.size[1]


def _found_whole(closer: Look, first: Look) -> bool:
    """Whether the closer look found a product that does not go on where its part ends inside of the first look's."""
    found, (rows, columns), (width, height) = closer.saliency >= FOUND, closer.area, first.seen.size
    ends = [
        found[0].any() and rows.start > 0,
        found[-1].any() and rows.stop < height,
        found[:, 0].any() and columns.start > 0,
        found[:, -1].any() and columns.stop < width,
    ]
    return bool(found.any()) and not any(ends)


def _inside(closer: Look, first: Look) -> Look:
    """The closer look, whose area is one of what was seen first, with that of the photograph."""
    rows, columns = (
        slice(outer.start + inner.start, outer.start + inner.stop)
        for outer, inner in zip(first.area, closer.area, strict=True)
    )
    return replace(closer, area=(rows, columns))


def _part(photograph: Photograph, area: Part) -> Photograph:
    alpha = None if photograph.alpha is None else np.ascontiguousarray(photograph.alpha[area])
    return Photograph(rgb=np.ascontiguousarray(photograph.rgb[area]), alpha=alpha)


def _shape(part: Part) -> tuple[int, int]:
    rows, columns = part
    return rows.stop - rows.start, columns.stop - columns.start

"""The pictures of the review pages, made when they are first looked at and then kept below the site's tables.

All are small, so that no request decodes a large picture that was decoded before. They are named after the photograph,
so that forgetting it removes them.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from threading import Lock

import cv2
import numpy as np

from cutouts.adapters.images import decode
from cutouts.adapters.storage.checked_bytes import find_checked, write_checked
from cutouts.adapters.storage.sources.reading import read_image
from cutouts.adapters.storage.store import open_store
from cutouts.core.config import Site
from cutouts.core.errors import ImageRejected, StorageError
from cutouts.core.matting.doubt_map import doubt_map, doubtful_places
from cutouts.core.pixels import Bytes, Floats
from cutouts.core.product_box import photograph_of
from cutouts.core.table_paths import thumbnail_file
from cutouts.report.html.pictures import shrunk, shrunk_cutout, webp
from cutouts.review.sheets import SheetImage
from cutouts.stages.image import finishing_memory, needed_memory
from cutouts.stages.image_errors import one_image
from cutouts.stages.memory_budget import process_memory

_THUMBNAIL, LARGE = 280, 1400
"""The longest side of a thumbnail and of a large picture (px)."""
_WINDOW, _WINDOWS, _ZOOM = 72, 4, 4
"""Each picture of the edge shows so many px of the original at 400 %."""
_DOUBT_COLOUR = (232, 40, 120)
_STRONGEST = 190
_FAINT = 0.15
"""Below this, doubt is not drawn."""
_EMPTY = 0.005
"""A cutout that covers less than this share shows nothing in a thumbnail."""
_FADED = 110
"""The alpha of the photograph that is shown instead."""
_LOSSLESS = 101
_NO_EDGE = b""
"""What is kept in place of a picture of the edge if the mask has no edge."""

_MAKING = Lock()
"""One picture is made at a time: they are large, and the server has other things to do."""


class Picture(StrEnum):
    """A picture of an image."""

    THUMBNAIL = "thumbnail"
    BEFORE = "before"
    CUTOUT = "cutout"
    DOUBT = "doubt"
    EDGES = "edges"
    EDGES_BEFORE = "edges-before"


class NoPictureError(StorageError):
    """The picture is not available: the photograph cannot be read, or its cutout was removed."""


_OF_PHOTOGRAPH = (Picture.BEFORE, Picture.EDGES_BEFORE)


def picture(site: Site, image: SheetImage, kind: Picture) -> bytes:
    """A picture of the image, as WebP. Raises NoPictureError if it is not available."""
    if image.sha256 is None or image.cutout is None:
        raise NoPictureError(f"{image.image_id} was not cut out")
    found = _kept(site, image, kind)
    if found is None:
        with _MAKING:
            found = _kept(site, image, kind)  # another request may have made it meanwhile
            if found is None:
                found = _made(site, image, kind)
    if found == _NO_EDGE:
        raise NoPictureError(f"the mask of {image.image_id} has no edge")
    return found


def _kept(site: Site, image: SheetImage, kind: Picture) -> bytes | None:
    return find_checked(open_store(site.tables_url), _file(image, kind))


def _made(site: Site, image: SheetImage, kind: Picture) -> bytes:
    """Make the picture and those that are made with it, and keep them."""
    if kind is Picture.THUMBNAIL:
        made: dict[Picture, bytes] = {kind: _thumbnail(site, image)}
    else:
        made = _large(site, image, needs_photograph=kind in _OF_PHOTOGRAPH)
    for name, data in made.items():
        write_checked(open_store(site.tables_url), _file(image, name), data)
    if kind not in made:
        raise NoPictureError(f"the photograph of {image.image_id} cannot be read")
    return made[kind]


def _file(image: SheetImage, kind: Picture) -> str:
    return thumbnail_file(str(image.sha256), str(image.cutout), kind)


def _thumbnail(site: Site, image: SheetImage) -> bytes:
    """The cutout; if next to nothing of it can be seen, the faded photograph, so that a person sees what was there."""
    rgba = _cutout(site, image)
    if rgba[..., 3].mean() < _EMPTY * 255 and (rgb := _photograph(site, image)) is not None:
        rgba = np.dstack([rgb, np.full(rgb.shape[:2], _FADED, np.uint8)])
    return webp(shrunk_cutout(rgba, _THUMBNAIL))


def _large(site: Site, image: SheetImage, *, needs_photograph: bool) -> dict[Picture, bytes]:
    """All large pictures; or none if one that needs the photograph is wanted and the photograph cannot be read."""
    rgb = _photograph(site, image)
    if rgb is None and needs_photograph:
        return {}
    rgba = _cutout(site, image)
    if rgb is not None and rgb.shape[:2] != rgba.shape[:2]:
        rgb = None
    alpha = np.ascontiguousarray(rgba[..., 3])
    doubt = _doubt(alpha, rgb)
    places = _places(doubt, alpha)
    made = {
        Picture.CUTOUT: webp(shrunk_cutout(rgba, LARGE)),
        Picture.DOUBT: webp(_drawn(doubt)),
        Picture.EDGES: _windows(rgba, places),
    }
    if rgb is not None:
        made[Picture.BEFORE] = webp(shrunk(rgb, LARGE))
        made[Picture.EDGES_BEFORE] = _windows(rgb, places)
    return made


def _cutout(site: Site, image: SheetImage) -> Bytes:
    """The cutout, uint8 H×W×4."""
    try:
        stored = open_store(site.objects_url).read(str(image.cutout))
    except FileNotFoundError as error:
        raise NoPictureError(f"the cutout of {image.image_id} was removed") from error
    with process_memory.sized(site.max_memory).taken(finishing_memory(image.width_px * image.height_px)):
        bgra = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_UNCHANGED)
        if bgra is None or bgra.ndim != 3 or bgra.shape[2] != 4:
            raise NoPictureError(f"the cutout of {image.image_id} is damaged")
        return np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA), np.uint8)


def _photograph(site: Site, image: SheetImage) -> Bytes | None:
    """The photograph, read only from allowed places; None if it cannot be read or was replaced by another one."""
    try:
        data = read_photograph(site, image)
        with one_image(), process_memory.sized(site.max_memory).taken(needed_memory(data, max_pixels=site.max_pixels)):
            return decode(data, max_pixels=site.max_pixels).rgb
    except (OSError, StorageError, ImageRejected):
        return None


def read_photograph(site: Site, image: SheetImage) -> bytes:
    """The bytes of the image's photograph, from allowed places only.

    Raises ImageRejected if it is not allowed or missing, NoPictureError if it is another file by now.
    """
    data = read_image(image.uri, site.reading())
    if sha256(data).hexdigest() != photograph_of(str(image.sha256)):
        raise NoPictureError(f"the photograph of {image.image_id} was changed since it was cut")
    return data


def _doubt(matte: Bytes, rgb: Bytes | None) -> Floats:
    """The doubt, computed at the size of a large picture, so that the edge of a 20 MP photograph is as wide as that of
    a small one. float32 h×w."""
    return doubt_map(shrunk(matte, LARGE), None if rgb is None else shrunk(rgb, LARGE))


def _drawn(doubt: Floats) -> Bytes:
    """The doubt as a coloured layer, uint8 h×w×4."""
    strength = np.where(doubt < _FAINT, 0, (0.3 + 0.7 * np.clip(doubt, 0, 1)) * _STRONGEST).astype(np.uint8)
    return np.dstack([np.full_like(strength, level) for level in _DOUBT_COLOUR] + [strength])


def _places(doubt: Floats, alpha: Bytes) -> list[tuple[int, int]]:
    """The windows to show at 400 %, as corners in the original; none if the mask has no edge, for example if it is
    empty."""
    scale = alpha.shape[1] / doubt.shape[1]
    side = max(8, round(_WINDOW / scale))
    small = doubtful_places(doubt, shrunk(alpha, LARGE), side=side, at_most=_WINDOWS)
    return [(round(x * scale), round(y * scale)) for x, y in small]


def _windows(picture: Bytes, places: list[tuple[int, int]]) -> bytes:
    """The windows beside each other, each enlarged to 400 %, as lossless WebP; `_NO_EDGE` if there are none."""
    if not places:
        return _NO_EDGE
    tiles = []
    for x, y in places:
        window = picture[y : y + _WINDOW, x : x + _WINDOW]
        tile = np.zeros((_WINDOW, _WINDOW, picture.shape[2]), np.uint8)
        tile[: window.shape[0], : window.shape[1]] = window
        tiles.append(cv2.resize(tile, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_NEAREST))
    return webp(np.ascontiguousarray(np.hstack(tiles)), _LOSSLESS)

"""Small pictures for the contact sheet: the photograph and its cutout, as data URIs."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cutouts.adapters.images import decode
from cutouts.core.errors import ImageRejected, StorageError
from cutouts.core.matting.colour_fill import spread
from cutouts.core.pixels import Bytes, size_within
from cutouts.stages.image import needed_memory
from cutouts.stages.image_errors import one_image
from cutouts.stages.memory_budget import process_memory

THREADS = 2
"""Photographs in memory at a time, each with its cutout."""
MAX_PIXELS = 400_000_000
"""These photographs were decoded before, under the site's own limit. Each waits until there is memory for it."""
_SIDES = ((16, 640), (48, 448))
_SIDE = 320
"""Longest side (px): larger if there are few pictures, so that a hundred pictures need less than a few megabytes."""
_QUALITY = 78


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFiles:
    """Where the pictures of one image are: its photograph, and its cutout (or else its mask) in the output folder."""

    photograph: str
    cutout: str | None
    mask: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Data URIs, the cutout with straight alpha; None if there is no picture. Sizes in px of the source."""

    photograph: str | None = None
    cutout: str | None = None
    width: int = 1
    height: int = 1

    @property
    def frame(self) -> float:
        """Width divided by height of the frame: that of the picture, unless it is very long or very wide."""
        return min(max(self.width / self.height, 0.75), 1.34)

    @property
    def fit(self) -> float:
        """Share of the frame's width that the picture fills; above 1 if its height does not fill the frame."""
        return self.width / self.height / self.frame


def load_pictures(sources: Sequence[PictureFiles], folder: Path, read: Callable[[str], bytes]) -> list[Pictures]:
    """The pictures of each source, in order. `read` returns a photograph's bytes; outputs are read below `folder`."""
    side = next((size for count, size in _SIDES if len(sources) <= count), _SIDE)
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda source: _load(source, folder, read, side), sources))


def _load(source: PictureFiles, folder: Path, read: Callable[[str], bytes], side: int) -> Pictures:
    """A missing picture, or one for which there is no memory, is left out; the report is still useful."""
    try:
        data = read(source.photograph)
    except (OSError, StorageError, ImageRejected):
        data = b""
    try:
        with one_image(), process_memory.sized().taken(needed_memory(data, max_pixels=MAX_PIXELS)):
            return _made(source, data, folder, side)
    except ImageRejected:
        return Pictures()


def _made(source: PictureFiles, data: bytes, folder: Path, side: int) -> Pictures:
    rgb = _photograph(data)
    rgba = _output(folder, source.cutout)
    if rgba is None and rgb is not None:
        rgba = _masked(rgb, _output(folder, source.mask))
    seen = next((picture for picture in (rgb, rgba) if picture is not None), None)
    if seen is None:
        return Pictures()
    return Pictures(
        photograph=None if rgb is None else data_uri(shrunk(rgb, side)),
        cutout=None if rgba is None else data_uri(shrunk_cutout(rgba, side)),
        width=seen.shape[1],
        height=seen.shape[0],
    )


def _photograph(data: bytes) -> Bytes | None:
    try:
        with one_image():
            return decode(data, max_pixels=MAX_PIXELS).rgb
    except ImageRejected:
        return None


def _output(folder: Path, name: str | None) -> Bytes | None:
    try:
        data = (folder / name).read_bytes() if name else b""
    except OSError:
        return None
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if picture is not None and picture.ndim == 3:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA), np.uint8)
    return picture


def _masked(rgb: Bytes, mask: Bytes | None) -> Bytes | None:
    if mask is None or mask.shape != rgb.shape[:2]:
        return None
    return np.asarray(cv2.merge([*cv2.split(rgb), mask]), np.uint8)


def shrunk(picture: Bytes, side: int) -> Bytes:
    """The picture, averaged so that its longer side is at most `side` px."""
    size = size_within(picture.shape[1], picture.shape[0], side)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def shrunk_cutout(rgba: Bytes, side: int) -> Bytes:
    """The RGBA cutout, shrunk as in `shrunk` but with premultiplied colours.

    Colours are extended under the transparent part, because WebP would mix in black there.
    """
    small = shrunk(np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2mRGBA), np.uint8), side)
    opaque, small_alpha = small[..., :3].astype(np.float32), small[..., 3]
    weight = small_alpha.astype(np.float32) / np.float32(255)
    filled = spread(opaque, weight)[..., :3]
    own = opaque / np.maximum(weight, 1 / 255)[..., None]
    colour = np.where(small_alpha[..., None] > 0, own, filled)
    return np.dstack([np.clip(np.round(colour), 0, 255).astype(np.uint8), small_alpha])


def data_uri(picture: Bytes) -> str:
    """The picture, uint8 H×W×3 (sRGB) or H×W×4, as a WebP data URI for a page. Raises StorageError."""
    return f"data:image/webp;base64,{base64.b64encode(webp(picture)).decode()}"


def webp(picture: Bytes, quality: int = _QUALITY) -> bytes:
    """The picture, uint8 H×W×3 (sRGB) or H×W×4, as WebP; a quality above 100 is lossless. Raises StorageError."""
    order = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    written, data = cv2.imencode(".webp", cv2.cvtColor(picture, order), [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not written:
        raise StorageError("a picture of a page cannot be encoded as WebP")
    return bytes(data)

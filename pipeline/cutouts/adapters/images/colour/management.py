"""Colour management: ICC profiles to sRGB, relative colorimetric, without black point compensation (ICC.1:2022).

Most photographs carry a profile that is sRGB in effect: their pixels stay as they are, bit by bit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import cv2
import numpy as np
from PIL import Image, ImageCms

from cutouts.adapters.images.colour import hdr, lab
from cutouts.adapters.images.colour.matrix_profiles import Shaper, parse
from cutouts.adapters.images.raster import Colours, Samples, Space, eight_bit
from cutouts.core.pixels import Bytes

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's mode for each colour space that a profile may be for."""
_MODE_OF = {Space.GREY: "L", Space.RGB: "RGB", Space.CMYK: "CMYK"}
_SAME = 1
"""Levels by which a transform may move any colour of the probe and still count as none."""
_SPACES = {"RGB": "RGB", "GRAY": "grey", "CMYK": "CMYK", "Lab": "Lab"}
UNMANAGED_CMYK = "CMYK without a usable colour profile: its colours are approximate"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Management:
    """What a profile asks for: the mode its pixels must have, the transform (None: none needed), a problem in words.

    `shaper` gives what `transform` gives, faster, where the profile allows it.
    """

    mode: str
    transform: ImageCms.ImageCmsTransform | None = None
    shaper: Shaper | None = None
    problem: str = ""


def to_srgb(samples: Samples, space: Space, colours: Colours) -> tuple[Bytes, tuple[str, ...]]:
    """`samples` as sRGB, uint8 H×W×3, and notes in words. A broken profile counts as none.

    Where nothing has to be changed the samples are returned as they are; 16 bit are reduced after the change, if the
    profile allows it.
    """
    if colours.hdr is not None and space in (Space.GREY, Space.RGB):
        return hdr.to_srgb(samples, *colours.hdr), (*colours.notes, hdr.NOTE)
    if space is Space.LAB:
        return lab.to_srgb(samples), colours.notes
    managed = _management(colours.profile, _MODE_OF[space])
    notes = colours.notes + ((managed.problem,) if managed.problem else ())
    if managed.transform is None:
        return _unmanaged(eight_bit(samples), space, notes)
    if managed.shaper is not None:
        return managed.shaper.apply(_three(samples)), notes
    pixels = eight_bit(samples)
    source = Image.fromarray(_three(pixels) if managed.mode == "RGB" else np.ascontiguousarray(pixels), managed.mode)
    return np.array(_apply(managed.transform, source)), notes


def _unmanaged(pixels: Bytes, space: Space, notes: tuple[str, ...]) -> tuple[Bytes, tuple[str, ...]]:
    if space is not Space.CMYK:
        return _three(pixels), notes
    paper = 255 - pixels.astype(np.uint16)
    rgb = (paper[..., :3] * paper[..., 3:] + 127) // 255
    return rgb.astype(np.uint8), (*notes, UNMANAGED_CMYK)


def _three(samples: Samples) -> Samples:
    """Grey as three equal channels; RGB as it is."""
    return np.repeat(samples[..., None], 3, axis=2) if samples.ndim == 2 else np.ascontiguousarray(samples)


def _apply(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    target = Image.new("RGB", image.size)
    transform.apply(image, target)
    return target


@lru_cache(maxsize=8)
def _management(profile: bytes, mode: str) -> _Management:
    """Kept by the profile's bytes; several threads may use one transform (lcms2 copies its cache per call)."""
    if not profile:
        return _Management(mode=mode)
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        wanted = _MODES.get(space, "")
        if wanted != mode and (wanted, mode) != ("RGB", "L"):
            words = f"its colour profile is for {_SPACES.get(space, 'other colours')} and its pixels are not"
            return _Management(mode=mode, problem=f"{words}: treated as sRGB")
        transform = _build(source, wanted)
    except (OSError, ImageCms.PyCMSError, ValueError):
        return _Management(mode=mode, problem="its colour profile is broken: treated as sRGB")
    if wanted in ("RGB", "L") and _furthest(transform, _probe(wanted)) <= _SAME:
        return _Management(mode=wanted)
    return _Management(mode=wanted, transform=transform, shaper=_agreeing(profile, transform, wanted))


def _build(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.buildTransform(source, target, mode, "RGB", relative, ImageCms.Flags.NONE)


def _furthest(transform: ImageCms.ImageCmsTransform, probe: Bytes, expected: Bytes | None = None) -> int:
    """Levels by which the transform of `probe` differs from `expected`, by default from the probe itself."""
    moved = np.asarray(_apply(transform, Image.fromarray(probe)), np.int16)
    same = probe if expected is None else expected
    return int(np.abs(moved - (same if same.ndim == 3 else same[..., None])).max())


def _agreeing(profile: bytes, transform: ImageCms.ImageCmsTransform, mode: str) -> Shaper | None:
    """The profile's shaper where it gives lcms2's colours within one level."""
    if mode != "RGB":
        return None
    try:
        shaper = parse(profile)
        agrees = shaper is not None and _furthest(transform, _probe(mode), shaper.apply(_probe(mode))) <= _SAME
    except (struct.error, cv2.error):  # tags cut short; OpenCV before 5 has no tables of 65536
        return None
    return shaper if agrees else None


def _probe(mode: str) -> Bytes:
    """All greys, and for RGB a grid of 17³ colours."""
    greys = np.arange(256, dtype=np.uint8)
    if mode == "L":
        return greys[None]
    steps = np.linspace(0, 255, 17).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    return np.concatenate([grid, np.repeat(greys[:, None], 3, axis=1)])[None]

"""Colour management: from ICC profiles to sRGB, relative colorimetric, without black point compensation (ICC.1:2022).

Most photographs have a profile that is effectively sRGB; their pixels are not changed at all.
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
from cutouts.core.pixels import Bytes, Floats

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's mode for each supported colour space of a profile."""
_MODE_OF = {Space.GREY: "L", Space.RGB: "RGB", Space.CMYK: "CMYK"}
_SAME = 1
"""A transform counts as none if it changes each colour of the probe by at most this many levels."""
_SPACES = {"RGB": "RGB", "GRAY": "grey", "CMYK": "CMYK", "Lab": "Lab"}
UNMANAGED_CMYK = "CMYK without a usable colour profile: its colours are approximate"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Management:
    """How a profile is applied: the mode that pixels must have, the transform (None if not needed), a problem in words.

    If the profile allows it, `shaper` gives the same result as `transform`, but faster.
    """

    mode: str
    transform: ImageCms.ImageCmsTransform | None = None
    shaper: Shaper | None = None
    problem: str = ""


def to_srgb(samples: Samples, space: Space, colours: Colours) -> tuple[Bytes, tuple[str, ...]]:
    """`samples` as sRGB, uint8 H×W×3, and notes in words. A broken profile counts as none.

    8 bit RGB that needs no conversion is returned unchanged. If the profile allows it, 16 bit are reduced after the
    conversion, otherwise before it.
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


def from_srgb(pixels: Bytes, profile: bytes) -> Bytes:
    """`pixels`, sRGB, uint8 H×W×3, in the colours of a usable profile. White stays white."""
    transform = _to_profile(profile)
    assert transform is not None
    white = (pixels == 255).all(axis=2, keepdims=True)
    return np.where(white, np.uint8(255), np.array(_apply(transform, Image.fromarray(pixels))))


def light_of(profile: bytes) -> Floats | None:
    """The linear light of each level, 0…1, float32 256; None if the profile is sRGB's, or not made of curves."""
    shaper = _management(profile, "RGB").shaper
    return None if shaper is None else shaper.light


def is_usable(profile: bytes) -> bool:
    """Whether a profile is one of RGB that is not broken, so that pixels may keep it."""
    return _to_profile(profile) is not None


def _unmanaged(pixels: Bytes, space: Space, notes: tuple[str, ...]) -> tuple[Bytes, tuple[str, ...]]:
    if space is not Space.CMYK:
        return _three(pixels), notes
    paper = 255 - pixels.astype(np.uint16)
    rgb = (paper[..., :3] * paper[..., 3:] + 127) // 255
    return rgb.astype(np.uint8), (*notes, UNMANAGED_CMYK)


def _three(samples: Samples) -> Samples:
    """Grey as three equal channels; other samples unchanged."""
    return np.repeat(samples[..., None], 3, axis=2) if samples.ndim == 2 else np.ascontiguousarray(samples)


def _apply(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    target = Image.new("RGB", image.size)
    transform.apply(image, target)
    return target


@lru_cache(maxsize=8)
def _to_profile(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """The transform from sRGB to a profile; None if that is broken or not one of RGB."""
    try:
        target = ImageCms.ImageCmsProfile(BytesIO(profile))
        return _transform(_srgb(), target, "RGB") if target.profile.xcolor_space.strip() == "RGB" else None
    except (OSError, ImageCms.PyCMSError, ValueError):
        return None


@lru_cache(maxsize=8)
def _management(profile: bytes, mode: str) -> _Management:
    """How to apply a profile, cached by its bytes. Threads may share a transform (lcms2 copies its cache per call)."""
    if not profile:
        return _Management(mode=mode)
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        wanted = _MODES.get(space, "")
        if wanted != mode and (wanted, mode) != ("RGB", "L"):
            words = f"its colour profile is for {_SPACES.get(space, 'other colours')} and its pixels are not"
            return _Management(mode=mode, problem=f"{words}: treated as sRGB")
        transform = _transform(source, _srgb(), wanted)
    except (OSError, ImageCms.PyCMSError, ValueError):
        return _Management(mode=mode, problem="its colour profile is broken: treated as sRGB")
    if wanted in ("RGB", "L") and _furthest(transform, _probe(wanted)) <= _SAME:
        return _Management(mode=wanted)
    return _Management(mode=wanted, transform=transform, shaper=_agreeing(profile, transform, wanted))


def _transform(
    source: ImageCms.ImageCmsProfile, target: ImageCms.ImageCmsProfile, mode: str
) -> ImageCms.ImageCmsTransform:
    """From pixels of `mode` to RGB."""
    relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.buildTransform(source, target, mode, "RGB", relative, ImageCms.Flags.NONE)


def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _furthest(transform: ImageCms.ImageCmsTransform, probe: Bytes, expected: Bytes | None = None) -> int:
    """Levels by which the transform of `probe` differs from `expected`, by default from the probe itself."""
    moved = np.asarray(_apply(transform, Image.fromarray(probe)), np.int16)
    same = probe if expected is None else expected
    return int(np.abs(moved - (same if same.ndim == 3 else same[..., None])).max())


def _agreeing(profile: bytes, transform: ImageCms.ImageCmsTransform, mode: str) -> Shaper | None:
    """The profile's shaper, if its colours agree with those of lcms2 within one level."""
    if mode != "RGB":
        return None
    try:
        shaper = parse(profile)
        agrees = shaper is not None and _furthest(transform, _probe(mode), shaper.apply(_probe(mode))) <= _SAME
    except (struct.error, cv2.error):  # truncated tags; OpenCV before 5 has no tables of 65536 entries
        return None
    return shaper if agrees else None


def _probe(mode: str) -> Bytes:
    """All 256 greys, and for RGB a grid of 17³ colours too."""
    greys = np.arange(256, dtype=np.uint8)
    if mode == "L":
        return greys[None]
    steps = np.linspace(0, 255, 17).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    return np.concatenate([grid, np.repeat(greys[:, None], 3, axis=1)])[None]

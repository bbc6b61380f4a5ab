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

from pipeline.adapters.images.shaper import Shaper, parse
from pipeline.core.pixels import Bytes

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
"""Pillow's mode for each colour space that a profile may be for."""
_SAME = 1
"""Levels by which a transform may move any colour of the probe and still count as none."""
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


def to_srgb(image: Image.Image, profile: bytes) -> tuple[Bytes, tuple[str, ...]]:
    """`image` of mode L, RGB, CMYK or LAB as sRGB, uint8 H×W×3, and notes in words. A broken profile counts as none."""
    managed = _management(_lab_profile() if image.mode == "LAB" else profile, image.mode)
    notes = (managed.problem,) if managed.problem else ()
    image = image if image.mode == managed.mode else image.convert(managed.mode)
    if managed.transform is not None and managed.shaper is None:
        return np.array(_apply(managed.transform, image)), notes
    if managed.transform is None and image.mode == "CMYK":
        notes = (*notes, UNMANAGED_CMYK)
    rgb = np.array(image if image.mode == "RGB" else image.convert("RGB"))
    return managed.shaper.apply(rgb) if managed.shaper else rgb, notes


def pixels_to_srgb(rgb: Bytes, profile: bytes, *, grey: bool) -> tuple[Bytes, tuple[str, ...]]:
    """Like `to_srgb` for uint8 H×W×3, returned as it is where nothing changes; `grey`: three equal channels."""
    managed = _management(profile, "L" if grey else "RGB")
    notes = (managed.problem,) if managed.problem else ()
    if managed.transform is None:
        return rgb, notes
    if managed.shaper is not None:
        return managed.shaper.apply(rgb), notes
    source = Image.fromarray(np.ascontiguousarray(rgb[..., 0]) if managed.mode == "L" else rgb)
    return np.array(_apply(managed.transform, source)), notes


def _apply(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    target = Image.new("RGB", image.size)
    transform.apply(image, target)
    return target


@lru_cache(maxsize=32)
def _management(profile: bytes, mode: str) -> _Management:
    """Kept by the profile's bytes; several threads may use one transform (lcms2 copies its cache per call)."""
    if not profile:
        return _Management(mode=mode)
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        wanted = _MODES.get(space, "")
        if wanted != mode and (wanted, mode) != ("RGB", "L"):
            words = f"its colour profile is for {space} and its pixels are not: taken for sRGB"
            return _Management(mode=mode, problem=words)
        transform = _build(source, wanted)
    except (OSError, ImageCms.PyCMSError, ValueError) as error:
        return _Management(mode=mode, problem=f"its colour profile is broken ({error}): taken for sRGB")
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


@lru_cache(maxsize=1)
def _lab_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()

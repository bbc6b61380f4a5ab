"""From one cutout to the files of its renditions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cutouts.adapters.images import decode, decode_native
from cutouts.adapters.images.colour import from_srgb, light_of
from cutouts.adapters.images.encoding import encode, source_type_of
from cutouts.core.errors import ConfigError, ImageRejected
from cutouts.core.pixels import Bytes
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.renditions.drawing import Picture, Subject, composed, draw
from cutouts.core.renditions.light import SRGB, Curve
from cutouts.core.renditions.placing import place, product_box
from cutouts.core.renditions.rendition import Rendition
from cutouts.core.renditions.source_types import rendition_type

_BYTES_PER_PIXEL = 40
"""Memory for each pixel of a finished picture (B): light in single precision, levels, and the encoder's planes."""
_WHITE = (255, 255, 255)
_LONGEST_WEBP = 16383
"""The longest side that a WebP can have (px)."""
_LIGHT_BYTES = 16
"""Memory for each pixel of the photograph that is shrunk along one axis only (B), at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What renditions are made of: the cutout, the bytes of its photograph's file (None if they cannot be read any
    more), and for the mark of what is written a text, and what is to be said about the image."""

    subject: Subject
    data: bytes | None
    made_of: str
    max_pixels: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The file of a rendition. Sizes in px; `quality` is 100 if it is lossless."""

    rendition: Rendition
    data: bytes
    width_px: int
    height_px: int
    quality: int
    notes: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The digest of the file."""
        return hashlib.sha256(self.data).hexdigest()


def rendered(original: Original, renditions: Sequence[Rendition]) -> Iterator[Rendered]:
    """The files of several renditions of one cutout, one after the other.

    Raises ImageRejected if nothing is visible, or if a picture would be too large in px or in B.
    """
    stated = source_type_of(original.data) if original.data is not None else None
    for rendition in renditions:
        subject, profile = _subject(original, rendition)
        _check_frame(subject, rendition, original.max_pixels)
        picture = draw(subject, *_on_ground(rendition, profile, original.max_pixels))
        if picture is None:
            raise ImageRejected(RejectionReason.FAILED, "nothing was found in it")
        kind = None  # of a photograph that cannot be read, nobody knows it
        if original.data is not None:
            kind = rendition_type(stated, on_picture=rendition.ground_image is not None)
        yield _file(original, picture, rendition, profile=profile, kind=kind)


def check_grounds(renditions: Sequence[Rendition], max_pixels: int) -> None:
    """Raise ConfigError that names each rendition whose picture for the ground cannot be used, and why."""
    problems = []
    for one in renditions:
        try:
            _ground(one, max_pixels)
        except ImageRejected as error:
            problems.append(f"{one.name}: ground_image: {error.detail}")
    if problems:
        raise ConfigError("these renditions cannot be made", problems)


def needs_photograph(rendition: Rendition) -> bool:
    """Whether a rendition needs more of the photograph than its cutout has."""
    return rendition.shadow == "kept" or rendition.profile == "photograph"


def mark_text(made_of: str, rendition: Rendition) -> str:
    """The text that identifies what a file was made of, and how."""
    return f"{made_of} {rendition.digest} rendition"


def rendering_memory(pixels: int, renditions: Sequence[Rendition], max_pixels: int) -> int:
    """The approximate memory (B) that rendering needs besides the photograph of `pixels` px and its cutout."""
    frames = [_frame_pixels(one, pixels) for one in renditions]
    return _LIGHT_BYTES * pixels + _BYTES_PER_PIXEL * min(max([*frames, 0]), max_pixels)


def _frame_pixels(rendition: Rendition, pixels: int) -> int:
    if exact := rendition.exact_size:
        return exact[0] * exact[1]
    return rendition.max_side_px**2 if rendition.max_side_px else 2 * pixels


def _file(original: Original, picture: Picture, rendition: Rendition, *, profile: bytes, kind: str | None) -> Rendered:
    file = encode(
        picture.pixels,
        rendition,
        profile=profile,
        source_type=kind,
        text=mark_text(original.made_of, rendition),
        notes=[*original.notes, *(f"{rendition.name}: {note}" for note in picture.notes)],
    )
    return Rendered(
        rendition=rendition,
        data=file.data,
        width_px=picture.placement.width_px,
        height_px=picture.placement.height_px,
        quality=file.quality,
        notes=(*picture.notes, *file.notes),
    )


def _subject(original: Original, rendition: Rendition) -> tuple[Subject, bytes]:
    """The subject in the colours that a rendition asks for, and their profile; empty for sRGB."""
    if rendition.profile == "srgb" or original.data is None:
        return original.subject, b""
    photograph, profile = decode_native(original.data, max_pixels=original.max_pixels)
    if not profile:
        return original.subject, b""
    light = light_of(profile)
    curve = SRGB if light is None else Curve.of(light)
    if original.subject.photograph is None:
        return original.subject.recoloured(photograph.rgb, curve), profile
    return Subject.of(photograph, original.subject.alpha, curve), profile


def _check_frame(subject: Subject, rendition: Rendition, max_pixels: int) -> None:
    """Raise ImageRejected if the picture would have more pixels than the site or its format allows."""
    box = product_box(subject.alpha)
    if box is None:
        return
    placement = place(box, rendition)
    told = f"{rendition.name} has {placement.width_px}×{placement.height_px} px"
    if rendition.suffix == ".webp" and max(placement.width_px, placement.height_px) > _LONGEST_WEBP:
        raise ImageRejected(
            RejectionReason.PICTURE_TOO_LARGE,
            f"{told}, and WebP allows {_LONGEST_WEBP} px per side: use another format",
        )
    if placement.width_px * placement.height_px > max_pixels:
        raise ImageRejected(RejectionReason.PICTURE_TOO_LARGE, f"{told}, {max_pixels} px are allowed")


def _on_ground(rendition: Rendition, profile: bytes, max_pixels: int) -> tuple[Rendition, Bytes | None]:
    """The rendition and the picture that covers its ground, if it has one, both in the colours of `profile`; empty for
    sRGB."""
    picture = _ground(rendition, max_pixels)
    if not profile:
        return rendition, picture
    if rendition.ground is not None:
        red, green, blue = from_srgb(np.array([[rendition.ground]], np.uint8), profile)[0, 0].tolist()
        rendition = rendition.model_copy(update={"ground": (red, green, blue)})
    return rendition, None if picture is None else from_srgb(picture, profile)


def _ground(rendition: Rendition, max_pixels: int) -> Bytes | None:
    return None if rendition.ground_image is None else _decoded(rendition.ground_image, max_pixels)


@lru_cache(maxsize=4)
def _decoded(data: bytes, max_pixels: int) -> Bytes:
    """Where the picture is transparent, it is white."""
    picture = decode(data, max_pixels=max_pixels)
    return picture.rgb if picture.alpha is None else composed(np.dstack([picture.rgb, picture.alpha]), _WHITE)

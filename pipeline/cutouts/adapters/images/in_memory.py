"""Converts pictures in memory (NumPy arrays and Pillow images) to a `Photograph`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cutouts.adapters.images.decode import photograph_of
from cutouts.adapters.images.limits import check_size
from cutouts.adapters.images.raster import Colours, Raster, Samples, Space, eight_bit
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Photograph
from cutouts.core.rejection_reasons import RejectionReason

if TYPE_CHECKING:
    from PIL.Image import Image

    PillowImage: TypeAlias = Image

_ORIENTATION = 0x0112
"""The EXIF tag for the orientation of a picture."""
_SPACES = {1: Space.GREY, 3: Space.RGB, 4: Space.RGB}
_AS_STORED = {"L": Space.GREY, "I;16": Space.GREY, "I;16B": Space.GREY, "RGB": Space.RGB, "CMYK": Space.CMYK}
"""Pillow modes whose pixels are used unchanged."""
_WITH_ALPHA = frozenset({"LA", "PA", "RGBA", "RGBa"})
_WITHOUT_ALPHA = frozenset({"1", "P", "RGBX", "YCbCr", "HSV"})


def is_pillow(image: object) -> bool:
    """Whether it is a Pillow image. This does not import Pillow."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(image, pillow.Image)


def of_array(pixels: NDArray[Any], *, max_pixels: int) -> Photograph:
    """The photograph in an array: uint8 or uint16; H×W (grey), H×W×3 (sRGB) or H×W×4 (sRGB, straight alpha).

    Raises ImageRejected for any other type or shape, and if it is too large or too small.
    """
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    if (
        pixels.dtype.newbyteorder("=") not in (np.uint8, np.uint16)
        or planes.ndim != 3
        or planes.shape[2] not in _SPACES
    ):
        raise ImageRejected(
            RejectionReason.UNSUPPORTED,
            f"an array of {pixels.dtype} with the shape {pixels.shape}: expected uint8 or uint16, and H×W (grey), "
            "H×W×3 (RGB) or H×W×4 (RGBA)",
        )
    check_size((planes.shape[1], planes.shape[0]), max_pixels=max_pixels)
    return photograph_of(_raster(planes, _SPACES[planes.shape[2]]))


def of_pillow(image: Image, *, max_pixels: int) -> Photograph:
    """The photograph in a Pillow image, with its colour profile and EXIF orientation applied.

    Raises ImageRejected for modes without a fixed range (`I`, `F`) and for `LAB`, and if it is too large or too small.
    """
    check_size(image.size, max_pixels=max_pixels)
    planes, space = _planes(image)
    return photograph_of(
        _raster(
            planes,
            space,
            profile=image.info.get("icc_profile") or b"",
            orientation=_orientation(image),
        )
    )


def _planes(image: Image) -> tuple[NDArray[Any], Space]:
    """Its pixels, H×W×C, and what they mean."""
    if image.mode.startswith("I;16") and "transparency" in image.info:
        grey = np.asarray(image)  # Pillow would convert all that is brighter than 255 of 65535 to white
        alpha = np.where(grey == image.info["transparency"], 0, 65535).astype(grey.dtype)
        return np.dstack([grey, grey, grey, alpha]), Space.RGB
    shown = _shown(image)
    pixels = np.asarray(shown)
    space = Space.RGB if shown.mode == "RGBA" else _AS_STORED[shown.mode]
    return (pixels if pixels.ndim == 3 else pixels[..., None]), space


def _shown(image: Image) -> Image:
    """The image in one of the modes in `_AS_STORED`, or in RGBA. Raises ImageRejected for any other mode."""
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in _WITHOUT_ALPHA:
        return image.convert("L" if image.mode == "1" else "RGB")
    if image.mode in _AS_STORED:
        return image
    raise ImageRejected(
        RejectionReason.UNSUPPORTED,
        f"a Pillow image in the mode {image.mode}: convert it to L, RGB, RGBA or CMYK first",
    )


def _raster(planes: NDArray[Any], space: Space, *, profile: bytes = b"", orientation: int = 1) -> Raster:
    """A raster of the planes, H×W×C. In RGB, a fourth plane is alpha."""
    samples: Samples = np.ascontiguousarray(planes, planes.dtype.newbyteorder("="))
    alpha = eight_bit(np.ascontiguousarray(samples[..., 3])) if space is Space.RGB and samples.shape[2] == 4 else None
    if samples.shape[2] == 1:
        samples = samples[..., 0]
    elif alpha is not None:
        samples = np.ascontiguousarray(samples[..., :3])
    return Raster(samples=samples, space=space, alpha=alpha, colours=Colours(profile=profile), orientation=orientation)


def _orientation(image: Image) -> int:
    stated = image.getexif().get(_ORIENTATION, 1)
    return stated if isinstance(stated, int) and 1 <= stated <= 8 else 1

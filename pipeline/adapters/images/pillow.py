"""The door to Pillow: every picture that is not an ordinary JPEG. Pillow's global switches are never touched.

Plugins are opened directly, not through `Image.open`: the format is already known, and `Image.open` judges sizes by a
process-wide limit and a warning, while ours are judged by the site's limit before anything is opened.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageChops, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from pipeline.adapters.images import tiff
from pipeline.adapters.images.colour import to_srgb
from pipeline.adapters.images.container import colour_note
from pipeline.adapters.images.formats import Format
from pipeline.adapters.images.limits import check_size
from pipeline.core.errors import ImageRejected
from pipeline.core.pixels import Bytes
from pipeline.core.records import RejectionReason

_PLUGINS: dict[Format, type[ImageFile.ImageFile]] = {
    Format.JPEG: JpegImageFile,
    Format.PNG: PngImageFile,
    Format.WEBP: WebPImageFile,
    Format.AVIF: AvifImageFile,
    Format.TIFF: TiffImageFile,
    Format.GIF: GifImageFile,
    Format.BMP: BmpImageFile,
}
_BAD_DATA = (
    OSError,  # truncated or broken data, also UnidentifiedImageError
    SyntaxError,  # a header that is not what it says
    ValueError,
    EOFError,  # no first frame, libheif
    IndexError,
    KeyError,  # a pixel layout without a name
    TypeError,  # tags of the wrong type
    OverflowError,
    RuntimeError,  # libheif and libwebp; NotImplementedError too
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on bad data, by their sources and by feeding them damaged files."""
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_UNSUPPORTED = re.compile(r"unsupported|not supported|cannot handle|unknown|not available|not implemented", re.I)
_MODES = {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}
_COLOURS = frozenset({"L", "RGB", "CMYK", "LAB"})
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """A picture as stored: sRGB uint8 H×W×3, alpha uint8 H×W or None, EXIF orientation still to be applied, notes."""

    rgb: Bytes
    alpha: Bytes | None
    orientation: int
    notes: tuple[str, ...]


def read(data: bytes, form: Format, *, max_pixels: int) -> Raster:
    """The first picture of `data`, which is of format `form`. Raises ImageRejected."""
    try:
        return _read(data, form, max_pixels)
    except _BOMBS as error:
        raise ImageRejected(RejectionReason.TOO_LARGE, str(error)) from error
    except _BAD_DATA as error:
        words = str(error) or type(error).__name__
        reason = RejectionReason.UNSUPPORTED if _UNSUPPORTED.search(words) else RejectionReason.TRUNCATED
        raise ImageRejected(reason, f"{form.value}: {words}") from error


def _read(data: bytes, form: Format, max_pixels: int) -> Raster:
    with _open(data, form) as image:
        check_size(image.size, max_pixels=max_pixels)
        notes = _frames(image, form)
        image.load()
        check_size(image.size, max_pixels=max_pixels)
        colour, alpha = _planes(image, form)
        profile = image.info.get("icc_profile") or b""
        rgb, said = to_srgb(colour, profile)
        if form in (Format.AVIF, Format.HEIC) and not profile and (words := colour_note(data)):
            said = (*said, words)
        # Pillow turns a TIFF and libheif a HEIC while loading; AVIF's own rotation arrives as EXIF
        turned = form is Format.TIFF or form is Format.HEIC
        orientation = 1 if turned else tiff.orientation(image.info.get("exif") or b"")
    opaque = alpha is None or alpha.getextrema() == (255, 255)
    return Raster(
        rgb=rgb,
        alpha=None if alpha is None or opaque else np.array(alpha),
        orientation=orientation,
        notes=notes + said,
    )


def _open(data: bytes, form: Format) -> ImageFile.ImageFile:
    """The plugin's image, header read, nothing decoded yet."""
    if form is Format.HEIC:
        from pillow_heif.as_plugin import HeifImageFile  # 70 ms that other formats do not wait for

        heic: ImageFile.ImageFile = HeifImageFile(BytesIO(data))
        return heic
    return _PLUGINS[form](BytesIO(data))


def _frames(image: ImageFile.ImageFile, form: Format) -> tuple[str, ...]:
    count = int(getattr(image, "n_frames", 1))
    if count < 2:
        return ()
    if form is Format.TIFF:
        return (f"it has {count} pages: only the first is used",)
    if form is Format.HEIC:
        return (f"it holds {count} pictures: only the main one is used",)
    return (f"it is animated ({count} frames): only the first is used",)


def _planes(image: Image.Image, form: Format) -> tuple[Image.Image, Image.Image | None]:
    """Colour as mode L, RGB, CMYK or LAB, and alpha as mode L or None."""
    if image.mode.startswith("I;16"):
        return _eight_bit(image, form), _keyed(image)
    if form is Format.JPEG and image.mode == "CMYK" and "adobe" not in image.info:
        return ImageChops.invert(image), None  # Pillow inverts all; only Adobe's are stored inverted (libjpeg.txt)
    if image.has_transparency_data and image.mode not in ("LA", "RGBA"):
        image = image.convert("LA" if image.mode in ("1", "L", "La") else "RGBA")
    elif image.mode in _MODES:
        image = image.convert(_MODES[image.mode])
    if image.mode in ("LA", "RGBA"):
        return image.convert(image.mode.removesuffix("A")), image.getchannel("A")
    if image.mode not in _COLOURS:
        words = f"{form.value} with pixels of type {image.mode} (32 bit or floating point)"
        raise ImageRejected(RejectionReason.UNSUPPORTED, words)
    return image, None


def _keyed(image: Image.Image) -> Image.Image | None:
    """Alpha of 16-bit grey in which one value stands for transparent, which Pillow does not convert."""
    key = image.info.get("transparency")
    return (
        Image.fromarray(np.where(np.asarray(image) == key, 0, 255).astype(np.uint8)) if isinstance(key, int) else None
    )


def _eight_bit(image: Image.Image, form: Format) -> Image.Image:
    """Grey of up to 16 bit scaled to 8: the upper bits, as Pillow does for 16-bit colour."""
    values = np.asarray(image).astype(np.uint16)
    tags = getattr(image, "tag_v2", {}) if form is Format.TIFF else {}
    bits = int(tags.get(_BITS_PER_SAMPLE, (16,))[0])
    grey = (values >> max(bits - 8, 0)).astype(np.uint8)
    return Image.fromarray(255 - grey if tags.get(_PHOTOMETRIC, 1) == 0 else grey)

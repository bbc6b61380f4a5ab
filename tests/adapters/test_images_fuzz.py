"""Whatever bytes arrive, decoding gives a photograph or a rejection and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from cutouts.adapters.images import decode, decode_bytes, read_size
from cutouts.core.errors import ImageRejected
from tests.adapters.pictures import exif, scene, srgb, written
from tests.adapters.png_writer import png

FILES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "jpeg": ("JPEG", "RGB", {"exif": exif(6), "icc_profile": srgb()}),
    "progressive": ("JPEG", "RGB", {"progressive": True}),
    "restarts": ("JPEG", "RGB", {"restart_marker_blocks": 3}),
    "grey jpeg": ("JPEG", "L", {}),
    "cmyk": ("JPEG", "CMYK", {}),
    "png": ("PNG", "RGBA", {"exif": exif(6), "icc_profile": srgb()}),
    "palette": ("PNG", "P", {}),
    "apng": ("PNG", "RGB", {"save_all": True, "append_images": [Image.fromarray(scene(40, 32))]}),
    "webp": ("WEBP", "RGBA", {"exif": exif(6), "icc_profile": srgb()}),
    "lossless webp": ("WEBP", "RGB", {"lossless": True}),
    "moving webp": ("WEBP", "RGB", {"save_all": True, "append_images": [Image.fromarray(255 - scene(40, 32))]}),
    "avif": ("AVIF", "RGBA", {"exif": exif(6), "icc_profile": srgb()}),
    "heic": ("HEIF", "RGB", {"exif": exif(6), "icc_profile": srgb()}),
    "heic with alpha": ("HEIF", "RGBA", {}),
    "tiff": ("TIFF", "RGB", {"icc_profile": srgb()}),
    "lzw": ("TIFF", "RGBA", {"compression": "tiff_lzw"}),
    "packbits": ("TIFF", "RGB", {"compression": "packbits"}),
    "jpeg tiff": ("TIFF", "RGB", {"compression": "jpeg"}),
    "group 3": ("TIFF", "1", {"compression": "group3"}),
    "group 4": ("TIFF", "1", {"compression": "group4"}),
    "zstd": ("TIFF", "CMYK", {"compression": "zstd"}),
    "gif": ("GIF", "P", {}),
    "moving gif": ("GIF", "P", {"save_all": True, "append_images": [Image.fromarray(255 - scene(40, 32))]}),
    "bmp": ("BMP", "RGB", {}),
    "palette bmp": ("BMP", "P", {}),
}


def made() -> dict[str, bytes]:
    """Files that Pillow does not write."""
    deep = scene(40, 32).astype(np.uint16) * 257
    return {
        "interlaced png": png(deep, 16, 2, {"tRNS": b"\1\2\3\4\5\6", "gAMA": b"\0\1\0\0"}, interlaced=True),
        "small palette png": png(
            scene(40, 32)[..., :1] // np.uint8(64), 2, 3, {"PLTE": bytes(range(12)), "tRNS": b"\0\x80"}
        ),
        "tiles": tiff(deep, photometric="rgb", tile=(16, 16), compression="zlib", predictor=True, byteorder=">"),
        "planes": tiff(deep.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate", rowsperstrip=8),
        "12 bit tiff": tiff(deep >> 4, photometric="rgb", bitspersample=12),
        "palette tiff": tiff(
            scene(40, 32)[..., 0].copy(), photometric="palette", colormap=np.ones((3, 256), np.uint16)
        ),
        "lab tiff": tiff(deep, photometric="cielab", bigtiff=True),
        "webp tiff": tiff(scene(40, 32), photometric="rgb", compression="webp"),
    }


def tiff(samples: np.ndarray[Any, Any], **options: Any) -> bytes:
    """A TIFF by tifffile."""
    target = BytesIO()
    tifffile.imwrite(target, samples, **options)
    return target.getvalue()


def original(name: str) -> bytes:
    """The whole file of that name."""
    if name not in FILES:
        return made()[name]
    form, mode, options = FILES[name]
    return written(Image.fromarray(scene(40, 32)).convert(mode), form, **options)


def damaged(data: bytes, seed: int) -> Iterator[bytes]:
    """`data` cut off, zeroed, with other bytes and bits, with pieces twice, missing and exchanged."""
    random = np.random.default_rng(seed)
    for end in range(1, len(data), max(1, len(data) // 30)):
        yield data[:end]
        yield data[:end] + bytes(len(data) - end)
    for _ in range(100):
        changed = bytearray(data)
        reach = len(data) if random.random() < 0.4 else min(len(data), 600)
        for place in random.integers(0, reach, 4):
            changed[place] = random.choice([0, 255, random.integers(256), changed[place] ^ (1 << random.integers(8))])
        yield bytes(changed)
    for _ in range(40):
        first, second, third = np.sort(random.integers(0, len(data), 3))
        yield data[:second] + data[first:second] + data[second:]
        yield data[:first] + data[second:]
        yield data[:first] + data[second:third] + data[first:second] + data[third:]


def survives(data: bytes) -> bool:
    """Whether `data` gives a photograph; any exception other than ImageRejected goes through."""
    read_size(data)
    decode_bytes(data)
    try:
        photograph = decode(data, max_pixels=1_000_000)
    except ImageRejected:
        return False
    alpha = photograph.alpha
    return photograph.rgb.ndim == 3 and (alpha is None or alpha.shape == photograph.rgb.shape[:2])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [*FILES, *made()])
def test_damaged_files_are_photographs_or_rejections(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Each file takes a bounded time, and nothing is warned about or written to stderr."""
    data = original(name)
    assert survives(data)
    for variant in damaged(data, seed=11):
        began = time.thread_time()
        survives(variant)
        assert time.thread_time() - began < 5
    assert capfd.readouterr() == ("", "")

"""Whatever bytes arrive, decoding gives a photograph or a rejection, never anything else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.adapters.images import decode, read_size
from pipeline.core.errors import ImageRejected
from tests.adapters.pictures import exif, scene, srgb, written

FILES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "jpeg": ("JPEG", "RGB", {"exif": exif(6), "icc_profile": srgb()}),
    "progressive": ("JPEG", "RGB", {"progressive": True}),
    "cmyk": ("JPEG", "CMYK", {}),
    "png": ("PNG", "RGBA", {"exif": exif(6), "icc_profile": srgb()}),
    "palette": ("PNG", "P", {}),
    "webp": ("WEBP", "RGBA", {"exif": exif(6), "icc_profile": srgb()}),
    "lossless webp": ("WEBP", "RGB", {"lossless": True}),
    "avif": ("AVIF", "RGBA", {"exif": exif(6), "icc_profile": srgb()}),
    "heic": ("HEIF", "RGB", {"exif": exif(6), "icc_profile": srgb()}),
    "tiff": ("TIFF", "RGB", {"icc_profile": srgb()}),
    "lzw": ("TIFF", "RGBA", {"compression": "tiff_lzw"}),
    "jpeg tiff": ("TIFF", "RGB", {"compression": "jpeg"}),
    "group 4": ("TIFF", "1", {"compression": "group4"}),
    "gif": ("GIF", "P", {}),
    "bmp": ("BMP", "RGB", {}),
}


def survives(data: bytes) -> bool:
    """Whether `data` gives a photograph; any exception other than ImageRejected goes through."""
    read_size(data)
    try:
        photograph = decode(data, max_pixels=1_000_000)
    except ImageRejected:
        return False
    return photograph.rgb.ndim == 3


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_photographs_or_rejections(name: str) -> None:
    """Cut off, zeroed and flipped at many places; the file itself is a photograph."""
    form, mode, options = FILES[name]
    data = written(Image.fromarray(scene(40, 32)).convert(mode), form, **options)
    assert survives(data)
    random = np.random.default_rng(11)
    for end in range(1, len(data), max(1, len(data) // 40)):
        survives(data[:end])
        survives(data[:end] + bytes(len(data) - end))
    for _ in range(120):
        flipped = bytearray(data)
        reach = len(data) if random.random() < 0.4 else min(len(data), 600)
        for place in random.integers(0, reach, 4):
            flipped[place] = random.integers(0, 256)
        survives(bytes(flipped))

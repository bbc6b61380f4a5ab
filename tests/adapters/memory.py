"""Measures the memory that decoding takes: `python -m tests.adapters.memory` prints a line per kind."""

from __future__ import annotations

import ctypes
import os
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import Image

from cutouts.adapters.images import decode, decode_bytes
from tests.adapters.pictures import display_p3, scene, written

SIZE = 1600, 1200


def kinds() -> dict[str, bytes]:
    """Large files whose decoding takes memory in different ways."""
    rgb = cv2.resize(scene(), SIZE)
    deep = rgb.astype(np.uint16) * 257
    rgba = np.dstack([rgb, rgb[..., 0]])
    return {
        "jpeg": written(rgb, "JPEG"),
        "progressive jpeg": written(rgb, "JPEG", progressive=True),
        "jpeg with a profile": written(rgb, "JPEG", icc_profile=display_p3()),
        "cmyk jpeg": written(Image.fromarray(rgb).convert("CMYK"), "JPEG"),
        "png": written(rgb, "PNG", compress_level=1),
        "grey png": written(rgb[..., 0].copy(), "PNG", compress_level=1),
        "16 bit png": cv2.imencode(".png", np.dstack([deep, deep[..., 0]]))[1].tobytes(),
        "webp": written(rgba, "WEBP", method=0),
        "avif": written(rgba, "AVIF", speed=10),
        "heic": written(rgba, "HEIF", quality=50),
        "gif": written(Image.fromarray(rgb).quantize(64), "GIF"),
        "bmp": written(rgb, "BMP"),
        "32 bit bmp": cv2.imencode(".bmp", rgba)[1].tobytes(),
        "tiff": tiff(rgb, photometric="rgb"),
        "16 bit tiff": tiff(deep, photometric="rgb", compression="zlib"),
        "premultiplied tiff": tiff(np.dstack([deep, deep[..., 0]]), photometric="rgb", extrasamples=["assocalpha"]),
        "12 bit tiff": tiff(deep >> 4, photometric="rgb", bitspersample=12),
        "lab tiff": tiff(rgb, photometric="cielab"),
    }


def tiff(samples: np.ndarray[Any, Any], **options: Any) -> bytes:
    """A TIFF by tifffile."""
    target = BytesIO()
    tifffile.imwrite(target, samples, **options)
    return target.getvalue()


def measured(data: bytes) -> int:
    """The peak growth of the process while it decoded `data` (B), `data` included."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    photograph = decode(data, max_pixels=10_000_000)
    return _status("VmHWM") - before + len(data) if photograph.size == SIZE else -1


def _status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) * 1024 if found else -1


def main() -> None:
    """Print name, estimate and measurement of each kind, each in a child that has decoded small files before."""
    files = kinds()
    for form in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "TIFF"):
        decode(written(scene(), form), max_pixels=10_000)
    for name, data in files.items():
        if os.fork() == 0:
            print(f"{name}\t{decode_bytes(data)}\t{measured(data)}", flush=True)  # noqa: T201 - its only result
            os._exit(0)
        os.wait()


if __name__ == "__main__":
    main()

"""Tables of products and of scenes for `cutouts composites`, made from stamps, renders and scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_WRONG = Path(__file__).with_name("wrong-masks.txt")
SHORTEST_STAMP = 150
"""A stamp whose longer side has fewer pixels is left out."""
FEWEST_INSIDE = 3000
"""A stamp with fewer opaque pixels is left out."""
COLOURS = 0.25
"""Drawings have fewer different colours than this share of their opaque pixels; photographs have more."""
LARGEST = 640
"""The longer side of a product (px)."""
MARGIN = 2
"""What is kept around a render's product (px)."""
LOSSLESS = (cv2.IMWRITE_WEBP_QUALITY, 101)


def stamps(folder: Path, file: Path) -> None:
    """Write the stamps of `folder` that are photographs as a table of products. Raises ValueError without any."""
    rows = [
        _product(path.relative_to(folder).with_suffix("").as_posix().replace("/", "_"), folder.name, bgra)
        for path, bgra in _photographs(folder)
    ]
    _write(rows, file, f"{folder} has no stamps that are photographs")


def rendered_products(tables: Sequence[Path], file: Path) -> None:
    """Write the opaque products of renders (`name, kind, image, alpha, coverage`) as a table of products."""
    rows = [
        _product(row["name"], "renders", cut)
        for table in tables
        for row in pq.read_table(table).to_pylist()
        if row["coverage"] is None and (cut := _cut(row)) is not None
    ]
    _write(rows, file, "there are no renders of opaque products")


def without_shops(backgrounds: Path, file: Path) -> None:
    """Write the scenes that surely have no product: not those of shops, where people hold one."""
    scenes = pq.read_table(backgrounds)
    pq.write_table(scenes.filter(pc.invert(pc.starts_with(scenes.column("name"), "shop/"))), file)


def wrong_masks() -> list[str]:
    """Patterns of the names of products whose known mask is wrong."""
    return [line for line in _WRONG.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def without_wrong_masks(products: Path, file: Path) -> None:
    """Write `products` without those whose known mask is wrong. Raises ValueError if there are none of these."""
    table, wrong = pq.read_table(products), wrong_masks()
    right = [not any(fnmatchcase(name, one) for one in wrong) for name in table.column("name").to_pylist()]
    if all(right):
        raise ValueError(f"{products} has none of the products of {_WRONG.name}: look at its masks and change it")
    pq.write_table(table.filter(pa.array(right)), file)


def _photographs(folder: Path) -> Iterator[tuple[Path, Pixels]]:
    for path in sorted(folder.rglob("*.png")):
        bgra = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if "cartoon" not in path.parts and bgra is not None and bgra.ndim == 3 and bgra.shape[2] == 4:
            pixels = np.asarray(bgra, np.uint8)
            if _is_photograph(pixels):
                yield path, pixels


def _is_photograph(bgra: Pixels) -> bool:
    alpha = bgra[..., 3]
    inside = bgra[alpha > 250][:, :3].astype(np.int64)
    if max(alpha.shape) < SHORTEST_STAMP or len(inside) < FEWEST_INSIDE or (alpha < 10).mean() < 0.03:
        return False
    colours = len(np.unique(inside @ np.asarray([1, 256, 65536]))) / len(inside)
    return 0.05 < (alpha > 127).mean() < 0.97 and colours >= COLOURS


def _cut(row: dict[str, Any]) -> Pixels | None:
    """The product of a render with its alpha, cropped, uint8 BGRA; None if hardly anything of it is seen."""
    alpha = _decoded(row["alpha"], cv2.IMREAD_GRAYSCALE)
    ys, xs = np.nonzero(alpha > 10)
    if len(ys) < FEWEST_INSIDE:
        return None
    rows = slice(max(0, ys.min() - MARGIN), ys.max() + 1 + MARGIN)
    columns = slice(max(0, xs.min() - MARGIN), xs.max() + 1 + MARGIN)
    return np.dstack([_decoded(row["image"], cv2.IMREAD_COLOR), alpha])[rows, columns]


def _decoded(data: bytes, flag: int) -> Pixels:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    if pixels is None:
        raise ValueError("a picture of the table cannot be decoded")
    return np.asarray(pixels, np.uint8)


def _product(name: str, source: str, bgra: Pixels) -> dict[str, object]:
    factor = LARGEST / max(bgra.shape[:2])
    if factor < 1:
        bgra = np.asarray(cv2.resize(bgra, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    encoded, data = cv2.imencode(".webp", bgra, LOSSLESS)
    if not encoded:
        raise ValueError(f"{name} cannot be encoded")
    sides = {"top": bgra[0], "bottom": bgra[-1], "left": bgra[:, 0], "right": bgra[:, -1]}
    touching = {f"touches_{side}": bool((line[:, 3] > 127).mean() > 0.04) for side, line in sides.items()}
    return {"name": name, "source": source, "rgba_webp": data.tobytes(), **touching}


def _write(rows: list[dict[str, object]], file: Path, otherwise: str) -> None:
    if not rows:
        raise ValueError(otherwise)
    pq.write_table(pa.Table.from_pylist(rows), file)

"""Renders 3D models as product photographs with exact mattes, for `cutouts train` and `cutouts composites`.

    make setup-render
    .venv-render/bin/python -m examples.render_models models renders/train-1.parquet --count 100 --seed 1

MODELS is a folder with GLB, OBJ, PLY or STL files, or a CSV file with the columns `file` and `name`. The rows of the
table are `name`, `model`, `kind`, `image` (WebP), `alpha` (PNG), `coverage` (PNG; only of glass) and `seconds`. The
same arguments give the same scenes. A scene that cannot be rendered is reported, and the others are rendered. The exit
status is then 1.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from examples.render_models.models import Model, listed
from examples.render_models.passes import picture, planes, set_up
from examples.render_models.studio import KINDS, build

ROWS = pa.schema(
    [
        *((name, pa.string()) for name in ("name", "model", "kind")),
        *((name, pa.binary()) for name in ("image", "alpha", "coverage")),
        ("seconds", pa.float64()),
    ]
)
"""A row per picture; `coverage` is null without glass."""


def main() -> None:
    """Render the scenes, and write the table after each."""
    asked = _arguments()
    models, skies = listed(asked.models), sorted(asked.skies.iterdir()) if asked.skies else []
    rows: list[dict[str, Any]] = []
    for at in range(asked.count):
        kind = asked.kinds[at % len(asked.kinds)]
        name, began = f"{kind}-{asked.seed}-{at:04d}", time.monotonic()
        try:
            row = _rendered(models, kind, random.Random(f"{asked.seed}-{at}"), skies, asked)
        except (ValueError, RuntimeError, OSError) as error:
            print(f"{name} failed: {error}", file=sys.stderr)
            continue
        rows.append({"name": name, **row, "seconds": time.monotonic() - began})
        print(f"{name} {row['model']}: {rows[-1]['seconds']:.1f} s", file=sys.stderr, flush=True)
        _write(rows, asked.out)
    sys.exit(0 if len(rows) == asked.count else 1)


def _rendered(
    models: Sequence[Model], kind: str, rng: random.Random, skies: Sequence[Path], asked: argparse.Namespace
) -> dict[str, Any]:
    """A row of the table, without its name and time."""
    size = _size(rng, asked.size)
    set_up(*size, asked.threads)
    scene = build(models, kind, rng, size, skies)
    image = picture(asked.samples)
    alpha, coverage = planes(scene.backdrop, glass=scene.has_glass)
    return {
        "model": "+".join(scene.names),
        "kind": kind,
        "image": _encoded(image, "WEBP", quality=92),
        "alpha": _encoded(alpha, "PNG"),
        "coverage": None if coverage is None else _encoded(coverage, "PNG"),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "render_models", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, help="folder or CSV file of 3D models")
    parser.add_argument("out", type=Path, help="the Parquet table to write")
    parser.add_argument("--count", type=int, default=20, help="number of scenes (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other scenes (default: 1)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[*KINDS], help="kinds of scenes (default: all)")
    parser.add_argument("--skies", type=Path, help="folder of environment images (HDR) for busy scenes and glass")
    parser.add_argument("--size", type=int, default=512, help="longer side of the pictures in pixels (default: 512)")
    parser.add_argument("--samples", type=int, default=16, help="light paths per pixel (default: 16)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    return parser.parse_args()


def _size(rng: random.Random, longer: int) -> tuple[int, int]:
    """Width and height of a picture: square, or up to 4 : 3."""
    aspect = rng.choice([1, 1, 1, 0.8, 1.25, 0.75])
    return (longer, round(longer / aspect)) if aspect > 1 else (round(longer * aspect), longer)


def _encoded(pixels: Any, kind: str, **how: int) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, kind, **how)
    return sink.getvalue()


def _write(rows: list[dict[str, Any]], out: Path) -> None:
    """Write the table beside its place, and then move it there, so that nobody reads half of it."""
    half = out.with_name(f".{out.name}.part")
    pq.write_table(pa.Table.from_pylist(rows, schema=ROWS), half, compression="zstd")
    half.replace(out)


if __name__ == "__main__":
    main()

"""Cuts out every JPEG of a folder, four at a time, with one network.

    python examples/cut_folder.py photos pngs

An image that cannot be cut is reported, and the others are cut. The exit status is then 1.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cutouts


def cut_folder(photographs: Path, pngs: Path) -> dict[Path, str]:
    """Cut photographs/*.jpg into pngs/*.png. Returns the images that could not be cut, with the reasons."""
    cutter = cutouts.Cutter()
    failed: dict[Path, str] = {}

    def cut(photograph: Path) -> None:
        try:
            cutter.cut(photograph).save(pngs / f"{photograph.stem}.png")
        except cutouts.ImageRejected as error:
            failed[photograph] = str(error)

    with ThreadPoolExecutor(max_workers=4) as threads:
        list(threads.map(cut, sorted(photographs.glob("*.jpg"))))
    return failed


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/cut_folder.py PHOTOGRAPHS PNGS")
    problems = cut_folder(Path(sys.argv[1]), Path(sys.argv[2]))
    for path, reason in problems.items():
        print(f"{path}: {reason}", file=sys.stderr)
    sys.exit(1 if problems else 0)

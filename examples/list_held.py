"""Lists the images that a run did not publish, with the reasons.

    cutouts run photos --out result
    python examples/list_held.py result

Prints one line per image, held deliveries first: outcome, delivery, image and reasons, separated by tabs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq

NOT_PUBLISHED = ("held", "quarantined", "rejected")


def not_published(images: Path) -> list[str]:
    """The lines to print for a table `images.parquet`, one for each image that is not in the catalogue."""
    columns = ["outcome", "delivery_id", "image_id", "reasons"]
    table = pq.read_table(images, columns=columns, filters=[("outcome", "in", NOT_PUBLISHED)])
    rows = sorted(table.to_pylist(), key=lambda row: (NOT_PUBLISHED.index(row["outcome"]), row["delivery_id"]))
    return ["\t".join([*(row[name] for name in columns[:3]), "; ".join(row["reasons"])]) for row in rows]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/list_held.py FOLDER, where FOLDER is the --out of cutouts run")
    for line in not_published(Path(sys.argv[1]) / "images.parquet"):
        print(line)

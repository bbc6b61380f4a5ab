"""The figures of every image as a table: CSV for people, Parquet for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from cutouts.adapters.storage.ownership import write_ours
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import write_table
from cutouts.evaluation.measure import Evaluation
from cutouts.schemas.tables import EVALUATION

SUFFIXES = (".csv", ".parquet")


def write_rows(path: Path, evaluation: Evaluation) -> None:
    """Write a row per image and network, and a row per failure. The suffix decides the format. The file appears
    complete or not at all."""
    rows = [*_rows(evaluation)]
    if path.suffix == ".parquet":
        write_table(open_store(str(path.resolve().parent)), path.name, pa.Table.from_pylist(rows, schema=EVALUATION))
        return
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=EVALUATION.names)
    writer.writeheader()
    writer.writerows(rows)
    write_ours(path, text.getvalue().encode("utf-8", "surrogateescape"))


def _rows(evaluation: Evaluation) -> Iterator[dict[str, object]]:
    for one in evaluation.measured:
        yield {
            "images": one.images,
            "network": one.network,
            "name": one.name,
            **asdict(one.scores),
            "opened": one.opened,
            "mean": one.mean,
            "area": one.area,
            "seconds": one.seconds,
            "problem": None,
        }
    for lost in evaluation.failed:
        yield dict.fromkeys(EVALUATION.names) | asdict(lost)

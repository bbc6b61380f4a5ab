"""What a run has read, decided and done: frozen records, before anything of it is written to its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from cutouts.adapters.storage.manifests.files import allowed_by
from cutouts.core.decisions import GateDecision, Outcome
from cutouts.core.manifests.checks import Group
from cutouts.core.records import Receipt
from cutouts.core.text.display import stored_uri
from cutouts.report.contents import NO_DELIVERY, Refusal, RenditionRow, TruthRow
from cutouts.schemas.tables import IMAGES
from cutouts.stages import ChunkResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSource:
    """The source of a run: a manifest, and the folder that it was made from, if there was one."""

    manifest: str
    folder: Path | None

    def names_of(self, images: pa.Table) -> pa.ChunkedArray:
        """The names of images (`image_id`, stored `uri`) for a person: their path in the folder, or the URI."""
        return images.column("image_id" if self.folder else "uri")

    @property
    def allowed(self) -> tuple[str, ...]:
        """Where the photographs may be read from, besides the places that the site allows."""
        return (str(self.folder),) if self.folder else allowed_by(self.manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWork:
    """The work that a run did. Seconds by stage are summed over workers; `wall_seconds` is clock time."""

    images: int = 0
    model_batches: int = 0
    prepare_seconds: float = 0.0
    infer_seconds: float = 0.0
    finish_seconds: float = 0.0
    wall_seconds: float = 0.0

    @classmethod
    def of(cls, done: ChunkResult | Receipt) -> RunWork:
        """The work of a chunk or a shard, without clock time, which the caller measures."""
        return cls(
            images=done.images,
            model_batches=done.model_batches,
            prepare_seconds=done.prepare_seconds,
            infer_seconds=done.infer_seconds,
            finish_seconds=done.finish_seconds,
            wall_seconds=done.wall_seconds if isinstance(done, Receipt) else 0.0,
        )

    def __add__(self, other: RunWork) -> RunWork:
        return RunWork(**{name: getattr(self, name) + getattr(other, name) for name in RunWork.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Deliveries that the check of the manifest refused, and their rows (`date`, `image_id`, `delivery_id`, `uri`).

    `of` is the number of all rows of the manifest, good and bad.
    """

    refused: tuple[Refusal, ...]
    rows: pa.Table
    of: int

    def images(self, source: RunSource) -> pa.Table:
        """Their rows as `IMAGES`: rejected, with the problem of their delivery."""
        why: dict[Group, list[str]] = {}
        for one in self.refused:
            why.setdefault(one.group, []).append(f"its delivery was refused: {one.problem}")
        rows = [
            {
                "image_id": row["image_id"] or "",
                "delivery_id": row["delivery_id"] or NO_DELIVERY,
                "date": row["date"],
                "source": (row["image_id"] if source.folder else stored_uri(row["uri"] or "")) or "",
                "outcome": str(Outcome.REJECTED),
                "reasons": why[row["date"], row["delivery_id"]],
                "notes": [],
            }
            for row in self.rows.to_pylist()
        ]
        return pa.Table.from_pylist(rows, schema=IMAGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """A run whose deliveries are judged: its source, the decisions and the work; the refused deliveries if its manifest
    was checked, the comparison with known mattes, and the renditions that were made."""

    source: RunSource
    decisions: tuple[GateDecision, ...]
    work: RunWork
    refusals: Refusals | None = None
    truth: tuple[TruthRow, ...] = ()
    renditions: tuple[RenditionRow, ...] = ()

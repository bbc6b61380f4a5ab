"""Data for reports: pictures in a folder, decisions and metrics of a small run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from cutouts.core.decisions import ExpectationOutcome, GateDecision, Outcome, Verdict
from cutouts.core.records import DeliveryKey, RecipeDigests
from cutouts.report import Report, RunSummary
from cutouts.schemas.tables import IMAGES, METRICS

NO_PRODUCT = "the network sees no product (it is at most 50% sure anywhere)"
_MEASURED = METRICS.append(IMAGES.field("date")).append(IMAGES.field("delivery_id"))
_RECIPE = RecipeDigests(matte_digest="0a1b2c3d4e5f6071", render_digest="1122334455667788")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One image of an invented run: its name, outcome, reasons and the network's confidence (None: not measured)."""

    source: str
    outcome: Outcome = Outcome.PUBLISHED
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    peak: float | None = 0.99
    delivery_id: str = "studio-a"
    day: date = date(2026, 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The folder that the report is written to, and how it reads photographs."""

    folder: Path

    def read(self, source: str) -> bytes:
        """A photograph's bytes; every name that does not exist is the same red disc."""
        named = self.folder / "sources" / source
        return (named if named.is_file() else self.folder / "disc.jpg").read_bytes()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A red disc on grey: its photograph, its mask and its cutout."""
    return _run(tmp_path)


@pytest.fixture(scope="session")
def shared_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same for reports that several tests read and none changes."""
    return _run(tmp_path_factory.mktemp("report"))


def _run(folder: Path) -> Run:
    mask = np.zeros((300, 400), np.uint8)
    cv2.circle(mask, (200, 150), 100, 255, -1, cv2.LINE_AA)
    red = np.full((300, 400, 3), (40, 40, 220), np.uint8)
    photograph = np.where(mask[..., None] > 127, red, 180).astype(np.uint8)
    cv2.imwrite(str(folder / "disc.jpg"), photograph)
    cv2.imwrite(str(folder / "mask.png"), mask)
    cv2.imwrite(str(folder / "cutout.png"), np.dstack([red, mask]))
    return Run(folder=folder)


@pytest.fixture(scope="session")
def make_report() -> Callable[[Sequence[Shown]], Report]:
    """Builds the report of some images, each delivery with its decision."""
    return _report


def _report(images: Sequence[Shown]) -> Report:
    deliveries = sorted({image.delivery_id for image in images})
    return Report(
        source="/data/autumn",
        made_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        summary=RunSummary(images=len(images), model_batches=3, images_per_second=4.5, **_counts(images)),
        decisions=tuple(_decision(name, [i for i in images if i.delivery_id == name]) for name in deliveries),
        images=pa.Table.from_pylist([_image(image) for image in images], IMAGES),
        metrics=pa.Table.from_pylist([_metrics(image) for image in images if image.peak is not None], _MEASURED),
        wall_seconds=12.5,
        seconds={"prepare": 1.0, "infer": 2.0, "finish": 0.5},
        about=(("network", "disc finder"), ("provider", "cpu")),
        thresholds={"saliency_peak": (0.5,)},
    )


def _counts(images: Sequence[Shown]) -> dict[str, int]:
    return {outcome.value: sum(image.outcome is outcome for image in images) for outcome in Outcome}


def _image(shown: Shown) -> dict[str, object]:
    pictured = shown.outcome is not Outcome.REJECTED
    public = shown.outcome in (Outcome.PUBLISHED, Outcome.SKIPPED)
    return {
        "image_id": shown.source,
        "delivery_id": shown.delivery_id,
        "date": shown.day,
        "source": shown.source,
        "outcome": shown.outcome.value,
        "reasons": list(shown.reasons),
        "cutout": "cutout.png" if public else None,
        "mask": "mask.png" if pictured else None,
        "p_bad": None,
        "notes": list(shown.notes),
    }


def _metrics(shown: Shown) -> dict[str, object]:
    measures = {"saliency_peak": shown.peak, "saliency_mean": 0.2, "coverage": 0.25, "soft_inside": 0.01}
    rest = {"components": 1, "frame_contact": 0.0, "edge_alignment": 0.9, "fringe": 2.5, "worst_doubt": 0.3}
    rest |= {"saliency_doubt": 0.01, "matte_doubt": 0.01, "islands": 0.0, "thin": 0.2, "holes": 0.0, "roughness": 0.1}
    rest |= {"edges_outside": 0.0, "background_known": 1.0, "left_behind": 0.0, "taken_along": 0.0, "shadow": 0.0}
    rest |= {"filled_holes": 0.0}
    keys = {
        "image_id": shown.source,
        "date": shown.day,
        "delivery_id": shown.delivery_id,
        "sha256": "0" * 64,
        "matte_digest": "m",
        "render_digest": "r",
    }
    return {**keys, **measures, **rest}


def _decision(delivery_id: str, images: Sequence[Shown]) -> GateDecision:
    counts = _counts(images)
    kept_back = Verdict.HOLD if counts["held"] else Verdict.PUBLISH_ALL_BUT_QUARANTINED
    expectation = ExpectationOutcome(
        expectation="expect_column_values_to_be_between",
        column="saliency_peak",
        action="quarantine",
        words=NO_PRODUCT,
        success=not counts["quarantined"],
        observed="0.02 to 0.99",
        failing=counts["quarantined"],
    )
    return GateDecision(
        gate_id="gate-1",
        judged="judged-1",
        plan_id="plan-1",
        delivery=DeliveryKey(date=date(2026, 1, 2), delivery_id=delivery_id),
        recipe=_RECIPE,
        verdict=kept_back if counts["held"] + counts["quarantined"] else Verdict.PUBLISH,
        reasons=(),
        images=len(images),
        expectations=(expectation,),
        full=False,
        suite="",
        promise=None,
        warnings=(),
        several=(),
        partial=False,
        **counts,
    )

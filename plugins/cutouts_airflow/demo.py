"""`python -m cutouts_airflow.demo`: sample photographs, or your own, through the real `catalog_refresh` DAG.

The mattes of the samples are known, so that the result can be compared with them. Most are drawn by the project, three
are real photographs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
import pyarrow.parquet as pq

from cutouts.adapters.images import decode
from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import read_record
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import ended
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.pixels import Floats
from cutouts.core.records import Plan, Receipt
from cutouts.core.table_paths import gate_file, plan_file, shard_file
from cutouts.core.text.counting import counted
from cutouts.intake import folder_manifest, take
from cutouts.metrics import boundary_iou, intersection_over_union, mean_absolute_error
from cutouts.report.contents import TruthRow
from cutouts.report.folder.finished_run import FinishedRun, RunSource, RunWork
from cutouts.report.folder.folder_claim import claim_folder, only_run, write_manifest
from cutouts.report.folder.run_folder import write_folder
from cutouts.samples import write_samples
from cutouts.steps import read_decision
from cutouts_airflow.home import settings_file
from cutouts_airflow.refresh import run_refresh

_PHOTOGRAPHS = "photographs"


@click.command()
@click.option("--out", default="demo", type=click.Path(file_okay=False, path_type=Path), show_default=True)
@click.option("--images", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Your own photographs.")
def demo(out: Path, images: Path | None) -> None:
    """Take photographs through plan → segment → gate → publish, as Airflow runs it, and say how good each matte is."""
    began = time.monotonic()
    root = out.resolve()
    folder = (images or root / _PHOTOGRAPHS).resolve()
    claim_folder(out, str(folder), more=() if images else (_PHOTOGRAPHS, f"{_PHOTOGRAPHS}-truth"))
    click.get_current_context().with_resource(only_run(out))
    site = load_site(settings_file(), root=str(root)).allowing(str(folder))
    truth = None if images else write_samples(folder)
    say(f"photographs: {folder}")
    source, deliveries = _delivered(site, folder, root)
    say(f"running the DAG catalog_refresh for {', '.join(deliveries)} …")
    gates = run_refresh(site, deliveries)
    tables = open_store(site.tables_url)
    decisions = tuple(read_decision(site, gate) for gate in gates.values())
    rows = tuple(_against_truth(root, truth, decisions)) if truth else ()
    done = FinishedRun(source=source, decisions=decisions, work=_work(tables, decisions), truth=rows)
    summary = write_folder(site, root, done)
    for row in rows:
        say(
            f"  {row.image_id:<28} IoU {row.intersection_over_union:.3f}  boundary IoU {row.boundary_iou:.3f}  "
            f"MAE {row.mean_absolute_error:.4f}"
        )
    say(
        f"{counted(summary.images, 'image')}: {summary.published} published, {summary.quarantined} quarantined, "
        f"{summary.held} held, {summary.rejected} rejected, {summary.skipped} skipped; "
        f"{time.monotonic() - began:.0f} s in all"
    )
    say(f"report:  {out / 'report.html'}")
    say(f"cutouts: {out / 'cutouts'}")


def _delivered(site: Site, folder: Path, root: Path) -> tuple[RunSource, list[str]]:
    """Make a manifest of the folder, and take its deliveries into the site. Returns the source and the deliveries'
    keys."""
    table, day = folder_manifest(folder, site, without=root if folder != root / _PHOTOGRAPHS else None)
    source = RunSource(manifest=str(write_manifest(root, table, day)), folder=folder)
    return source, [str(delivery) for delivery in take(site, source.manifest).accepted]


def _work(tables: Store, decisions: Sequence[GateDecision]) -> RunWork:
    plans = [read_record(tables, plan_file(one.plan_id, "plan.json"), Plan) for one in decisions]
    shards = [shard for plan in plans for shard in plan.shard_keys()]
    receipts = [read_record(tables, shard_file(shard, "receipt.json"), Receipt) for shard in shards]
    return sum(map(RunWork.of, receipts), RunWork())


def _against_truth(root: Path, truth: Path, decisions: Sequence[GateDecision]) -> Iterator[TruthRow]:
    """Compare each matte that was made with the known one."""
    for decision in decisions:
        table = pq.read_table(root / "tables" / gate_file(decision.gate_id, "outcomes.parquet"))
        for row in table.select(["image_id", "delivery_id", "mask"]).to_pylist():
            known = (truth / row["image_id"]).with_suffix(".png")
            if row["mask"] is None or not known.is_file():
                continue
            made, real = (_matte(path) for path in (root / "objects" / row["mask"], known))
            yield TruthRow(
                image_id=row["image_id"],
                delivery_id=row["delivery_id"],
                date=decision.delivery.date,
                intersection_over_union=intersection_over_union(made, real),
                boundary_iou=boundary_iou(made, real),
                mean_absolute_error=mean_absolute_error(made, real),
            )


def _matte(path: Path) -> Floats:
    """A grey PNG as float32 H×W, 0…1."""
    return decode(path.read_bytes(), max_pixels=100_000_000).rgb[..., 0].astype(np.float32) / np.float32(255)


if __name__ == "__main__":
    ended(lambda: demo.main(standalone_mode=False))

"""`cutouts bench plan`: what plan, gate and publish cost, by images and by the parts of the ledger."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.ownership import claim, write_ours
from cutouts.adapters.terminal import say
from cutouts.bench.plan_bench import STEPS, PlanBench, StepCost, as_json, as_text
from cutouts.cli.console.options import bench_option, config_option, counts
from cutouts.core.config import Site


@click.command()
@click.option(
    "--parts", callback=counts, default="1,100,1000", show_default=True, help="Parts of the ledger, made one by one."
)
@click.option("--per-part", type=click.IntRange(1), default=50, show_default=True, help="Images of each part.")
@click.option(
    "--images", type=click.IntRange(1), default=1000, show_default=True, help="Images of the delivery for --parts."
)
@click.option("--rows", callback=counts, default="100000", show_default=True, help="Images of a single large delivery.")
@click.option(
    "--until", type=click.Choice(STEPS), default=STEPS[-1], show_default=True, help="The last step that is measured."
)
@click.option("--store", metavar="URL", help="Where the ledgers are made.  [default: a temporary folder]")
@click.option("--catalog", metavar="URL", help="An empty database.  [default: SQLite in a temporary folder]")
@bench_option
@config_option
def plan(
    parts: tuple[int, ...],
    rows: tuple[int, ...],
    until: str,
    store: str | None,
    catalog: str | None,
    out: Path,
    config: str | None,
    **delivery: int,
) -> None:
    """Measure plan, gate and publish on ledgers made for it; no image is cut.

    First a delivery of known images over a ledger of many parts, one per earlier delivery: the first plan joins them.
    Then one large delivery: nothing known, all known, 10 % changed. Each step runs in a separate process. Writes
    seconds, memory at its peak and requests to S3 to OUT/plan.json. What it makes below --store stays there.

    \b
    cutouts bench plan
    cutouts bench plan --parts 1,20000 --rows 1000000
    cutouts bench plan --parts "" --rows 1000000 --catalog postgresql://user@host/empty
    cutouts bench plan --parts "" --rows 10000000 --until plan
    """
    if catalog and len(rows) > 1:
        raise click.UsageError("--catalog names one empty database: give one number for --rows")
    claim(out, ("plan.json",))
    measured = []
    with tempfile.TemporaryDirectory(prefix="cutouts-bench-") as folder:

        def bench(name: str) -> PlanBench:
            site = _site(config, Path(folder), store, catalog, name)
            return PlanBench(site=site, scratch=Path(folder), tell=_told, until=until)

        for one in _steps(bench, parts, rows, delivery):
            measured.append(one)
            _told(as_text([one]).splitlines()[-1].strip())
    write_ours(out / "plan.json", as_json(measured).encode())
    say(as_text(measured), lines=True)
    say(f"written: {out / 'plan.json'}")


def _site(config: str | None, scratch: Path, store: str | None, catalog: str | None, name: str) -> Site:
    root = str(scratch / name)
    where = {"root": root, "tables": f"{store.rstrip('/')}/{name}" if store else None, "catalog": catalog}
    return load_site(config).model_copy(update=where | {"objects": None, "manifests": None})


def _steps(
    bench: Callable[[str], PlanBench], parts: Sequence[int], rows: Sequence[int], delivery: Mapping[str, int]
) -> Iterator[StepCost]:
    """Measure one step after the other."""
    for count in parts:
        yield from bench(f"parts-{count}").measure_parts(count, **delivery)
    for count in rows:
        yield from bench(f"rows-{count}").measure_images(count)


def _told(words: str) -> None:
    say(f"… {words}", err=True)

"""`cutouts bench scale`: what limits many workers and large catalogues first."""

from __future__ import annotations

from pathlib import Path

import click

from cutouts.adapters.storage.ownership import claim, write_ours
from cutouts.adapters.terminal import say
from cutouts.bench.scale import as_json, as_text, forecast, read_costs
from cutouts.bench.scale_load import measure_load
from cutouts.cli.console.options import counts

_MILLION = 1_000_000


@click.command("scale")
@click.option("--workers", callback=counts, default="1,8,64", show_default=True, help="Numbers of workers.")
@click.option("--millions", callback=counts, default="1,10,100", show_default=True, help="Millions of images.")
@click.option(
    "--chunk-seconds",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="How long the work on a chunk of 32 images takes in the simulation.",
)
@click.option("--rounds", type=click.IntRange(1), default=10, show_default=True, help="Chunks for each worker.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("bench"),
    show_default=True,
    help="Where bench.json and plan.json are, and where to write.",
)
def scale(workers: tuple[int, ...], millions: tuple[int, ...], chunk_seconds: float, rounds: int, out: Path) -> None:
    """Measure Dask's scheduler with workers that only sleep, and forecast large catalogues.

    The forecast is computed from the costs that `cutouts bench` and `cutouts bench plan` wrote to OUT. For each number
    of images and workers it says how many hours everything takes, what limits it first, and what to change. Writes the
    same to OUT/scale.json.

    \b
    cutouts bench photos && cutouts bench plan && cutouts bench scale
    """
    claim(out, ("scale.json",))
    loads = []
    for count in workers:
        say(f"… {count} workers", err=True)
        loads.append(measure_load(count, chunk_seconds=chunk_seconds, rounds=rounds))
    costs = read_costs(out, loads)
    forecasts = [forecast(costs, images=many * _MILLION, workers=count) for many in millions for count in workers]
    write_ours(out / "scale.json", as_json(loads, costs, forecasts).encode())
    say(as_text(loads, forecasts), lines=True)
    say(f"written: {out / 'scale.json'}")

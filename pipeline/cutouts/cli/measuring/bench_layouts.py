"""`cutouts bench layouts`: which number of processes and which batch size is fastest, on GPUs too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.ownership import claim, write_ours
from cutouts.adapters.terminal import say
from cutouts.bench.layouts import LayoutRun, as_json, as_text, run_layouts
from cutouts.bench.network_alone import NetworkAlone
from cutouts.cli.console.options import bench_option, cluster_option, config_option, counts, provider_option
from cutouts.cli.console.progress import told_on_stderr


def _numbers(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Numbers of processes; 0 for `auto`."""
    names = [name.strip() for name in value.split(",")]
    return tuple(one for name in names for one in ((0,) if name == "auto" else counts(context, parameter, name)))


def _told(one: NetworkAlone | LayoutRun) -> None:
    """One line of progress for each measurement."""
    if isinstance(one, NetworkAlone):
        say(f"… {one.model} alone, batch {one.batch}: {one.images_per_second:.1f} images/s", err=True)
    else:
        say(f"… {one.model}, batch {one.run.batch}: {one.run.images_per_second:.1f} images/s", err=True)


@click.command("layouts")
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="IMAGES")
@click.option("--images", type=click.IntRange(1), default=512, show_default=True, help="Images for each layout.")
@click.option("--models", default="default", show_default=True, help="Names of the model table, with commas.")
@click.option(
    "--workers",
    callback=_numbers,
    default="auto,1,2",
    show_default=True,
    help="Numbers of worker processes; auto: as many as a run chooses by itself.",
)
@click.option("--batches", callback=counts, default="1,8", show_default=True, help="Images per model call.")
@cluster_option
@provider_option
@bench_option
@config_option
def layouts(
    source: Path,
    images: int,
    models: str,
    workers: tuple[int, ...],
    batches: tuple[int, ...],
    out: Path,
    **where: Any,
) -> None:
    """Cut IMAGES with each of the networks, numbers of worker processes and batch sizes.

    First measures each network alone, with each batch size. Then reports images per second, how busy cores and GPUs
    were, the stage that took longest, and what limits the whole. The cores are shared equally by the processes. Writes
    the same to OUT/layouts.json and OUT/layouts.md.

    \b
    cutouts bench layouts photos --workers auto,1,2,4
    cutouts bench layouts photos --cluster cuda --provider cuda --workers auto,1,2,4,8 --batches 1,8,16,32
    """
    site = load_site(where.pop("config"), **where)
    claim(out, ("layouts.json", "layouts.md"))
    with told_on_stderr("cutouts.runner"):
        report = run_layouts(
            site,
            source,
            images=images,
            models=[name.strip() for name in models.split(",")],
            workers=workers or (0,),
            batches=batches or (site.batch,),
            on_run=_told,
        )
    write_ours(out / "layouts.json", as_json(report).encode())
    write_ours(out / "layouts.md", f"{as_text(report)}\n".encode())
    say(as_text(report), lines=True)
    say(f"written: {out / 'layouts.json'}, {out / 'layouts.md'}")

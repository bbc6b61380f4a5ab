"""`cutouts bench serve`: the server under load."""

from __future__ import annotations

from pathlib import Path

import click

from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.ownership import claim, write_ours
from cutouts.adapters.storage.sources.folders import photographs
from cutouts.adapters.terminal import say
from cutouts.bench.machine import this_machine
from cutouts.bench.serve_bench import as_json, as_text, measure_serve
from cutouts.cli.console.options import bench_option, config_option, counts, network_options
from cutouts.core.errors import ConfigError
from cutouts.samples import write_samples


@click.command("serve")
@click.argument(
    "source", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="[IMAGES]"
)
@click.option(
    "--clients", callback=counts, default="1,4,16,50", show_default=True, help="Numbers of clients at a time."
)
@click.option("--requests", type=click.IntRange(1), default=200, show_default=True, help="Requests for each of them.")
@click.option("--workers", type=click.IntRange(1), help="Worker processes.  [default: the cores; 1 on a GPU]")
@click.option("--batch", type=click.IntRange(1, 256), help="Images per model call.  [default: 1; 8 on a GPU]")
@network_options
@bench_option
@config_option
def serve(
    source: Path | None,
    clients: tuple[int, ...],
    requests: int,
    out: Path,
    config: str | None,
    **settings: str | int | None,
) -> None:
    """Start `cutouts serve`, and send it the photographs in IMAGES (by default the demo's samples).

    Reports p50, p99 and images per second by the number of clients, beside decode, network and encode of one image on
    one core; and the memory of the server with its workers. The clients run on the same machine. Writes the same to
    OUT/serve.json.

    \b
    cutouts bench serve photos
    cutouts bench serve photos --clients 4 --requests 100000      (does memory stay flat?)
    """
    claim(out, ("serve.json", *(() if source else ("samples", "samples-truth"))))
    if source is None:
        write_samples(out / "samples")
    files = [path.read_bytes() for path in photographs(source or out / "samples", SUFFIXES).files]
    if not files:
        raise ConfigError("no image to measure with", [f"there are no images below {source}"])
    given = {"config": config, **settings}
    report = measure_serve(
        files,
        [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))],
        clients=clients,
        requests=requests,
        site=load_site(config, **settings),
        machine=this_machine(),
        on_load=lambda words: say(f"… {words}", err=True),
    )
    write_ours(out / "serve.json", as_json(report).encode())
    say(as_text(report), lines=True)
    say(f"written: {out / 'serve.json'}")

"""`cutouts bench rembg`: the same folder by `cutouts cut` and by rembg, in turns."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.ownership import claim, write_ours
from cutouts.adapters.terminal import say
from cutouts.bench.machine import this_machine
from cutouts.bench.rembg_bench import as_json, as_text, commands, race
from cutouts.cli.console.options import bench_option, config_option
from cutouts.models.table import folder


@click.command("rembg")
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="IMAGES")
@click.option(
    "--rembg",
    "program",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    required=True,
    help="The program `rembg`, installed in its own environment.",
)
@click.option("--network", default="u2netp", show_default=True, help="A network that both have; it must be pulled.")
@click.option("--models", default="default,default-int8", show_default=True, help="Networks of cutouts to add.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="How often each command runs.")
@bench_option
@config_option
def rembg(source: Path, program: Path, network: str, models: str, rounds: int, out: Path, config: str | None) -> None:
    """Time `cutouts cut` and rembg's folder mode on IMAGES, as whole commands in turns.

    Both cut every image at its full size, with the very same network file; ours also with its own networks. Writes the
    seconds of each round, the ratios within the rounds, and the bytes of the PNGs to OUT/rembg.json.

    \b
    python3 -m venv rembg-env && rembg-env/bin/pip install "rembg[cpu,cli]"
    cutouts models pull u2netp
    cutouts bench rembg photos --rembg rembg-env/bin/rembg
    """
    claim(out, ("rembg.json",))
    site = load_site(config)
    with tempfile.TemporaryDirectory(prefix="cutouts-bench-") as scratch:
        ours = [name for name in models.split(",") if name]
        where = str(folder(site.models).resolve())
        entrants = list(commands(ours, network, rembg=program, folder=where, scratch=Path(scratch)))
        result = race(
            source.resolve(),
            entrants,
            Path(scratch),
            rounds=rounds,
            network=network,
            machine=this_machine(),
            on_round=lambda name, seconds: say(f"… {name}: {seconds:.1f} s", err=True),
        )
    write_ours(out / "rembg.json", as_json(result).encode())
    say(as_text(result), lines=True)
    say(f"written: {out / 'rembg.json'}")

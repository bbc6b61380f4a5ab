"""`cutouts manifest`: makes a manifest of a folder of images."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pyarrow as pa

from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.site_settings import CONFIG_VARIABLE, HOME_FILE, load_site
from cutouts.adapters.storage.manifests.files import allowed_by
from cutouts.adapters.storage.ownership import require_free
from cutouts.adapters.storage.sources.folders import photographs
from cutouts.adapters.storage.sources.local_files import folder_allowed
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import write_table
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import config_option, one_argument
from cutouts.cli.console.progress import Tally
from cutouts.core.config import ENV_PREFIX, Site
from cutouts.core.errors import ManifestError
from cutouts.core.manifests.structure import FULL, SCOPE
from cutouts.core.text.counting import counted
from cutouts.core.text.display import command
from cutouts.intake import folder_manifest


def _parquet(_: click.Context, parameter: click.Parameter, value: Path) -> Path:
    if value.suffix != ".parquet":
        raise click.BadParameter(f"{value}: expected a name that ends in .parquet", param=parameter)
    return value


@click.command()
@one_argument("folder", "FOLDER", click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), callback=_parquet, help="The Parquet file to write."
)
@click.option("--full", is_flag=True, help="State that each delivery is complete.")
@config_option
def manifest(folder: Path, out: Path, full: bool, config: str | None) -> None:
    """Make a manifest from all images in FOLDER and below.

    image_id is the path relative to FOLDER, product_id is the same without the suffix, and delivery_id is the first
    folder in that path, or else FOLDER's name. Each file is read once, for its sha256 and size. The manifest is written
    completely or not at all.

    A manifest may name images below its own folder. If FOLDER is elsewhere and the site does not allow it yet, the
    command prints the setting that allows it.

    With --full, live images of a delivery that are not in FOLDER are withdrawn when the manifest is published.

    \b
    cutouts manifest photos -o manifests/today.parquet
    """
    site = load_site(config)
    found = photographs(folder, SUFFIXES)
    if full and found.closed:
        raise ManifestError(f"{folder} is not full: folders in it cannot be listed", found.closed)
    require_free([out], found.files, table="manifest")
    with Tally("manifest", len(found.files)) as tally:
        table, _ = folder_manifest(folder, site, on_image=lambda: tally.add("read"))
    if full:
        table = table.append_column(SCOPE, pa.repeat(pa.scalar(FULL), table.num_rows))
    write_table(open_store(str(out.resolve().parent)), out.name, table)
    if found.ignored:
        say(found.ignored, err=True)
    deliveries = len(table.column("delivery_id").unique())
    say(f"{out}: {counted(table.num_rows, 'image')} in {counted(deliveries, 'delivery', 'deliveries')}", err=True)
    _say_what_to_allow(site, folder.resolve(), out)
    for place in found.closed:
        say(f"not listed: {place}", colour="red", err=True)
    if found.closed:
        raise click.exceptions.Exit(Status.FAILED)


def _say_what_to_allow(site: Site, folder: Path, out: Path) -> None:
    """Print the setting that a run of this manifest needs to read these images, unless they are already allowed."""
    if folder_allowed(folder, site.reading(*allowed_by(str(out.resolve())))):
        return
    plain = str(folder).isprintable() and "," not in str(folder)
    sources = [*site.allowed_sources, str(folder) if plain else folder.as_uri().replace(",", "%2C")]
    say(
        f"These images are not below the manifest's own folder, so no run may read them yet. To allow it, add this\n"
        f"line to {HOME_FILE} or to the settings file that you name (--config, {CONFIG_VARIABLE}):\n\n"
        f"allowed_sources = {json.dumps(sources, ensure_ascii=False)}\n\n"
        f"or set this variable where the run starts:\n\n"
        f"{command('export', f'{ENV_PREFIX}ALLOWED_SOURCES=' + ','.join(sources))}",
        err=True,
        lines=True,
    )

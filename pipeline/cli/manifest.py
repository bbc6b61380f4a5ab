"""`cutouts manifest`: a folder of images becomes a manifest."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.adapters.images import SUFFIXES
from pipeline.adapters.storage.sources import image_files
from pipeline.adapters.storage.store import open_store
from pipeline.adapters.storage.tables import write_table
from pipeline.adapters.terminal import say
from pipeline.cli.progress import Tally
from pipeline.intake import folder_manifest


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The Parquet file to write.")
def manifest(folder: Path, out: Path) -> None:
    """Make a manifest of every image in FOLDER and below.

    image_id is the path relative to FOLDER, product_id the same without its suffix, delivery_id the first folder
    level, else FOLDER's name. Each file is read once, for its sha256 and size. The file appears whole or not at all.

    \b
    cutouts manifest photos -o manifests/today.parquet
    """
    total = sum(1 for _ in image_files(folder, SUFFIXES))
    with Tally("manifest", total) as tally:
        table, _ = folder_manifest(folder, on_image=lambda: tally.add("read"))
    write_table(open_store(str(out.resolve().parent)), out.name, table)
    say(f"{out}: {table.num_rows} images in {len(table.column('delivery_id').unique())} deliveries", err=True)

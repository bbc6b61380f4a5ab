"""`cutouts certificates`: makes what your own cluster needs for TLS."""

from __future__ import annotations

from pathlib import Path

import click

from cutouts.adapters.terminal import say


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def certificates(folder: Path) -> None:
    """Make certificates for a Dask cluster in FOLDER, unless they already exist.

    ca.pem is the authority; scheduler, workers and clients identify themselves with node.pem and node.key. Copy all
    three to each machine of the cluster, and to nobody else: whoever has node.key can run code on all of them.

    \b
    cutouts certificates certificates
    """
    from cutouts.runner.certificates import make_certificates

    made = make_certificates(folder)
    say(f"{folder}: {'made' if made else 'were there already'}: ca.pem, node.pem, node.key", err=True)

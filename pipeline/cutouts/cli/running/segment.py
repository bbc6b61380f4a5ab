"""`cutouts segment`: step 2, cuts the images of shards."""

from __future__ import annotations

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import cluster_options, site_options
from cutouts.cli.console.progress import told_on_stderr
from cutouts.core.records import ShardKey
from cutouts.core.text.counting import counted


@click.command()
@click.argument("shards", nargs=-1, required=True, metavar="SHARD...")
@site_options
@cluster_options
def segment(shards: tuple[str, ...], root: str | None, config: str | None, **where: object) -> None:
    """Cut the images of each SHARD, a key that `cutouts plan` printed. A finished shard is not cut again.

    Reports progress on stderr every ten seconds, and when a worker is lost.
    """
    site = cutouts.load_site(config, root=root, **where)
    with told_on_stderr(), cutouts.open_runner(site) as runner:
        for done, shard in enumerate(shards):
            try:
                receipt = cutouts.segment(site, _shard(shard), runner)
            except KeyboardInterrupt:
                say(
                    f"stopped after {done} of {counted(len(shards), 'shard')}; finished shards are kept, run it again",
                    err=True,
                )
                raise
            say(f"{shard}: {receipt.cut} cut, {receipt.reused} reused, {receipt.rejected} rejected")


def _shard(text: str) -> ShardKey:
    try:
        return ShardKey.parse(text)
    except ValueError as error:
        raise click.UsageError(str(error)) from error

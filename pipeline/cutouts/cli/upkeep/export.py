"""`cutouts export`: the pictures of the catalogue as a sales channel's importer expects them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.exports import export_table, table_bytes
from cutouts.adapters.storage.ownership import require_free, write_ours
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import site_options
from cutouts.core.errors import ConfigError, OutputError
from cutouts.core.feeds.google import GoogleFeed, google_feed, google_tsv, google_xml
from cutouts.core.feeds.pictures import FeedPicture, public_address, require_public
from cutouts.core.feeds.table import PICTURES, pictures_table
from cutouts.core.text.counting import counted
from cutouts.steps.journal import newest_catalog

Rows = Sequence[dict[str, object]]

_CHANNELS = {"google": "google-main"}
"""The channels whose importers have a format of their own, and the rendition that each shows."""
_FORMATS = {"google": ("tsv", "xml"), None: ("csv", "parquet", "jsonl")}
"""The formats of each channel, the usual one first."""


@click.command()
@click.option("--channel", type=click.Choice(sorted(_CHANNELS)), help="The importer.  [default: a plain table]")
@click.option("-r", "--rendition", "names", multiple=True, metavar="NAME", help="Only these.  [default: the channel's]")
@click.option("-o", "--file", "out", type=click.Path(path_type=Path), help="The file.  [default: standard output]")
@click.option("--format", "kind", help="tsv or xml for google; else csv, parquet or jsonl.  [default: by the suffix]")
@click.option(
    "--main", multiple=True, metavar="PATTERN", help="Main pictures of products: image ids like '*front*', best first."
)
@click.option(
    "--public-url", metavar="URL", help="The web address of the folder objects.  [default: the site's public_url]"
)
@site_options
def export(
    channel: str | None,
    names: tuple[str, ...],
    out: Path | None,
    kind: str | None,
    main: tuple[str, ...],
    public_url: str | None,
    root: str | None,
    config: str | None,
) -> None:
    """Write a feed: the pictures of live images that a channel may show, with their addresses.

    It contains only pictures that break no rule of their channel. `cutouts render --all-stale` makes them. If the
    channel would not accept a product, the product is left out and the reason is printed; the exit status is then 1. An
    earlier feed of the same name is replaced.

    \b
    cutouts export --channel google -o feed.tsv --public-url https://cdn.example.com/objects
    cutouts export -r web-card -o pictures.parquet
    """
    site = load_site(config, root=root, public_url=public_url)
    if main and channel is None:
        raise click.UsageError("--main needs --channel: a plain table has no main pictures")
    kind = _kind(channel, out, kind)
    wanted = names or ((_CHANNELS[channel],) if channel else ())
    with newest_catalog(site) as catalog:
        rows = [row for row in catalog.renditions.published() if not wanted or row["rendition"] in wanted]
    if channel is None:
        _write_table(out, kind, rows, site.public_url)
        pictures, left_out = len(rows), tuple[str, ...]()
    else:
        feed = _write_google(out, kind, rows, _address(site.public_url), main)
        pictures, left_out = feed.pictures, feed.left_out
    say(f"{counted(pictures, 'picture')}{f' in {out}' if out else ''}", err=True)
    if not rows:
        _say_what_is_missing(wanted)
    for words in left_out:
        say(f"left out: {words}", colour="yellow", err=True)
    if left_out:
        raise click.exceptions.Exit(Status.FAILED)


def _say_what_is_missing(wanted: Sequence[str]) -> None:
    named = " or ".join(wanted) or "rendition"
    how = "name it in the setting `renditions`, then run `cutouts render --all-stale`"
    say(f"no live image has a {named} that may be shown: {how}", colour="yellow", err=True)


def _kind(channel: str | None, out: Path | None, kind: str | None) -> str:
    """The format. Raises OutputError if the channel does not read it."""
    formats = _FORMATS[channel]
    found = kind or (out.suffix.lower().removeprefix(".") if out else formats[0])
    if found not in formats:
        about = f"{channel} reads {' and '.join(formats)}" if channel else f"a table is {', '.join(formats)}"
        raise OutputError(f"{out or found}: unknown format: {about}; name a file with that suffix, or give --format")
    return found


def _address(public_url: str | None) -> str:
    if public_url is None:
        raise ConfigError("the pictures have no public address", ["set public_url, or give --public-url"])
    return require_public(public_url)


def _write_google(out: Path | None, kind: str, rows: Rows, base: str, main: Sequence[str]) -> GoogleFeed:
    pictures = [
        FeedPicture(
            product_id=str(row["product_id"]),
            delivery_id=str(row["delivery_id"]),
            image_id=str(row["image_id"]),
            url=public_address(base, str(row["picture"])),
        )
        for row in rows
    ]
    feed = google_feed(pictures, main)
    _write(out, google_tsv(feed.items) if kind == "tsv" else google_xml(feed.items, base))
    return feed


def _write_table(out: Path | None, kind: str, rows: Rows, public_url: str | None) -> None:
    table = pictures_table(rows, None if public_url is None else require_public(public_url))
    if kind == "parquet" and out is not None:
        export_table(out, kind, table.to_batches(), PICTURES)
    else:
        _write(out, table_bytes(kind, table.to_batches(), PICTURES))


def _write(out: Path | None, data: bytes) -> None:
    """Write a feed to a file, which may replace an earlier one of ours, or to standard output."""
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    require_free([out])
    write_ours(out, data)

"""`cutouts catalog`: what was published, what was live when, what changed, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cutouts.adapters.catalog import VIEW, Catalog, Change
from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.exports import FORMATS, export_table, print_lines, print_table
from cutouts.adapters.terminal import say
from cutouts.cli.console.columns import in_columns
from cutouts.cli.console.options import order_now, order_options, site_options
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Publication
from cutouts.core.text.counting import counted
from cutouts.core.text.display import shown
from cutouts.core.text.numbers import whole_number
from cutouts.core.text.sentences import order_sentence
from cutouts.steps.journal import journalled, newest_catalog
from cutouts.steps.journal import rebuild as rebuild_catalog

_TABLE = ("image_id", "product_id", "delivery_id", "cutout", "publication_id", "published_at")
"""The columns of the view that are shown to a person."""


class Moment(click.ParamType[int | datetime]):
    """A publication's number, or a time: `2026-11-27`, `2026-11-27T05:30`, in UTC if it does not say otherwise."""

    name = "PUBLICATION|TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | datetime:
        """Parse, or fail in words."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # click gives what was converted before
        if (publication := whole_number(value)) is not None:
            return publication
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither a publication's number nor a time (YYYY-MM-DDTHH:MM)", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.group()
def catalog() -> None:
    """See what was published, what was live when and what changed; export it, or go back to it.

    PUBLICATION is a number that `cutouts catalog history` lists. A MOMENT is such a number, or a time, which stands for
    the newest publication up to then.
    """


_as_json = click.option("--json", "as_json", is_flag=True, help="JSON, one object a line.")


@catalog.command()
@click.option("--delivery", "delivery_id", metavar="ID", help="Only of this delivery id.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Maximum number of publications.")
@_as_json
@site_options
def history(delivery_id: str | None, limit: int, as_json: bool, root: str | None, config: str | None) -> None:
    """List publications, the newest first: when, of which delivery, what they changed, who ordered them and why."""
    with _opened(root, config) as opened:
        found = opened.history.publications(delivery_id=delivery_id, limit=limit)
    if delivery_id is not None and not found:
        raise CutoutsError(f"nothing was published under the delivery id {shown(delivery_id)}")
    if as_json:
        print_lines(_flat(one) for one in found)
        return
    head = ("id", "at (UTC)", "delivery", "kind", "published", "withdrawn", "by", "why")
    _say_table(head, [_line(one) for one in found])


@catalog.command("as-of")
@click.argument("moment", type=Moment())
@_as_json
@site_options
def as_of(moment: int | datetime, as_json: bool, root: str | None, config: str | None) -> None:
    """List what was live at MOMENT: after a publication, or at a time."""
    with _opened(root, config) as opened, opened.history.as_of(moment) as batches:
        if as_json:
            print_table("jsonl", batches, VIEW)
            return
        rows = [tuple(_cell(row[name]) for name in _TABLE) for batch in batches for row in batch.to_pylist()]
    _say_table(_TABLE, rows)


@catalog.command()
@click.argument("old", type=Moment())
@click.argument("new", type=Moment(), required=False)
@_as_json
@site_options
def diff(old: int | datetime, new: int | datetime | None, as_json: bool, root: str | None, config: str | None) -> None:
    """List the images that were added, replaced or withdrawn between two moments; without NEW, since OLD."""
    with _opened(root, config) as opened:
        changes = opened.history.changes(old, new)
    if as_json:
        print_lines({"what": one.what, **asdict(one)} for one in changes)
        return
    _say_table(("what", "delivery", "image", "before", "after"), [_change(one) for one in changes])
    counts = {what: sum(one.what == what for one in changes) for what in ("added", "replaced", "withdrawn")}
    say(", ".join(f"{count} {what}" for what, count in counts.items()), err=True)


@catalog.command()
@click.argument("publication", type=click.IntRange(1), required=False)
@click.option("--to", "moment", type=Moment(), help="Go back to what was live then.")
@click.option("--delivery", "delivery_id", metavar="ID", help="With --to: only of this delivery id.")
@click.option("--all", "everything", is_flag=True, help="With --to: of all deliveries that changed since.")
@click.option("--with-newer", is_flag=True, help="Take newer publications of the same delivery id back too.")
@order_options
@site_options
def rollback(
    publication: int | None,
    moment: int | datetime | None,
    delivery_id: str | None,
    everything: bool,
    with_newer: bool,
    root: str | None,
    config: str | None,
    **order: str,
) -> None:
    """Take PUBLICATION back, or go back to what was live at a moment (--to).

    The view is then exactly as it was. The rollback is a new publication, which records --by and --because, and can be
    taken back like any other. What was taken back is not published again when it is delivered again: it is
    quarantined, with the reason that you gave.

    \b
    cutouts catalog rollback 57 --by Ada --because "wrong network"
    cutouts catalog rollback --to 41 --delivery studio-a --by Ada --because "wrong photographs"
    """
    if (publication is None) == (moment is None):
        raise click.UsageError("name a PUBLICATION to take back, or --to PUBLICATION|TIME, one of them")
    if publication is not None and (delivery_id or everything):
        raise click.UsageError("--delivery and --all belong to --to")
    ordered, site = order_now(order), load_site(config, root=root)
    with journalled(site) as opened:
        if publication is not None:
            one = opened.history.undo(publication, ordered, with_newer=with_newer)
            made: tuple[Publication, ...] = (one,) if one else ()
        else:
            assert moment is not None
            made = opened.history.go_back(moment, ordered, delivery_id=delivery_id, everything=everything)
    say_made(made)


@catalog.command()
@site_options
def rebuild(root: str | None, config: str | None) -> None:
    """Rebuild a lost database from the journal in the site's tables.

    The database must be empty or missing: move what is left of a damaged one away first. Afterwards the view, the
    history and the decisions of people are as they were, with the same numbers. Nothing else may run on the site.

    \b
    cutouts catalog rebuild --config site.toml
    """
    done = rebuild_catalog(load_site(config, root=root))
    counts = (
        counted(done.publications, "publication"),
        counted(done.images, "live image"),
        counted(done.holds, "hold"),
    )
    say(f"rebuilt: {', '.join(counts)}; the newest publication is {done.newest}")


@catalog.command()
@click.option("-o", "--file", "out", type=click.Path(path_type=Path), help="The file.  [default: standard output]")
@click.option("--format", "kind", type=click.Choice(FORMATS), help="[default: by the suffix of FILE, else csv]")
@click.option("--as-of", "moment", type=Moment(), help="What was live then.  [default: what is live now]")
@site_options
def export(
    out: Path | None, kind: str | None, moment: int | datetime | None, root: str | None, config: str | None
) -> None:
    """Export what is live, or was live at a moment, in the columns of the view `published_cutouts`.

    As Parquet, CSV or JSON lines. All rows are from one moment, even if something is published meanwhile. An earlier
    export of the same name is replaced, unless somebody changed it.

    \b
    cutouts catalog export -o live.parquet
    """
    with _opened(root, config) as opened, opened.history.as_of(moment) as batches:
        if out is None:
            print_table(kind or "csv", batches, VIEW)
        else:
            rows = export_table(out, kind, batches, VIEW)
            say(f"{out}: {rows} images", err=True)


def say_made(made: Sequence[Publication]) -> None:
    """A line about each publication that an order made."""
    for one in made:
        say(order_sentence(one))
    if not made:
        say("nothing to change: the catalogue is like that already")


@contextmanager
def _opened(root: str | None, config: str | None) -> Iterator[Catalog]:
    with newest_catalog(load_site(config, root=root)) as opened:
        yield opened


def _flat(one: Publication) -> dict[str, Any]:
    row = asdict(one)
    row["delivery"] = str(one.delivery)
    row["approval"] = one.approval.gate_id if one.approval else None
    return row


def _line(one: Publication) -> tuple[str, ...]:
    kind = str(one.kind) + (f" to {one.back_to}" if one.back_to is not None else "")
    kind += f" (undone by {one.undone_by})" if one.undone_by else ""
    counts = str(one.published), str(one.withdrawn)
    at = f"{one.at:%Y-%m-%d %H:%M:%S}"
    return (str(one.publication_id), at, str(one.delivery), kind, *counts, one.by or "", one.because or "")


def _change(one: Change) -> tuple[str, ...]:
    before, after = (f"publication {row['publication_id']}" if row else "" for row in (one.before, one.after))
    return (one.what, one.delivery_id, one.image_id, before, after)


def _cell(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)


def _say_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for line in in_columns([head, *rows]):
        say(line)

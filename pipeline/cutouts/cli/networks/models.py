"""`cutouts models`: lists, downloads, adds, checks, describes and converts networks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.terminal import say
from cutouts.cli.console.columns import in_columns
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import config_option
from cutouts.cli.console.progress import Transfer
from cutouts.cli.networks.models_add import add, append_row, placed, require_new, require_nothing
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, ModelError
from cutouts.models import ModelRow, find, folder, own_rows, permit, rows, verified


@click.group()
def models() -> None:
    """Networks: the shipped ones, public ones, and your own.

    \b
    cutouts models list
    cutouts models pull u2net                  then:  cutouts cut photos -o pngs --model u2net
    cutouts models add studio.onnx --licence MIT --commercial
    cutouts models verify

    Downloaded and added networks are in the site's models folder, which has its own table. A network is opened
    only if its digest matches its row.
    """


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Every field of every row, as JSON.")
@config_option
def list_(as_json: bool, config: str | None) -> None:
    """Show every network: input size, file size, state, licence.

    OPENED says whether the file was tried when its row was written. The other rows are as published.
    """
    site = load_site(config)
    table = _table(site)
    if as_json:
        say(json.dumps([_described(row, site) for row in table], indent=2), lines=True)
        return
    head = ("NAME", "INPUT", "SIZE", "STATE", "COMMERCIAL", "OPENED", "LICENCE")
    for line in in_columns([head, *(_line(row, site) for row in table)]):
        say(line)


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--mirror", metavar="URL", help="Download URL/FILE instead of the published file.  [default: the site's]")
@config_option
def pull(names: Sequence[str], mirror: str | None, config: str | None) -> None:
    """Download each NAME from where it is published, or from a mirror, and verify it.

    An interrupted download is resumed. HTTPS_PROXY, HTTP_PROXY and NO_PROXY are respected. Without access to the web,
    put the file into the models folder yourself, under the name that `cutouts models card NAME` shows; it is verified
    like any other.
    """
    from cutouts.adapters.weights import pull as pull_file

    site = load_site(config, mirror=mirror)
    wanted = [find(name, site.models) for name in names]
    for row in wanted:
        permit(row, allow_noncommercial=site.allow_noncommercial)
    for row in wanted:
        target = row.path(site.models)
        with Transfer(row.name) as transfer:
            new = pull_file(row, target, mirror=site.mirror, tell=transfer.tell)
        say(f"{row.name}: {'pulled and verified' if new else 'already here, verified'}: {target}")


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--provider", type=click.Choice(["cpu", "cuda", "tensorrt"]), help="Open them on this provider.")
@config_option
def verify(names: Sequence[str], provider: str | None, config: str | None) -> None:
    """Check each NAME, or every network on this machine: its digest, that it opens, and that its row fits its graph.

    The exit status is 1 if one of them fails.
    """
    site = load_site(config, provider=provider)
    table = [find(name, site.models) for name in names] or _table(site)
    away = [row.name for row in table if not names and _state(row, site) == "not pulled"]
    elsewhere = [row.name for row in table if not names and row.cpu_only and site.provider != "cpu"]
    failed = 0
    for row in table:
        if row.name not in away + elsewhere:
            failed += not _verify(row, site)
    if elsewhere:
        say(f"     for CPUs: {', '.join(elsewhere)}")
    if away:
        say(f"     not pulled: {', '.join(away)}")
    if failed:
        raise click.exceptions.Exit(Status.FAILED)


@models.command()
@click.argument("name")
@config_option
def card(name: str, config: str | None) -> None:
    """Show everything that is known about NAME: its model card, if it has one, and its row."""
    site = load_site(config)
    row = find(name, site.models)
    written = row.card_path(site.models)
    if written is not None and not written.is_file():
        raise ModelError(f"the model card of {name!r} is not at {written}; put it there, or remove `card` from its row")
    if written is not None:
        say(written.read_text(encoding="utf-8"), lines=True)
    say("\n".join(_card(row, site)), lines=True)


@models.command()
@click.argument("name")
@click.option("--fp16", is_flag=True, help="Half precision, for GPUs: faster there, slower on a CPU.")
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The new file.  [default: in the models folder]",
)
@click.option("--name", "new_name", metavar="NEW", help="Its name in the table.  [default: NAME-fp16]")
@config_option
def convert(name: str, fp16: bool, out: Path | None, new_name: str | None, config: str | None) -> None:
    """Make another variant of NAME, with its own row.

    \b
    cutouts models convert default --fp16
    cutouts run photos --out result --model default-fp16 --provider cuda
    """
    if not fp16:
        raise click.UsageError("say what to convert to: --fp16")
    from cutouts.adapters.model.half_precision import half_precision

    site = load_site(config)
    base = find(name, site.models)
    permit(base, allow_noncommercial=site.allow_noncommercial)
    new = new_name or f"{name}-fp16"
    require_new(site, new)
    target = (out or folder(site.models) / f"{new}.onnx").resolve()
    require_nothing(target)
    data = half_precision(verified(base, site.models))
    bare = target.parent == folder(site.models).resolve()
    row = _variant(base, new, data, file=target.name if bare else str(target))
    with placed(target, row, lambda: data):
        append_row(site, row)
    before, after = (_size(path.stat().st_size) for path in (base.path(site.models), target))
    say(f"{new}: {target} ({after}; {name} has {before})")


models.add_command(add)


def _variant(base: ModelRow, name: str, data: bytes, *, file: str) -> ModelRow:
    """The row of `base` converted to half precision, whose file `file` contains `data`."""
    changes = {
        "name": name,
        "file": file,
        "url": None,
        "sha256": hashlib.sha256(data).hexdigest(),
        "md5": None,
        "bytes": len(data),
        "opened": True,
        "about": f"{base.name} in half precision, for GPUs. {base.about}",
    }
    return ModelRow.model_validate(base.model_dump() | changes)


def _verify(row: ModelRow, site: Site) -> bool:
    from cutouts.adapters.model import ModelChoice, Network

    try:
        Network(ModelChoice(row=row, provider=site.provider, models=site.models))
    except CutoutsError as error:
        say(f"{row.name}: {error}", label="FAILED", colour="red", lines=True)
        return False
    size = _size(row.path(site.models).stat().st_size)
    say(f"{row.name}: {size}, {row.digest[:12]}…, opens on {site.provider}", label="ok", colour="green")
    return True


def _table(site: Site) -> list[ModelRow]:
    return [*rows(), *own_rows(site.models)]


def _state(row: ModelRow, site: Site) -> str:
    """Where the network's file is; it is not verified here."""
    path = row.path(site.models)
    if not path.is_file():
        return "not pulled" if row.url else "missing"
    if row in own_rows(site.models):
        return "own"
    return "pulled" if row.url else "shipped"


def _line(row: ModelRow, site: Site) -> tuple[str, ...]:
    path = row.path(site.models)
    size = path.stat().st_size if path.is_file() else row.bytes
    commercial, opened = ("yes" if flag else "no" for flag in (row.commercial, row.opened))
    shown = f"{row.width_px}×{row.height_px}"
    return row.name, shown, _size(size), _state(row, site), commercial, opened, row.licence


def _described(row: ModelRow, site: Site) -> dict[str, object]:
    return {**row.model_dump(), "state": _state(row, site), "path": str(row.path(site.models))}


def _size(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:.1f} MB" if size < 1e8 else f"{size / 1e6:.0f} MB"


def _card(row: ModelRow, site: Site) -> Iterator[str]:
    yield f"# {row.name}\n\n{row.about}\n"
    yield f"{_state(row, site)}: {row.path(site.models)}\n"
    for name, field in ModelRow.model_fields.items():
        value = getattr(row, name)
        if value is not None and name not in ("name", "about"):
            shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            yield f"- {name}: {shown}{f'  ({field.description})' if field.description else ''}"

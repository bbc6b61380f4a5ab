"""`cutouts gate calibrate`: fits the gate's probability that a mask is bad, and says how far it can be believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.atomic_files import write_file
from cutouts.adapters.storage.ownership import require_free, write_ours
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import config_option
from cutouts.cli.console.progress import Tally
from cutouts.core.calibration import TERMS
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, GateError
from cutouts.core.text.counting import counted
from cutouts.evaluation.calibration.check import as_markdown
from cutouts.evaluation.calibration.checked import checked_masks
from cutouts.evaluation.calibration.fit import fit
from cutouts.evaluation.calibration.from_reviews import learned, reviewed_masks, side_by_side
from cutouts.evaluation.calibration.judged_masks import judged_masks
from cutouts.evaluation.calibration.reliability_plot import reliability_svg
from cutouts.evaluation.image_sets import Case, Lost, open_sets, unused_truths
from cutouts.models import folder
from cutouts.models.calibrations import SUFFIX, calibration_json, read_calibration
from cutouts.schemas.tables import JUDGED_MASKS

_PATH = click.Path(exists=True, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW = click.Path(dir_okay=False, path_type=Path)
_NAMED = 20
"""Images that cannot be used are named up to this number."""

_EXAMPLES = """
\b
Examples:
  cutouts gate calibrate --images photos --truth mattes --network mine
  cutouts gate calibrate --images sets/plain --images sets/busy --network mine --keep masks.parquet
  cutouts gate calibrate --network mine --masks masks.parquet --check other.parquet
  cutouts gate calibrate --from-reviews
"""


@click.command(epilog=_EXAMPLES)
@click.option("--images", multiple=True, type=_PATH, metavar="FOLDER|FILE", help="A set to measure; repeatable.")
@click.option("--truth", multiple=True, type=_FOLDER, metavar="FOLDER", help="The truths of a folder of images.")
@click.option("--network", "networks", multiple=True, metavar="NAME", help="Of the table.  [default: the site's model]")
@click.option("--masks", multiple=True, type=_FILE, metavar="FILE", help="Masks that --keep wrote; repeatable.")
@click.option("--check", multiple=True, type=_FILE, metavar="FILE", help="Masks to check on; none of them is fitted.")
@click.option("--by-category", is_flag=True, help="Each set of --check is named like a category of the manifests.")
@click.option("--keep", type=_NEW, metavar="FILE", help="Only measure, and write the masks to this Parquet file.")
@click.option("-o", "--out", type=_NEW, metavar="FILE", help=f"[default: NETWORK{SUFFIX} in the models folder]")
@click.option("--plot", type=_NEW, metavar="FILE", help="Draw how reliable the probability is (SVG).")
@click.option("--from-reviews", is_flag=True, help="Learn from what people released and rejected on the site.")
@click.option("--yes", is_flag=True, help="With --from-reviews: replace the calibration after showing both.")
@click.option("--limit", type=click.IntRange(1), help="Images of each set at the most, spread evenly.")
@config_option
def calibrate(
    images: tuple[Path, ...],
    truth: tuple[Path, ...],
    networks: tuple[str, ...],
    masks: tuple[Path, ...],
    check: tuple[Path, ...],
    keep: Path | None,
    out: Path | None,
    by_category: bool,
    **how: Any,
) -> None:
    """Calibrate the gate for a network: fit the probability that a mask is bad, on images with known mattes.

    Take images that the network was not trained on, and several sets of them that are like the shop's own photographs:
    each set counts alike. A mask is bad if IoU < .90, boundary IoU < .70, more than 3 % of the product is missing, more
    than 5 % of the matte is not product, or the scene has no product.

    Prints how well the probability tells bad masks from good ones, on the masks of --check if there are any, and what
    can be promised: promises need masks that were not fitted, so they need --check. The gate finds the result by itself
    if it is in the models folder.

    With --from-reviews, the calibration of the network learns from the images that people released or rejected, and is
    shown beside the old one. It is written only with --yes.
    """
    site = load_site(how["config"])
    asked = networks or (site.model,)
    target = out or folder(site.models) / f"{asked[0]}{SUFFIX}"
    require_free([how["plot"]] if how["plot"] else [])
    if how["from_reviews"]:
        _require_none(*images, *masks, keep)
        _learn(site.model_copy(update={"model": asked[0]}), check, target, by_category=by_category, yes=how["yes"])
        return
    measured = [_measured(site, images, truth, asked, how["limit"])] if images else []
    found = _joined([*map(_read, masks), *measured])
    if keep is not None:
        _keep(found, keep)
    else:
        _calibrate(found, check, target, how["plot"], by_category=by_category)


def _require_none(*others: Path | None) -> None:
    """Raise ConfigError if other masks are named than those of reviews."""
    if any(others):
        raise ConfigError("--from-reviews takes no other masks", ["leave out --images, --masks and --keep"])


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    """All masks. Raises ConfigError if there are none."""
    if not tables:
        raise ConfigError("there is nothing to calibrate on", ["name --images with their --truth, or --masks"])
    return pa.concat_tables(tables)


def _keep(found: pa.Table, file: Path) -> None:
    """Write the masks `found` to `file`, for a later --masks or --check."""
    _require_replaceable(file, _read)
    write_file(file, _parquet(found))
    say(f"{file}: {found.num_rows} masks", err=True)


def _calibrate(found: pa.Table, check: Sequence[Path], target: Path, plot: Path | None, *, by_category: bool) -> None:
    """Fit on the masks `found`, check on those of `check`, and write the calibration and, if wanted, the plot."""
    calibration = fit(found)
    checked = pa.concat_tables(map(_read, check)) if check else None
    if checked is not None:
        calibration = replace(calibration, checked=checked_masks(calibration, checked, by_category=by_category))
    _require_replaceable(target, read_calibration)
    write_file(target, calibration_json(calibration))
    against = found if checked is None else checked
    say(as_markdown(calibration, against), lines=True)
    say(f"written: {target}", err=True)
    if plot is not None:
        write_ours(plot, reliability_svg(calibration, against))
        say(f"written: {plot}", err=True)


def _learn(site: Site, check: Sequence[Path], target: Path, *, by_category: bool, yes: bool) -> None:
    """Show the calibration that learned from reviews beside the old one; with `yes`, write it to `target`."""
    masks = reviewed_masks(site)
    old, new = learned(site, masks)
    say("\n".join(side_by_side(old, masks)), lines=True)
    if check:
        checked = pa.concat_tables(map(_read, check))
        new = replace(new, checked=checked_masks(new, checked, by_category=by_category))
        say("\n" + as_markdown(new, checked), lines=True)
    elif old.checked:
        say("the new calibration supports no promise; for one, name masks with --check", err=True)
    _require_replaceable(target, read_calibration)
    if not yes:
        say(f"nothing was written; to use the new calibration, call again with --yes ({target})", err=True)
        return
    write_file(target, calibration_json(new))
    say(f"written: {target}", err=True)


def _measured(
    site: Site, images: Sequence[Path], truth: Sequence[Path], networks: Sequence[str], limit: int | None
) -> pa.Table:
    """The masks of the networks on the sets. Says which images cannot be used, and why."""
    sets, lost = open_sets(images, truth, limit=limit), list[str]()
    with Tally("masks", sum(one.count for one in sets)) as tally:

        def seen(name: str, case: Case | Lost) -> None:
            tally.add("failed" if isinstance(case, Lost) else "measured")
            if isinstance(case, Lost):
                lost.append(f"not used: {name}: {case.name}: {case.problem}")

        found = judged_masks(site, sets, networks, on_case=seen)
    for words in unused_truths(sets):
        say(f"warning: {words}", colour="yellow", err=True)
    for words in lost[:_NAMED]:
        say(words, colour="red", err=True)
    if len(lost) > _NAMED:
        say(f"not used: {counted(len(lost) - _NAMED, 'more image')}", colour="red", err=True)
    return found


def _require_replaceable(path: Path, read: Callable[[Path], object]) -> None:
    """ConfigError for a file that `read` does not take for one of this command."""
    try:
        if path.exists():
            read(path)
    except (ConfigError, GateError) as error:
        raise ConfigError(
            f"{path} already exists and was not written by this command", ["name another file"]
        ) from error


def _parquet(masks: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(masks, sink)
    return bytes(sink.getvalue())


def _read(path: Path) -> pa.Table:
    """The masks in a file. Raises ConfigError if it does not hold any."""
    try:
        found = pq.read_table(path)
        for one in JUDGED_MASKS:
            if one.nullable and one.name not in {*found.column_names, *TERMS}:
                found = found.append_column(one, pa.nulls(found.num_rows, one.type))
        masks = found.select(JUDGED_MASKS.names).cast(JUDGED_MASKS)
        if missing := [name for name in TERMS if masks.column(name).null_count]:
            raise ValueError(f"{', '.join(missing)}: not measured on every mask")
        return masks
    except (pa.ArrowException, KeyError, OSError, ValueError) as error:
        raise ConfigError(f"{path} contains no masks of `cutouts gate calibrate --keep`", [str(error)]) from error

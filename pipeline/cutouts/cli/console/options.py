"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click

from cutouts.core.product_box import ProductBox
from cutouts.core.publications import Order, Selection
from cutouts.core.records import DeliveryKey
from cutouts.core.text.display import printable, shown
from cutouts.core.text.numbers import whole_number

F = TypeVar("F", bound=Callable[..., Any])
Sides: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom of a box in px."""


def counts(_: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Whole numbers from 1 upwards, separated by commas; empty text gives none."""
    numbers = tuple(whole_number(part.strip()) or 0 for part in value.split(",") if part.strip())
    if not all(numbers):
        raise click.BadParameter(f"{shown(value)}: expected numbers like 1,2,4", param=parameter)
    return numbers


def product_box(_: click.Context, parameter: click.Parameter, value: str | None) -> Sides | None:
    """The four sides of a box, `LEFT,TOP,RIGHT,BOTTOM` in px."""
    try:
        box = None if value is None else ProductBox.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from None
    return None if box is None else (box.left, box.top, box.right, box.bottom)


def one_argument(name: str, metavar: str, kind: click.ParamType[Any]) -> Callable[[F], F]:
    """The argument of commands that work on one file or folder. If several are given, as by `*.jpg`, it says what to
    do."""

    def only(_: click.Context, __: click.Parameter, given: tuple[Any, ...]) -> Any:
        if len(given) > 1:
            raise click.UsageError(
                f"one {metavar} at a time, not {len(given)}: name the folder that contains them, or run the command "
                "for each"
            )
        if given[0] == "":  # as of a variable that is not set; as a path, it is the working folder
            raise click.UsageError(f"{metavar} is empty")
        return given[0]

    return click.argument(name, nargs=-1, required=True, type=kind, metavar=metavar, callback=only)


def config_option(command: F) -> F:
    """The option that names the settings file."""
    about = "Settings.  [default: cutouts.toml, if it is there]"
    return click.option("--config", metavar="FILE", help=about)(command)


def existing_root(root: str | None) -> str | None:
    """The root of a site, if it is a URL or a folder that exists. A mistyped name must not look like an empty site."""
    if root is not None and "://" not in root and not Path(root).is_dir():
        raise click.BadParameter(f"there is no folder {printable(root)}")
    return root


def site_options(command: F) -> F:
    """The options of every command that works on a site which exists."""
    return _site_options(command, callback=lambda _, __, root: existing_root(root))


def new_site_options(command: F) -> F:
    """The options of commands that may be the first ones of a site."""
    return _site_options(command)


def _site_options(command: F, **options: Any) -> F:
    root = click.option("--out", "root", metavar="DIR", help="The site's root.  [default: the site's]", **options)
    return root(config_option(command))


def network_options(command: F) -> F:
    """The options that say which network cuts, and where it runs."""
    model = click.option("--model", help="A name in the model table.  [default: the site's]")
    return model(provider_option(command))


def provider_option(command: F) -> F:
    """The option that says where the network runs."""
    about = "Where the network runs; an error if it is not available."
    return click.option("--provider", type=click.Choice(["cpu", "cuda", "tensorrt"]), help=about)(command)


def cluster_option(command: F) -> F:
    """The option that says which machines work."""
    return click.option("--cluster", help="serial, local, cuda, tcp://HOST:PORT or tls://HOST:PORT.")(command)


def bench_option(command: F) -> F:
    """The option that says where a bench writes."""
    folder = click.Path(path_type=Path)
    about = "The folder to write to."
    return click.option("--out", type=folder, default=Path("bench"), show_default=True, help=about)(command)


def cluster_options(command: F) -> F:
    """The options that say where work runs."""
    options = [
        cluster_option,
        click.option("--workers", type=click.IntRange(1), help="Worker processes of a local cluster."),
        click.option("--threads", type=click.IntRange(1), help="Threads per worker."),
        network_options,
        click.option("--batch", type=click.IntRange(1, 256), help="Images per model call."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def budget_options(command: F) -> F:
    """The options that say when a backfill stops for today."""
    hours = click.FloatRange(0, min_open=True)
    command = click.option("--hours", type=hours, metavar="T", help="Stop for today after T hours.")(command)
    about = "Stop for today after N images were cut."
    return click.option("--images", type=click.IntRange(1), metavar="N", help=about)(command)


class DeliveryParam(click.ParamType[DeliveryKey]):
    """`YYYY-MM-DD/delivery_id`."""

    name = "YYYY-MM-DD/DELIVERY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> DeliveryKey:
        """Parse the text, or fail with a usage error."""
        try:
            return value if isinstance(value, DeliveryKey) else DeliveryKey.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def selection_options(command: F) -> F:
    """The options that say which images are meant."""
    about = {
        "delivery": "Images of this delivery id.",
        "product": "Images of this product, in all deliveries.",
        "image": "The image of this id.",
    }
    for name, words in reversed(about.items()):
        command = click.option(f"--{name}", f"{name}_id", metavar="ID", help=words)(command)
    return command


def selection_of(chosen: Mapping[str, str | None]) -> Selection:
    """What these options mean; of several, the images that all of them mean."""
    given = {name: chosen[name] for name in ("delivery_id", "product_id", "image_id")}
    if not any(given.values()):
        raise click.UsageError("say which images: --delivery, --product or --image")
    return Selection(**given)


def order_options(command: F) -> F:
    """The options that say who orders something, and why."""
    because = click.option("--because", required=True, metavar="TEXT", help="Why; recorded.")
    return click.option("--by", required=True, metavar="NAME", help="Who orders it; recorded.")(because(command))


def order_now(order: Mapping[str, str | None]) -> Order:
    """The order that these options make."""
    return Order(by=str(order["by"]), because=str(order["because"]), at=datetime.now(UTC))

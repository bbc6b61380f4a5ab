"""The four steps as commands, `cutouts plan`, `segment`, `gate`, `publish`: each prints the key that the next takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.exit_status import Status
from cutouts.core.config import Site
from cutouts.core.decisions import Verdict
from cutouts.core.records import DeliveryKey, ShardKey

F = TypeVar("F", bound=Callable[..., Any])


def site_options(command: F) -> F:
    """The options that every command shares which works on a site."""
    options = [
        click.option("--out", "root", metavar="DIR", help="The site's root.  [default: the site's]"),
        click.option("--config", metavar="FILE", help="Settings.  [default: cutouts.toml, if it is there]"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def cluster_options(command: F) -> F:
    """The options that say where work runs."""
    options = [
        click.option("--cluster", help="serial, local, cuda, tcp://HOST:PORT or tls://HOST:PORT."),
        click.option("--workers", type=click.IntRange(1), help="Worker processes of a local cluster."),
        click.option("--threads", type=click.IntRange(1), help="Threads per worker."),
        click.option("--provider", type=click.Choice(["cpu", "cuda", "tensorrt"]), help="That one, or an error."),
        click.option("--batch", type=click.IntRange(1, 256), help="Images per model call."),
        click.option("--model", help="A name of the model table."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


class DeliveryParam(click.ParamType[DeliveryKey]):
    """`YYYY-MM-DD/delivery_id`."""

    name = "YYYY-MM-DD/DELIVERY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> DeliveryKey:
        """Parse, or fail in words."""
        try:
            return value if isinstance(value, DeliveryKey) else DeliveryKey.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("manifest")
@click.option("--delivery", required=True, type=DeliveryParam(), help="Which delivery of it.")
@site_options
def plan(manifest: str, delivery: DeliveryKey, root: str | None, config: str | None) -> None:
    """Plan one delivery of MANIFEST: skip what is decided already, split the rest into shards.

    Prints one shard key a line, for `cutouts segment`, and the plan's id on stderr, for `cutouts gate`.
    """
    made = cutouts.plan(_site(root, config), manifest, delivery)
    say(f"plan {made.plan_id}: {made.images} images, {made.known} known, {made.shards} shards", err=True)
    for key in made.shard_keys():
        say(str(key))


@click.command()
@click.argument("shards", nargs=-1, required=True, metavar="SHARD...")
@site_options
@cluster_options
def segment(shards: tuple[str, ...], root: str | None, config: str | None, **where: object) -> None:
    """Cut the images of each SHARD (a key that `cutouts plan` printed). One that is done is not done again.

    Says on stderr every ten seconds how far it is, and when a worker is lost.
    """
    from cutouts.cli.progress import told_on_stderr

    site = _site(root, config, **where)
    with told_on_stderr(), cutouts.open_runner(site) as runner:
        for done, shard in enumerate(shards):
            try:
                receipt = cutouts.segment(site, _shard(shard), runner)
            except KeyboardInterrupt:
                say(f"stopped after {done} of {len(shards)} shards; finished ones are kept, run it again", err=True)
                raise
            say(f"{shard}: {receipt.cut} cut, {receipt.reused} reused, {receipt.rejected} rejected")


@click.command()
@click.argument("plan_id")
@site_options
def gate(plan_id: str, root: str | None, config: str | None) -> None:
    """Judge the delivery of PLAN_ID as a whole. Prints the gate's id, for `cutouts publish`."""
    decision = cutouts.gate(_site(root, config), plan_id)
    counts = {name: getattr(decision, name) for name in ("published", "quarantined", "held", "rejected", "skipped")}
    say(f"{decision.delivery}: {decision.verdict}; {json.dumps(counts)}", err=True)
    for reason in decision.reasons:
        say(f"  {reason}", err=True)
    say(decision.gate_id)
    if decision.verdict is Verdict.HOLD:
        raise click.exceptions.Exit(Status.HELD)


@click.command()
@click.argument("gate_id", required=False)
@click.option("--approve", metavar="GATE_ID", help="Release what this gate held.")
@click.option("--by", metavar="NAME", help="Who releases it.")
@click.option("--why", metavar="TEXT", help="Why.")
@site_options
def publish(
    gate_id: str | None, approve: str | None, by: str | None, why: str | None, root: str | None, config: str | None
) -> None:
    """Publish what the gate GATE_ID let through, or release a held delivery with --approve.

    If only one decision of a delivery is held, its id or its key (YYYY-MM-DD/ID) will do. Of a released delivery, all
    images are published except those that are bad by themselves.
    """
    from cutouts.steps import read_decision, waiting_hold

    if (gate_id is None) == (approve is None):
        raise click.UsageError("name a GATE_ID or --approve GATE_ID, one of them")
    site = _site(root, config)
    if approve is None:
        done = cutouts.publish(site, str(gate_id))
    elif by and why:
        hold = waiting_hold(site, approve)
        held = read_decision(site, hold.gate_id)
        say(f"releasing gate {hold.gate_id}: {hold.words}; {held.images} images, {held.rejected} rejected", err=True)
        done = cutouts.approve(site, hold.gate_id, by=by, why=why)
    else:
        raise click.UsageError("--approve needs --by NAME and --why TEXT: both are recorded")
    say(f"{done.delivery}: {done.published} published, {done.superseded} superseded by a newer delivery")


def _site(root: str | None, config: str | None, **overrides: object) -> Site:
    return cutouts.load_site(config, root=root, **overrides)


def _shard(text: str) -> ShardKey:
    try:
        return ShardKey.parse(text)
    except ValueError as error:
        raise click.UsageError(str(error)) from error

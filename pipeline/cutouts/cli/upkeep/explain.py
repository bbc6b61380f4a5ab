"""`cutouts explain`: where an image in the catalogue comes from, or why it is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import site_options
from cutouts.core.records import DeliveryKey
from cutouts.core.text.display import shown

if TYPE_CHECKING:
    from cutouts.steps.explain import Explanation, ImageDecision, StoredObject


@click.command()
@click.argument("image")
@click.option("--delivery", metavar="DELIVERY", help="Only of this delivery: its id, or its key (YYYY-MM-DD/ID).")
@click.option("--suite", is_flag=True, help="Also print the whole text of the gate's suite.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@site_options
def explain(image: str, delivery: str | None, suite: bool, as_json: bool, root: str | None, config: str | None) -> None:
    """Say where IMAGE comes from: an image id or a product id.

    Prints its bytes, the recipe and network, the code, the plan and the shard that cut it, the gate's decision with its
    rules, who released it and why, the publication, and the objects. For an image that is not live, name its delivery:
    each decision about it is listed, the newest first.
    """
    from pydantic import TypeAdapter

    from cutouts.steps.explain import Explanation
    from cutouts.steps.explain import explain as explain_step

    named = _delivery(delivery)
    found = explain_step(cutouts.load_site(config, root=root), image, delivery=named)
    if as_json:
        say(TypeAdapter(tuple[Explanation, ...]).dump_json(found, indent=1).decode(), lines=True)
        _say_damage(found)
        return
    for one in found:
        for line in _lines(one, named.date if isinstance(named, DeliveryKey) else None, suite=suite):
            say(line)
    _say_damage(found)


def _say_damage(found: Sequence[Explanation]) -> None:
    """Name the damaged files on stderr. Raises Exit if there are any."""
    damage = dict.fromkeys(words for one in found for words in one.damage)
    for words in damage:
        say(f"not explained: {words}", colour="red", err=True)
    if damage:
        raise click.exceptions.Exit(Status.FAILED)


def _delivery(named: str | None) -> DeliveryKey | str | None:
    """A key if it reads as one, else a delivery id."""
    try:
        return None if named is None else DeliveryKey.parse(named)
    except ValueError:
        return named


def _lines(one: Explanation, day: date | None, *, suite: bool) -> Iterator[str]:
    """What is live and the decision that published it; if a `day` was named, the decisions of that day instead."""
    live = one.live
    about = f"product {live.product_id}, live since publication {one.publication_id}" if live else "not live"
    if one.taken_back:
        about += f": {one.taken_back.words}"
    yield f"image {one.image_id} of delivery {live.delivery if live else one.delivery_id}: {about}"
    if live and one.published is None:
        yield f"  bytes        sha256 {live.sha256}"
        yield f"  recipe       matte {live.recipe.matte_digest}, rendering {live.recipe.render_digest}"
        yield f"  objects      {live.mask} (matte), {live.cutout} (cutout)"
        yield f"  The tables of the decision that published it are {'damaged' if one.damage else 'gone'}."
    of_live = live is not None and day is None
    for decision in one.decisions:
        if decision is one.published if of_live else day in (None, decision.gate.delivery.date):
            yield from _decision_lines(decision, suite=suite)


def _decision_lines(one: ImageDecision, *, suite: bool) -> Iterator[str]:
    yield f"  bytes        sha256 {one.sha256 or 'not read'}, {shown(one.uri)}"
    digests = one.digests
    yield f"  recipe       matte {digests.matte_digest}, rendering {digests.render_digest}"
    if one.recipe:
        yield f"               model {one.recipe.model}, first used by cutouts {one.recipe.code}"
        for line in one.recipe.recipe.words:
            yield f"               {line}"
    yield from _plan_lines(one)
    yield f"  gate         {one.gate.gate_id}, {_moment(one.at)}, delivery {one.gate.delivery}: {one.gate.verdict}"
    for rule in one.gate.expectations:
        yield f"               {'met' if rule.success else 'not met'}: {rule.action} if {rule.words} ({rule.observed})"
    if one.gate.suite:
        yield f"               suite {one.gate.suite}"
    if suite and one.suite:
        yield from (f"               {line}" for line in one.suite.splitlines())
    yield f"  outcome      {one.outcome}" + (f": {'; '.join(one.reasons)}" if one.reasons else "")
    yield from (f"  note         {note}" for note in one.notes)
    yield from _person_lines(one)
    if one.publication:
        yield f"  publication  {one.publication.publication_id}, {_moment(one.publication.at)}"
    for what, stored in (("matte", one.mask), ("cutout", one.cutout)):
        if stored:
            yield f"  {what:<11}  {_object(stored)}"


def _plan_lines(one: ImageDecision) -> Iterator[str]:
    plan = one.plan
    if plan is None:
        yield f"  plan         {one.gate.plan_id}, whose tables are gone"
        return
    made = f", made by cutouts {plan.code}" if plan.code else ""
    yield f"  plan         {plan.plan_id}{made}" + (f", of {shown(one.source)}" if one.source else "")
    if plan.second_try_of:
        gates = ", ".join(plan.second_try_of)
        yield f"               second try by the network {shown(plan.model)} of images that gate {gates} quarantined"
    by = f" by cutouts {one.code}" if one.code else ""
    yield f"               cut in shard {one.shard.index}{by}" if one.shard else "               known before this plan"


def _person_lines(one: ImageDecision) -> Iterator[str]:
    approval = one.publication and one.publication.approval
    if approval:
        yield f"  person       released by {approval.by}, {_moment(approval.at)}: {approval.why}"
    if one.rejection:
        yield f"  person       rejected by {one.rejection.by}, {_moment(one.rejection.at)}: {one.rejection.why}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _object(stored: StoredObject) -> str:
    return f"{stored.name}, " + ("which is not there" if stored.bytes is None else f"{stored.bytes} B")

"""What another suite of expectations would have decided about past deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.quality import NO_ROW, load_suite
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.config import Site
from cutouts.core.decisions import KEPT_BACK, Verdict
from cutouts.core.errors import ConfigError, CutoutsError, GateError
from cutouts.core.gate import Decision, Judgement, decide
from cutouts.core.publications import Hold, Publication, PublicationKind
from cutouts.core.records import DeliveryKey
from cutouts.core.table_paths import plan_file
from cutouts.steps.judging import MeasuredDelivery, judgement_by, measured_delivery
from cutouts.steps.lease import at_work
from cutouts.steps.reconciliation import read_results
from cutouts.steps.stored_keys import decision_of, is_second_try, plan_of
from cutouts.steps.verdicts import judging_suite, suite_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteChange:
    """What another suite says of a past delivery of `images` images, compared with today's suite.

    `quarantined` are the images that only the other one quarantines or holds, each with its reasons, `released` those
    that only today's does. `holds` and `warnings` are those of the other suite alone. `problem` says why the delivery
    cannot be judged; then the verdicts are None.
    """

    delivery: DeliveryKey
    images: int
    before: Verdict | None = None
    after: Verdict | None = None
    quarantined: tuple[tuple[str, tuple[str, ...]], ...] = ()
    released: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    problem: str = ""

    @property
    def differs(self) -> bool:
        """Whether the other suite says anything else than today's."""
        found = (self.quarantined, self.released, self.holds, self.warnings, self.problem)
        return self.before is not self.after or any(found)


@at_work
def check_suite(
    site: Site, suite: Path | None, *, promise: float | None = None, last: int = 20
) -> tuple[SuiteChange, ...]:
    """What another `suite` or `promise` would have decided about the `last` deliveries that were published or wait for
    a person, the newest first, each as a whole and as if nothing were live or released. No decision is changed.

    What is None is as the site has it. Raises GateError if the suite is not safe to use, ConfigError if both are
    None or the promise is not a share.
    """
    if suite is None and promise is None:
        raise ConfigError("there is nothing to check", ["name another suite with --suite, or another --promise"])
    if promise is not None and not 0 < promise < 1:
        raise ConfigError("the promise is wrong", [f"it is a share above 0 and below 1, not {promise}"])
    other = site.model_copy(
        update={"mask_quality": str(suite) if suite else site.mask_quality, "promise": promise or site.promise}
    )
    judging_suite(other)
    tables = open_store(site.tables_url)
    with Catalog.open(site.catalog_url) as catalog:
        return tuple(_change(tables, catalog, one, site, other) for one in _past(tables, catalog, last))


def _past(tables: Store, catalog: Catalog, last: int) -> Iterator[Publication | Hold]:
    """The newest decision about each delivery, and about the second try of each, of the `last` ones."""
    published = (one for one in catalog.last_publications(last) if one.kind is PublicationKind.PUBLISH)
    every: list[Publication | Hold] = [*published, *catalog.holds.all_waiting()]
    found = sorted(every, key=lambda one: one.at, reverse=True)
    newest = {(one.delivery, is_second_try(tables, one.plan_id)): one for one in reversed(found)}
    yield from sorted(newest.values(), key=lambda one: one.at, reverse=True)[:last]


def _change(tables: Store, catalog: Catalog, past: Publication | Hold, site: Site, other: Site) -> SuiteChange:
    try:
        decision = decision_of(tables, past.gate_id)
        plan = plan_of(tables, decision.plan_id)
        images = read_table(tables, plan_file(plan.plan_id, "delivery.parquet"))
        results = read_results(tables, plan, images)
        measured = measured_delivery(site, plan, images, results)
        now, _ = judgement_by(site, tables, catalog, measured, suite_of(site), before=past.at)
    except CutoutsError as error:
        return SuiteChange(delivery=past.delivery, images=0, problem=f"it cannot be compared: {error}")
    try:
        otherwise = measured_delivery(other, plan, images, results)
        then, _ = judgement_by(other, tables, catalog, otherwise, suite_of(other), before=past.at)
    except GateError as error:
        return SuiteChange(delivery=past.delivery, images=plan.images, problem=str(error))
    before, after = (_decided(measured, one) for one in (now, then))
    kept_before, kept_after = _kept_back(measured, before), _kept_back(measured, after)
    return SuiteChange(
        delivery=past.delivery,
        images=plan.images,
        before=before.verdict,
        after=after.verdict,
        quarantined=tuple((name, why) for name, why in kept_after.items() if name not in kept_before),
        released=tuple(name for name in kept_before if name not in kept_after),
        holds=tuple(words for words in then.holds if words not in now.holds),
        warnings=tuple(words for words in then.warnings if words not in now.warnings),
        idle=_idle(suite_of(other), then),
    )


def _idle(suite: Traversable, judgement: Judgement) -> tuple[str, ...]:
    unseen = {one.words for one in judgement.outcomes if one.observed == NO_ROW}
    return tuple(one.words for one in load_suite(suite).on("images") if one.condition and one.words in unseen)


def _decided(measured: MeasuredDelivery, judgement: Judgement) -> Decision:
    ids = measured.images.column("image_id").to_pylist()
    return decide(ids, judgement, rejections=measured.rejections, published={})


def _kept_back(measured: MeasuredDelivery, decision: Decision) -> dict[str, tuple[str, ...]]:
    """The reasons of each quarantined or held image, by id."""
    ids = measured.images.column("image_id").to_pylist()
    rows = zip(ids, decision.outcomes, decision.image_reasons, strict=True)
    return {name: why for name, outcome, why in rows if outcome in KEPT_BACK}

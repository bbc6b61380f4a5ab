"""What the steps did, in sentences, for Airflow's logs and for a terminal. Counts of 0 are left out."""

from __future__ import annotations

from collections.abc import Iterator

from cutouts.core.decisions import AppliedPromise, GateDecision, Outcome
from cutouts.core.publications import Publication
from cutouts.core.records import Plan
from cutouts.core.text.counting import counted
from cutouts.core.text.display import shown


def plan_sentence(plan: Plan) -> str:
    """What there is to do for a delivery."""
    if not plan.todo:
        known = "its 1 image is" if plan.images == 1 else f"all of its {plan.images} images are"
        return f"Delivery {shown(plan.delivery)}: {known} already known, nothing to cut."
    return (
        f"Delivery {shown(plan.delivery)}: {counted(plan.images, 'image')}, {plan.known} known already, "
        f"{plan.todo} to cut in {counted(plan.shards, 'shard')}; plan {plan.plan_id}."
    )


def decision_sentence(decision: GateDecision) -> str:
    """The verdict on a delivery, and how many of its images it concerns."""
    counts = _list({str(outcome): getattr(decision, outcome) for outcome in Outcome})
    images = counted(decision.images, "image")
    return f"Delivery {shown(decision.delivery)}: {images}, {counts}; verdict: {decision.verdict}."


def remarks(decision: GateDecision) -> Iterator[str]:
    """What a person should know of a decision: its reasons, warnings, and its promise."""
    yield from decision.reasons
    yield from (f"warning: {words}" for words in decision.warnings)
    yield from promise_sentence(decision)


def promise_sentence(decision: GateDecision) -> Iterator[str]:
    """What the promise lets through, of the masks that the calibration was checked on and of this delivery; nothing if
    there is no promise."""
    promise = decision.promise
    if promise is None:
        return
    told = "; ".join(_limits_sentence(promise, name) for name in dict.fromkeys(one.network for one in promise.limits))
    yield (
        f"promise: at most {promise.share * 100:.3g}% of what is published is bad ({promise.confidence:.0%} "
        f"confidence, for images like those of the calibration); {told}, {promise.within} of "
        f"{counted(promise.masks, 'mask')} of this delivery"
    )


def _limits_sentence(promise: AppliedPromise, network: str) -> str:
    *categories, rest = (one for one in promise.limits if one.network == network)
    by = f"{shown(network)}: " if network else ""
    own = "".join(f", {one.p_bad:.3f} for {shown(one.category)}" for one in categories)
    return f"{by}p_bad up to {rest.p_bad:.3f}{own}: {rest.kept} of {rest.masks} masks of the calibration"


def publication_sentence(publication: Publication) -> str:
    """What a publication changed."""
    counts = {
        "live already": publication.confirmed,
        "superseded by a newer delivery": publication.superseded,
        "withdrawn": publication.withdrawn,
    }
    parts = [f"{publication.published} published", *_parts(counts)]
    approval = publication.approval
    released = f"; released by {shown(approval.by)}: {shown(approval.why)}" if approval else ""
    number = f"publication {publication.publication_id}"
    return f"Delivery {shown(publication.delivery)}: {', '.join(parts)}{released} ({number})."


def order_sentence(publication: Publication) -> str:
    """What a publication changed that a person ordered."""
    counts = {"brought back": publication.published, "withdrawn": publication.withdrawn}
    delivery_id = shown(publication.delivery.delivery_id)
    return f"Delivery {delivery_id}: {_list(counts)} (publication {publication.publication_id})."


def _parts(counts: dict[str, int]) -> Iterator[str]:
    return (f"{count} {words}" for words, count in counts.items() if count)


def _list(counts: dict[str, int]) -> str:
    return ", ".join(_parts(counts))

"""What people read about the steps."""

from __future__ import annotations

from datetime import UTC, date, datetime

from cutouts.core.decisions import GateDecision, Verdict
from cutouts.core.publications import Approval, Publication
from cutouts.core.records import DeliveryKey, Plan, RecipeDigests
from cutouts.core.text.sentences import decision_sentence, plan_sentence, publication_sentence

KEY = DeliveryKey(date=date(2026, 11, 22), delivery_id="studio-a")
RECIPE = RecipeDigests(matte_digest="m", render_digest="r")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def _plan(images: int, known: int, shards: int) -> Plan:
    return Plan(
        plan_id="p1", delivery=KEY, recipe=RECIPE, images=images, todo=images - known, known=known, shards=shards
    )


def test_a_plan_says_what_there_is_to_do() -> None:
    """One image is singular, and a plan without work says so."""
    some = "Delivery 2026-11-22/studio-a: 48 images, 40 known already, 8 to cut in 1 shard; plan p1."
    assert plan_sentence(_plan(48, 40, 1)) == some
    one = "Delivery 2026-11-22/studio-a: its 1 image is already known, nothing to cut."
    assert plan_sentence(_plan(1, 1, 0)) == one


def test_a_verdict_has_its_counts() -> None:
    """Only outcomes with images are listed."""
    decision = GateDecision(
        gate_id="g",
        judged="j",
        plan_id="p1",
        delivery=KEY,
        recipe=RECIPE,
        verdict=Verdict.PUBLISH_ALL_BUT_QUARANTINED,
        reasons=(),
        images=48,
        published=46,
        quarantined=2,
        held=0,
        rejected=0,
        skipped=0,
        expectations=(),
    )
    told = "Delivery 2026-11-22/studio-a: 48 images, 46 published, 2 quarantined; "
    assert decision_sentence(decision) == told + "verdict: publish all but the quarantined."


def test_a_publication_names_who_released_it() -> None:
    """It also separates images that were already live from new ones."""
    ada = Approval(judged="j", gate_id="g", delivery=KEY, by="Ada", why="glass", at=NOON)
    publication = Publication(
        publication_id=7,
        gate_id="g",
        plan_id="p1",
        delivery=KEY,
        at=NOON,
        published=3,
        confirmed=2,
        superseded=0,
        approval=ada,
    )
    told = "Delivery 2026-11-22/studio-a: 3 published, 2 live already; released by Ada: glass (publication 7)."
    assert publication_sentence(publication) == told

"""Where each table is under a site's table store. Names only."""

from __future__ import annotations

from collections.abc import Iterable

from cutouts.core.records import DeliveryKey, RecipeDigests, ShardKey
from cutouts.core.text.naming import fitting

WAITING = "intake/waiting"
"""The folder of deliveries that are not being processed yet."""

THUMBNAILS = "thumbnails"
"""The folder of small pictures for the review pages, one folder per photograph. They can be made again."""

STAGING = ".repair"
"""The folder beside the objects in which they are made again before they replace the broken ones."""

BACKFILLS = "backfills"
"""The folder of backfills, one folder each."""


JOURNAL = "journal"
"""The folder of the catalogue's journal, from which its database can be rebuilt."""

JOURNAL_RECORD = "publication.json"
JOURNAL_CHANGES = "changes.parquet"


def journal_file(publication_id: int, name: str) -> str:
    """`changes.parquet` or, written last, `publication.json` of a publication."""
    return f"{JOURNAL}/publications/{publication_id:010d}/{name}"


def journal_hold_file(gate_id: str) -> str:
    """A decision that held a delivery, and what a person decided about it."""
    return f"{JOURNAL}/holds/{gate_id}.json"


def journal_reviews_file(gate_id: str) -> str:
    """What people said about single images of a decision."""
    return f"{JOURNAL}/reviews/{gate_id}.json"


def plan_file(plan_id: str, name: str) -> str:
    """`delivery.parquet`, `shards.parquet` or, written last, `plan.json`."""
    return f"plans/{plan_id}/{name}"


def shard_file(shard: ShardKey, name: str) -> str:
    """`masks.parquet`, `metrics.parquet`, `rejections.parquet` or, written last, `receipt.json`."""
    return f"shards/{shard}/{name}"


def ledger_folder(table: str, recipe: RecipeDigests) -> str:
    """Where the results of all decided images of one recipe lie; `table` is masks, metrics or rejections."""
    return f"ledger/{table}/recipe={recipe.matte_digest}-{recipe.render_digest}"


def part_file(table: str, recipe: RecipeDigests, part: str) -> str:
    """One table of a single part of the ledger: what one plan made. Its masks are written last."""
    return f"{ledger_folder(table, recipe)}/{part}.parquet"


JOINED_RECORD = "joined.json"


def joined_folder(recipe: RecipeDigests) -> str:
    """Where the joined parts of the ledger of one recipe are."""
    return f"ledger/joined/recipe={recipe.matte_digest}-{recipe.render_digest}"


def joined_file(table: str | None, recipe: RecipeDigests, part: str) -> str:
    """One table of a joined part of the ledger; None is its record, written last."""
    return f"{joined_folder(recipe)}/{part}/{f'{table}.parquet' if table else JOINED_RECORD}"


def forgotten_file(receipt_id: str) -> str:
    """The receipt of images that were forgotten."""
    return f"forgotten/{receipt_id}.json"


def thumbnail_folder(content: str) -> str:
    """Where the small pictures for the review pages are, of the photograph with that sha256."""
    return f"{THUMBNAILS}/{content}"


def thumbnail_file(content: str, cutout: str, kind: str) -> str:
    """A small picture for the review pages, made of a photograph and the object `cutout`."""
    return f"{thumbnail_folder(content)}/{object_of(cutout)}-{kind}.webp"


def object_of(name: str) -> str:
    """The digest in the name of an object, `ab/ab….png`, or of a small picture of it."""
    return name.rpartition("/")[2].partition(".")[0].partition("-")[0]


def gate_file(gate_id: str, name: str) -> str:
    """`outcomes.parquet`, `measured.json` or, written last, `decision.json`."""
    return f"gates/{gate_id}/{name}"


def recipe_file(recipe: RecipeDigests) -> str:
    """What the two digests of a recipe are of."""
    return f"recipes/{recipe.matte_digest}-{recipe.render_digest}.json"


def suite_file(digest: str) -> str:
    """The text of a suite that the gate judged with."""
    return f"suites/{digest}.json"


def backfill_file(backfill_id: str, name: str) -> str:
    """`state.json` or `cancelled.json` of a backfill."""
    return f"{BACKFILLS}/{backfill_id}/{name}"


def backfilled_file(backfill_id: str, delivery: DeliveryKey) -> str:
    """There if a backfill is done with a delivery."""
    day, _, name = delivery.slug.partition("/")
    return f"{BACKFILLS}/{backfill_id}/done/{day}/{fitting(name, '.json')}"


def verdict_file(digest: str) -> str:
    """The result of a suite of expectations for rows with this digest."""
    return f"verdicts/{digest}.json"


def folder_manifest_file(content: str, day: str) -> str:
    """The manifest that was made of a folder of photographs, by the digest of what it says."""
    return f"manifests/{content}/date={day}/part-0.parquet"


def intake_file(delivery: DeliveryKey) -> str:
    """Which manifest a delivery was taken from."""
    day, _, name = delivery.slug.partition("/")
    return f"intake/deliveries/{day}/{fitting(name, '.json')}"


def waiting_file(delivery: DeliveryKey) -> str:
    """A delivery that was taken and not handed over yet; removed when it is."""
    return f"{WAITING}/{delivery.slug}.json"


def taken_file(fingerprint: str) -> str:
    """What was taken from a manifest as it stood."""
    return f"intake/taken/{fingerprint}.json"


def refused_file(fingerprint: str) -> str:
    """What is wrong with a manifest as it stood, of which nothing could be taken."""
    return f"intake/refused/{fingerprint}.json"


def records_first(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The names of records, and those of other files, in the order in which they are removed: a set of tables without
    its record counts as not written."""
    files = list(names)
    return [name for name in files if name.endswith(".json")], [name for name in files if not name.endswith(".json")]

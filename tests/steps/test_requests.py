"""On S3, gc, forget and the journal send few requests, however many images there are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.images import encode_png
from cutouts.adapters.storage.request_count import counted_requests
from cutouts.adapters.storage.store import Store, open_store
from cutouts.api.forgetting import forget
from cutouts.bench.made_ledgers import manifest, results
from cutouts.bench.plan_bench import PlanBench, in_this_process
from cutouts.bench.scale import REQUESTS, WRITES
from cutouts.core.config import Site
from cutouts.core.errors import StorageError
from cutouts.core.publications import Draft, Order, Selection
from cutouts.core.records import ImageRecord
from cutouts.core.table_paths import thumbnail_folder
from cutouts.stages import cut_chunk, job_of
from cutouts.steps.clearing import clear
from cutouts.steps.journal import keep_journal
from tests.adapters.catalog.made import NOON, TUESDAY, entry

ORDER = Order(by="Ada", because="asked by letter", at=datetime(2026, 11, 27, tzinfo=UTC))


@pytest.fixture
def there(site: Site, bucket: str) -> Site:
    """A site in a bucket."""
    return site.model_copy(update={"tables": f"{bucket}/tables", "objects": f"{bucket}/objects"})


def _sent(store: Store, function: Callable[[], object]) -> int:
    """The requests that a call sends to S3."""
    count = counted_requests(store)
    assert count is not None
    function()
    return count()


def _put_many(store: Store, names: list[str]) -> None:
    """Small files; names with `*` too."""
    bucket, _, prefix = store.path("").partition("/")
    for name in names:
        store.fs.call_s3("put_object", Bucket=bucket, Key=f"{prefix}{name}", Body=b"x")


def test_an_image_takes_as_many_requests_as_the_forecast_says(
    there: Site, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two to read its photograph, and three for each of its objects, one of which writes."""
    open_store(bucket).write("shoe.png", encode_png(np.pad(np.full((40, 40, 3), 30, np.uint8), ((20,), (20,), (0,)))))
    shoe = ImageRecord(image_id="shoe", product_id="shoe", delivery_id="bench", uri=f"{bucket}/shoe.png")
    operations = Counter[str]()
    clients = import_module("aiobotocore.client").AioBaseClient  # each client of s3fs sends all its requests by it
    call = clients._make_api_call

    async def counted(self: object, operation: str, arguments: dict[str, object]) -> object:
        operations[operation] += 1
        return await call(self, operation, arguments)

    monkeypatch.setattr(clients, "_make_api_call", counted)
    assert cut_chunk(job_of(there, sources=[bucket]), [shoe]).images == 1
    assert operations["PutObject"] == WRITES
    assert operations.total() == REQUESTS


def test_gc_deletes_a_thousand_objects_per_request(there: Site) -> None:
    """1,001 orphans need two listings and two deletions, not 1,001 requests."""
    objects = open_store(there.objects_url)
    _put_many(objects, [f"ab/ab{number:04x}.png" for number in range(1_001)])
    found = []
    sent = _sent(objects, lambda: found.append(clear(there, now=datetime.now(UTC) + timedelta(days=3))))
    assert (found[0].objects, objects.names("", ".png")) == (1_001, [])
    assert sent < 15


def test_a_supplier_is_forgotten_with_few_requests(there: Site, tmp_path: Path) -> None:
    """300 images with an object and a thumbnail each; nothing of them is left."""
    bench = PlanBench(site=there, scratch=tmp_path, tell=lambda _: None, where=in_this_process)
    assert [*bench.measure_images(300)]
    objects, tables = open_store(there.objects_url), open_store(there.tables_url)
    _put_many(objects, results(np.arange(300), job_of(there).recipe.digests).masks.column("cutout").to_pylist())
    contents = manifest(np.arange(300)).column("sha256").to_pylist()
    _put_many(tables, [f"{thumbnail_folder(content)}/a-b.webp" for content in contents])
    sent = _sent(tables, lambda: forget(there, Selection(delivery_id="bench"), ORDER))
    assert (objects.names("", ".png"), tables.names("thumbnails", "")) == ([], [])
    assert sent < 250


def test_an_object_that_s3_does_not_delete_is_an_error(there: Site) -> None:
    """S3 answers 200 and names it in the body; nobody may take it for deleted."""
    objects = open_store(there.objects_url)
    objects.write("kept.png", b"kept")
    bucket = objects.path("").partition("/")[0]
    rule = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
    objects.fs.call_s3("put_bucket_policy", Bucket=bucket, Policy=policy)
    with pytest.raises(StorageError, match=r"Permission denied \(AccessDenied\).*kept\.png"):
        objects.remove_all(["kept.png"])


def test_names_with_wildcards_are_deleted_as_they_are(there: Site) -> None:
    """A name is never a pattern that deletes other files."""
    objects = open_store(there.objects_url)
    _put_many(objects, ["a*.png", "ab.png", "a[b].png"])
    objects.remove_all(["a*.png", "a[b].png", "never-there.png"])
    assert objects.names("", ".png") == ["ab.png"]


def test_a_first_journal_needs_one_listing_and_two_files_per_publication(there: Site) -> None:
    """Forty publications are due at once, as after an upgrade: the journal has all of them, and lacks nothing. A few
    requests more look for records of later publications."""
    with Catalog.open(there.catalog_url) as catalog:
        for number in range(40):
            catalog.publish(
                [entry("a", TUESDAY, content=f"{number}")],
                Draft(
                    gate_id=f"{number:032x}",
                    plan_id="plan",
                    delivery=TUESDAY,
                    at=NOON + timedelta(minutes=number),
                ),
            )
        tables = open_store(there.tables_url)
        sent = _sent(tables, lambda: keep_journal(there))
        assert not catalog.journal.is_due()
    assert len(tables.names("journal/publications", "publication.json")) == 40
    assert sent < 40 * 2 + 10

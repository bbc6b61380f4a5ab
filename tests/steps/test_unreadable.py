"""A file that the store does not give is a finding of `verify`, which goes on, and no repair touches it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cutouts.adapters.storage.store import Store
from cutouts.core.config import Site
from cutouts.core.errors import TransientError
from cutouts.steps.verify import verify
from cutouts.steps.verify.findings import FaultKind
from tests.deliveries import photograph, product
from tests.faulty_s3 import FaultyS3, Trouble
from tests.steps.conftest import Refresh

KINDS = (
    "plans/.*/plan.json",
    "plans/.*/shards.parquet",
    "shards/.*/receipt.json",
    "shards/.*/masks.parquet",
    "gates/.*/decision.json",
    "ledger/masks/",
    "journal/publications/.*/publication.json",
    "journal/publications/.*/changes.parquet",
    "recipes/",
)


@pytest.fixture
def there(site: Site, bucket: str, proxy: FaultyS3, refresh: Refresh, tmp_path: Path) -> Site:
    """A site in the store with a published delivery of three products."""
    assert proxy.url
    one = site.model_copy(update={"tables": f"{bucket}/tables", "objects": f"{bucket}/objects"})
    refresh(one, photograph(tmp_path / "shoot", *map(product, range(3))))
    return one


def test_every_unreadable_file_is_reported_and_left_alone(there: Site, proxy: FaultyS3) -> None:
    """Whatever kind of file it is, the others are checked, and afterwards everything is as before."""
    tables, objects = Store(there.tables_url), Store(there.objects_url)
    before = tables.names("", ""), objects.names("", "")
    whole = verify(there)
    assert whole.findings == ()
    for kind in KINDS:
        name = next(one for one in before[0] if re.match(kind, one))
        proxy.troubles = [Trouble(how=403, of=f"(GET|HEAD) .*/tables/{name.replace('=', '%3D')}")]
        found = verify(there, repair=True)
        assert [(one.place, one.kind, one.repaired) for one in found.findings if one.place.endswith(name)] == [
            (f"{tables.url}/{name}", FaultKind.UNREADABLE, None)
        ], kind
        assert found.files == whole.files, kind
        assert (tables.names("", ""), objects.names("", "")) == before
    proxy.troubles = []
    assert verify(there, whole=True).findings == ()


def test_unreadable_objects_are_reported_beside_damaged_ones(there: Site, proxy: FaultyS3) -> None:
    """One is forbidden, one does not answer at the moment, one is cut off: only the last one is repaired."""
    objects = Store(there.objects_url)
    forbidden, silent, cut_off, *_ = objects.names("", ".png")
    objects.write(cut_off, objects.read(cut_off)[:-5])
    proxy.troubles = [Trouble(how=403, of=f"objects/{forbidden}"), Trouble(how=503, of=f"objects/{silent}")]
    found = verify(there, whole=True, repair=True)
    assert {one.place.rpartition("/")[2]: (one.kind, one.repaired) for one in found.findings} == {
        forbidden.rpartition("/")[2]: (FaultKind.UNREADABLE, None),
        silent.rpartition("/")[2]: (FaultKind.OUTAGE, None),
        cut_off.rpartition("/")[2]: (FaultKind.DAMAGED, "cut again"),
    }
    proxy.troubles = []
    assert verify(there, whole=True).findings == ()


def test_a_store_that_does_not_answer_at_all_ends_a_verification(
    there: Site, proxy: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take days to ask for every file."""
    monkeypatch.setattr("cutouts.steps.verify.findings._OUTAGES", 2)
    proxy.troubles = [Trouble(how=503, of=r"(GET|HEAD) .*/objects/.*\.png")]
    with pytest.raises(TransientError, match=r"more than 2 files could not be read; the last one: .*at the moment"):
        verify(there)

"""How images are identified with and without stated content: changed bytes never go unnoticed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import read_table, write_table
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.table_paths import gate_file
from cutouts.intake import folder_manifest
from cutouts.stages import ChunkResult
from tests.file_server import FileServer, serving
from tests.photographs import product
from tests.steps.conftest import refresh_manifest
from tests.steps.test_returning import decided, live


@dataclass(frozen=True, slots=True)
class Delivery:
    """Two photographs and their manifest, which states only what a test asks for."""

    folder: Path

    def photograph(self, seed: int, name: str = "0.jpg") -> Path:
        """Replace a photograph but keep its modification time, as `cp -p` and `rsync -a` do."""
        path = product(self.folder / "shoot" / name, seed=seed)
        os.utime(path, (1e9, 1e9))
        return path

    def run(self, site: Site, **stated: Sequence[object]) -> tuple[GateDecision, list[ChunkResult]]:
        """Deliver both again; `stated` are columns."""
        table, day = folder_manifest(self.folder / "shoot")
        for name in ("sha256", "etag", "bytes", "width_px", "height_px", "uri"):
            field = table.schema.field(name)
            if name in stated or name != "uri":
                column = pa.array(stated.get(name, [None] * table.num_rows), field.type)
                table = table.set_column(table.schema.get_field_index(name), field, column)
        write_table(open_store(str(self.folder)), f"manifest/date={day}/part.parquet", table)
        return refresh_manifest(site, str(self.folder / "manifest"))


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    """Two products."""
    made = Delivery(tmp_path)
    made.photograph(0)
    made.photograph(1, "1.jpg")
    return made


def outcomes(site: Site, decision: GateDecision) -> dict[str, tuple[str, list[str]]]:
    """Outcome and reasons of each image."""
    table = read_table(open_store(site.tables_url), gate_file(decision.gate_id, "outcomes.parquet"))
    return {row["image_id"]: (row["outcome"], row["reasons"]) for row in table.to_pylist()}


def test_unidentified_bytes_are_read_before_receipts_are_reused(site: Site, delivery: Delivery) -> None:
    """Photographs change under the same manifest; the catalogue follows, and only the changed one is cut."""
    delivery.run(site)
    for seed in (7, 0):
        delivery.photograph(seed)
        decision, chunks = delivery.run(site)
        assert live(site, "shoot") == decided(site, decision)
        assert decision.published == 1
        assert sum(chunk.images for chunk in chunks) == (0 if seed == 0 else 1)


def test_unchanged_bytes_are_not_cut_again(site: Site, delivery: Delivery) -> None:
    """They are read, and their receipt is valid."""
    delivery.run(site)
    decision, chunks = delivery.run(site)
    assert (decision.published, decision.skipped, chunks) == (0, 2, [])


def test_a_missing_photograph_is_rejected(site: Site, delivery: Delivery) -> None:
    """Nothing identifies it, so its old receipt proves nothing."""
    uris = [str(product(delivery.folder / "elsewhere" / f"{seed}.jpg", seed=seed)) for seed in range(2)]
    delivery.run(site, uri=[*uris])
    Path(uris[0]).unlink()
    decision, _ = delivery.run(site, uri=[*uris])
    assert outcomes(site, decision)["0.jpg"][0] == "rejected"


def test_a_size_that_differs_from_the_file_is_a_rejection(site: Site, delivery: Delivery) -> None:
    """The manifest describes other bytes, and the next run tries again."""
    size = (delivery.folder / "shoot" / "1.jpg").stat().st_size
    decision, _ = delivery.run(site, bytes=[17, size])
    told = outcomes(site, decision)
    assert told["0.jpg"][0] == "rejected"
    assert told["0.jpg"][1][0].endswith("B; the manifest says 17 B")
    assert told["1.jpg"][0] == "published"


@pytest.mark.parametrize(("given", "stated"), [('"a"', "a"), ("W/'b'", "W/'b'"), ('W/"c"', '"c"')])
def test_an_etag_that_the_server_confirms_identifies_an_image(
    site: Site, delivery: Delivery, given: str, stated: str
) -> None:
    """Quotes and the weak mark do not matter, and an image known by its tag is not requested again."""
    with serving(FileServer(body=delivery.photograph(0).read_bytes(), etag=given)) as server:
        site = site.model_copy(update={"allowed_sources": (server.url, *site.allowed_sources)})
        uris = [f"{server.url}/0.jpg", str(delivery.folder / "shoot" / "1.jpg")]
        assert delivery.run(site, uri=list(uris), etag=[stated, None])[0].published == 2
        asked = len(server.asked)
        assert delivery.run(site, uri=list(uris), etag=[stated, None])[0].skipped == 2
        assert len(server.asked) == asked


def test_an_etag_that_the_server_does_not_have_is_a_rejection(site: Site, delivery: Delivery) -> None:
    """Nothing is stored under a tag that the server does not have; once it has it, the content counts."""
    old, new = (delivery.photograph(seed).read_bytes() for seed in (7, 0))
    with serving(FileServer(body=old, etag='"old"')) as server:
        site = site.model_copy(update={"allowed_sources": (server.url, *site.allowed_sources)})
        about: dict[str, Sequence[object]] = {
            "uri": [f"{server.url}/0.jpg", str(delivery.folder / "shoot" / "1.jpg")],
            "etag": ["new", None],
        }
        decision, _ = delivery.run(site, **about)
        told = outcomes(site, decision)["0.jpg"]
        assert told[0] == "rejected"
        assert told[1][0].endswith('its ETag is "old"; the manifest says new')
        server.body, server.etag = new, '"new"'
        decision, _ = delivery.run(site, **about)
        assert decision.published == 1
        assert live(site, "shoot") == decided(site, decision)


@pytest.mark.parametrize("remote", [False, True])
def test_an_etag_that_nobody_confirms_identifies_nothing(site: Site, delivery: Delivery, remote: bool) -> None:
    """For a file on disk, or a server without tags, the bytes are read and a change is noticed."""
    with serving(FileServer(body=delivery.photograph(0).read_bytes(), etag=None)) as server:
        site = site.model_copy(update={"allowed_sources": (server.url, *site.allowed_sources)})
        files = [str(delivery.folder / "shoot" / f"{seed}.jpg") for seed in range(2)]
        about = {"uri": [f"{server.url}/0.jpg" if remote else files[0], files[1]], "etag": ["v1", "v1"]}
        assert delivery.run(site, **about)[0].published == 2
        server.body = delivery.photograph(7).read_bytes()
        decision, _ = delivery.run(site, **about)
        assert decision.published == 1
        assert live(site, "shoot") == decided(site, decision)


def test_an_etag_belongs_to_the_url_where_it_was_confirmed(site: Site, delivery: Delivery) -> None:
    """Two servers name their versions alike: content that is known from one is not taken for the other's."""
    one, other = (delivery.photograph(seed).read_bytes() for seed in (1, 7))
    with (
        serving(FileServer(body=one, etag='"v1"')) as first,
        serving(FileServer(body=one, etag=None)) as second,
    ):
        site = site.model_copy(update={"allowed_sources": (first.url, second.url)})
        uris = [f"{first.url}/0.jpg", f"{second.url}/0.jpg"]
        delivery.run(site, uri=uris[:1] * 2, etag=["v1", "v1"])
        delivery.run(site, uri=uris, etag=["v1", None])  # read, and known by its bytes
        second.body, second.etag = other, '"v1"'
        decision, _ = delivery.run(site, uri=uris, etag=["v1", "v1"])
        assert live(site, "shoot") == decided(site, decision)
        assert live(site, "shoot")["1.jpg"][0] == hashlib.sha256(other).hexdigest()


def test_an_etag_that_was_only_stated_identifies_no_copy(site: Site, delivery: Delivery) -> None:
    """A row shares digest and ETag with another, so its file was never read; without the digest, it is."""
    one, other = (delivery.photograph(seed).read_bytes() for seed in (1, 7))
    digest = hashlib.sha256(one).hexdigest()
    with serving(FileServer(body=one, etag='"v1"')) as first, serving(FileServer(body=other, etag='"v1"')) as second:
        site = site.model_copy(update={"allowed_sources": (first.url, second.url)})
        about = {"uri": [f"{first.url}/0.jpg", f"{second.url}/0.jpg"], "etag": ["v1", "v1"]}
        delivery.run(site, **about, sha256=[digest, digest])
        delivery.run(site, **about)
        assert live(site, "shoot")["1.jpg"][0] == hashlib.sha256(other).hexdigest()

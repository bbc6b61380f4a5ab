"""Signed addresses and private files through a whole run: what is written and what is not."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import ExifTags, Image

from cutouts.adapters.storage.stored_tables import table_of
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.records import ImageRecord
from cutouts.schemas.tables import MANIFEST
from cutouts.stages import ChunkResult
from tests.command import cutouts
from tests.photographs import blank, broken, product
from tests.steps.conftest import Refresh, refresh_manifest

SIGNATURE = "4f1c0ffee5ecre7d51gnature"
PASSWORD = "pa55w0rd"
PRIVATE = b"root:x:0:0:root:/root:/bin/bash\nPRIVATE=yes\n"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A web server with two products, a scene without one, a broken file and a text; gives its address with a login.

    Commands may read from it.
    """
    folder = tmp_path / "web"
    product(folder / "0.jpg")
    product(folder / "1.jpg", seed=1)
    blank(folder / "empty.jpg")
    broken(folder / "broken.jpg")
    (folder / "private.jpg").write_bytes(PRIVATE)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("CUTOUTS_ALLOWED_SOURCES", f"http://127.0.0.1:{server.server_port}")
    yield f"http://shop:{PASSWORD}@127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def delivered(path: Path, shop: str, *names: str) -> Path:
    """A manifest of those files, each with a signed address."""
    records = [
        ImageRecord(
            image_id=name,
            product_id=name,
            delivery_id="studio",
            uri=f"{shop}/{name}?w=800&X-Amz-Signature={SIGNATURE}",
        )
        for name in names
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table_of(records, MANIFEST), path)
    return path


def written(out: Path) -> dict[str, str]:
    """The content of all files below a folder as text, with tables read."""
    texts = {}
    for path in (path for path in out.rglob("*") if path.is_file() and path.suffix != ".png"):
        table = path.suffix == ".parquet"
        text = str(pq.read_table(path).to_pylist()) if table else path.read_bytes().decode("latin-1")
        texts[path.relative_to(out).as_posix()] = text
    return texts


def test_only_the_shards_hold_a_signature(shop: str, tmp_path: Path) -> None:
    """Report, tables, catalogue and messages have none, even after a second run, but pictures are shown."""
    names = ("0.jpg", "1.jpg", "empty.jpg", "broken.jpg", "private.jpg", "missing.jpg")
    manifest = delivered(tmp_path / "today.parquet", shop, *names)
    out = tmp_path / "out"
    for _ in range(2):
        done = cutouts("run", manifest, "--out", out)
        assert done.returncode == 0, done.stderr
        assert SIGNATURE not in done.stdout + done.stderr
    texts = written(out)
    holders = {name for name, text in texts.items() if SIGNATURE in text or PASSWORD in text}
    assert holders
    assert all(name.startswith("tables/plans/") and name.endswith("/shards.parquet") for name in holders)
    sources = pq.read_table(out / "images.parquet").column("source").to_pylist()
    assert sorted(sources) == sorted(f"http://***@{shop.split('@')[1]}/{n}?w=800&X-Amz-Signature=***" for n in names)
    assert texts["report.html"].count('alt="http://***@') == 3


def test_nothing_is_revealed_about_a_file_that_is_not_an_image(shop: str, tmp_path: Path) -> None:
    """No file or message has part of it or its digest, whatever digest the manifest claims."""
    out = tmp_path / "out"
    folder = tmp_path / "folder"
    product(folder / "a.jpg")
    (folder / "private.jpg").write_bytes(PRIVATE)
    (folder / "binary.jpg").write_bytes(bytes(range(7, 200)))
    digests = [hashlib.sha256(data).hexdigest()[:12] for data in (PRIVATE, bytes(range(7, 200)))]
    wrong = delivered(tmp_path / "wrong.parquet", shop, "private.jpg")
    table = pq.read_table(wrong)
    claimed = pa.array(["0" * 64], pa.string())
    pq.write_table(table.set_column(table.column_names.index("sha256"), "sha256", claimed), wrong)
    for source in (folder, wrong):
        done = cutouts("run", source, "--out", out)
        assert done.returncode == 0, done.stderr
        told = " ".join([done.stdout, done.stderr, *written(out).values()])
        for secret in ("PRIVATE", "root:x", "07 08 09", *digests):
            assert secret not in told, secret


def test_a_file_that_is_not_an_image_is_remembered(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """It is not read again until it changes, and is counted each time."""
    folder = tmp_path / "shoot"
    product(folder / "a.jpg")
    (folder / "b.jpg").write_bytes(PRIVATE)

    def outcome() -> tuple[GateDecision, list[ChunkResult]]:
        decision, chunks = refresh(site, folder)
        assert decision.images == 2
        return decision, chunks

    decision, chunks = outcome()
    assert (decision.published, decision.rejected, len(chunks)) == (1, 1, 2)
    decision, chunks = outcome()
    assert (decision.skipped, decision.rejected, len(chunks)) == (1, 1, 0)
    (folder / "b.jpg").write_bytes(PRIVATE + b"more")
    decision, chunks = outcome()
    assert (decision.skipped, decision.rejected, len(chunks)) == (1, 1, 1)
    product(folder / "b.jpg", seed=2)
    decision, chunks = outcome()
    assert (decision.skipped, decision.published, decision.rejected) == (1, 1, 0)


def test_a_new_signature_is_not_a_new_image(site: Site, shop: str, tmp_path: Path) -> None:
    """A newly signed address is known by its ETag, and one with another version is cut again."""
    manifest = delivered(tmp_path / "manifest" / "date=2026-01-01" / "part.parquet", shop, "0.jpg")

    allowed = site.allowing(shop.replace(f"shop:{PASSWORD}@", ""))

    def deliver(signature: str, etag: str) -> GateDecision:
        table = pq.read_table(manifest, partitioning=None)
        record = ImageRecord(**{**table.to_pylist()[0], "etag": etag, "uri": f"{shop}/0.jpg?sig={signature}"})
        pq.write_table(table_of([record], MANIFEST), manifest)
        decision, chunks = refresh_manifest(allowed, str(tmp_path / "manifest"))
        assert decision.images == 1
        asked.append(len(chunks))
        return decision

    asked: list[int] = []
    assert deliver("monday", "1").published == 1
    assert deliver("tuesday", "1").skipped == 1
    assert deliver("wednesday", "2").skipped == 1
    assert asked[:2] == [1, 0]


def test_a_cutout_holds_no_metadata_of_the_camera(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """Comments, descriptions, places and owners are neither in it nor in any table."""
    photo = product(tmp_path / "photos" / "a.jpg")
    with Image.open(photo) as picture:
        exif = picture.getexif()
        exif[ExifTags.Base.ImageDescription] = exif[ExifTags.Base.CameraOwnerName] = "told-by-the-camera"
        exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = b"told-by-the-camera"
        picture.save(photo, exif=exif, comment=b"told-by-the-camera")
    assert photo.read_bytes().count(b"told-by-the-camera") >= 3
    refresh(site, photo.parent)
    files = [path for path in Path(site.root).rglob("*") if path.is_file()]
    assert len([path for path in files if path.suffix == ".png"]) == 2
    assert [path for path in files if b"told-by-the-camera" in path.read_bytes()] == []

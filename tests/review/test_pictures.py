"""The pictures of an image: small, made once, and only of what a site may read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cutouts.adapters.storage.store import open_store
from cutouts.api.site_runs import run_on_site
from cutouts.core.config import Site
from cutouts.core.pixels import Bytes
from cutouts.review.pictures import NoPictureError, Picture, _thumbnail, picture
from cutouts.review.sheets import SheetImage, open_sheet
from cutouts.review.standings import newest_decision, settled
from tests.photographs import blank, product


@pytest.fixture
def image(site: Site, tmp_path: Path) -> SheetImage:
    """A photograph that was cut and published."""
    product(tmp_path / "in" / "shoot" / "0.jpg", size=600)
    run_on_site(tmp_path / "in", site=site)
    ((entry,), _) = settled(site, 0)
    assert newest_decision(site, entry.delivery) == entry.gate_id
    return open_sheet(site, entry.gate_id).image(0)


def _decoded(data: bytes) -> Bytes:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def test_pictures_are_small_and_made_once(site: Site, image: SheetImage, tmp_path: Path) -> None:
    """After the first request, neither the photograph nor the cutout is read again."""
    made = {kind: picture(site, image, kind) for kind in Picture}
    sizes = {kind: _decoded(data).shape for kind, data in made.items()}
    assert sizes[Picture.THUMBNAIL] == (280, 280, 4)
    assert sizes[Picture.CUTOUT] == sizes[Picture.DOUBT] == (600, 600, 4)
    assert sizes[Picture.BEFORE] == (600, 600, 3)
    assert sizes[Picture.EDGES][0] == sizes[Picture.EDGES_BEFORE][0] == 288
    assert sizes[Picture.EDGES][1] % 288 == 0
    (tmp_path / "in" / "shoot" / "0.jpg").unlink()
    open_store(site.objects_url).remove(str(image.cutout))
    assert {kind: picture(site, image, kind) for kind in Picture} == made


def test_a_damaged_picture_is_made_again(site: Site, image: SheetImage) -> None:
    """Nobody judges a mask by it, whether bits are flipped, it is cut off, or it is the picture of another image."""
    made = {kind: picture(site, image, kind) for kind in Picture}
    tables = open_store(site.tables_url)
    names = tables.names("thumbnails", ".webp")
    kept = [tables.read(name) for name in names]
    assert len(names) == len(Picture)
    for damage in (
        [data[:40] + bytes([data[40] ^ 4]) + data[41:] for data in kept],
        [data[: len(data) // 2] for data in kept],
        [b"" for _ in kept],
        [*kept[1:], kept[0]],
    ):
        for name, data in zip(names, damage, strict=True):
            tables.write(name, data)
        assert {kind: picture(site, image, kind) for kind in Picture} == made
        assert [tables.read(name) for name in names] == kept


def test_a_thumbnail_of_an_empty_cutout_shows_the_faded_photograph(site: Site, tmp_path: Path) -> None:
    """An empty checkerboard does not say what the network missed. If the photograph may not be read, it is empty."""
    product(tmp_path / "in" / "shoot" / "0.jpg", size=600)
    blank(tmp_path / "in" / "shoot" / "1.jpg")
    run_on_site(tmp_path / "in", site=site)
    ((entry,), _) = settled(site, 0)
    sheet = open_sheet(site, entry.gate_id)
    (empty,) = (one for one in map(sheet.image, range(2)) if one.image_id == "shoot/1.jpg")
    closed = site.model_copy(update={"allowed_sources": ("https://",)})
    assert _decoded(_thumbnail(closed, empty))[..., 3].max() < 8
    alpha = _decoded(_thumbnail(site, empty))[..., 3]
    assert (alpha.min(), alpha.max()) == (110, 110)


def test_the_edge_is_shown_at_four_times_its_size(site: Site, image: SheetImage) -> None:
    """Each pixel of the cutout is a square of 4×4 px, unchanged."""
    edges = _decoded(picture(site, image, Picture.EDGES))
    small = edges[::4, ::4]
    assert np.array_equal(np.repeat(np.repeat(small, 4, 0), 4, 1), edges)
    assert {0, 255} <= {*np.unique(small[..., 3]).tolist()}


def test_an_empty_mask_has_no_edge_to_show(site: Site, image: SheetImage) -> None:
    """The page then shows no edge, instead of the top left corner, and does not look for it again. The other pictures
    are there."""
    store, shape = open_store(site.objects_url), _decoded(picture(site, image, Picture.CUTOUT)).shape
    empty = cv2.imencode(".png", np.zeros(shape, np.uint8))[1].tobytes()
    store.write("empty.png", empty)
    image = replace(image, cutout="empty.png")
    for kind in (Picture.EDGES, Picture.EDGES_BEFORE):
        with pytest.raises(NoPictureError, match="has no edge"):
            picture(site, image, kind)
        store.remove("empty.png")
    assert picture(site, image, Picture.BEFORE)
    assert picture(site, image, Picture.CUTOUT)


def test_a_photograph_that_may_not_be_read_is_not_shown(site: Site, image: SheetImage) -> None:
    """Settings may have changed since it was cut. Its cutout is shown all the same."""
    closed = site.model_copy(update={"allowed_sources": ("https://",)})
    with pytest.raises(NoPictureError, match="cannot be read"):
        picture(closed, image, Picture.BEFORE)
    assert picture(closed, image, Picture.CUTOUT)


def test_another_photograph_of_the_same_name_is_not_shown(site: Site, image: SheetImage, tmp_path: Path) -> None:
    """What a person sees beside the cutout is the photograph that it was cut from, or nothing."""
    product(tmp_path / "in" / "shoot" / "0.jpg", seed=3, size=600)
    with pytest.raises(NoPictureError):
        picture(site, image, Picture.BEFORE)

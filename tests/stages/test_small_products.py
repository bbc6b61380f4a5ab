"""A product that is small in a large photograph is cut from nearer, with the shipped network."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from cutouts import Cutter
from cutouts.core.config import Site
from cutouts.core.pixels import Bytes
from cutouts.core.records import ImageRecord, Mask
from cutouts.stages import cut_chunk, job_of


def _balls(file: Path, *, radius: int) -> Bytes:
    """Write a ball on a plain ground of 1,400 px; gives its matte."""
    image = np.full((1400, 1400, 3), 225, np.uint8)
    matte = np.zeros((1400, 1400), np.uint8)
    cv2.circle(matte, (500, 900), radius, 255, -1, cv2.LINE_AA)
    for inner in range(radius, 0, -1):
        cv2.circle(image, (500, 900), inner, (30, 40, 250 - 200 * inner // radius), -1, cv2.LINE_AA)
    assert cv2.imwrite(str(file), image)
    return matte


def _stored(folder: Path, mask: Mask) -> Bytes:
    """The matte in the site's store."""
    (file,) = Path(folder, "site").rglob(f"*/{Path(mask.mask).name}")
    return np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8)


def test_a_small_product_costs_a_second_model_call_and_has_exact_edges(tmp_path: Path) -> None:
    """A chunk with a small and a large product takes three calls, and both mattes are right."""
    mattes = {name: _balls(tmp_path / name, radius=radius) for name, radius in (("s.png", 120), ("l.png", 420))}
    records = [ImageRecord(image_id=name, product_id="", delivery_id="", uri=str(tmp_path / name)) for name in mattes]
    result = cut_chunk(job_of(Site(root=str(tmp_path / "site"), allowed_sources=(str(tmp_path),))), records)
    assert (len(result.masks), result.model_batches) == (2, 3)
    for mask in result.masks:
        made = _stored(tmp_path, mask)
        wrong = np.abs(made.astype(int) - mattes[mask.image_id]).sum()
        assert wrong < 0.02 * mattes[mask.image_id].sum(dtype=int)


def test_a_cutter_looks_as_a_chunk_does(tmp_path: Path) -> None:
    """One image alone has the same pixels as in a run."""
    _balls(tmp_path / "s.png", radius=120)
    record = ImageRecord(image_id="s", product_id="", delivery_id="", uri=str(tmp_path / "s.png"))
    site = Site(root=str(tmp_path / "site"), allowed_sources=(str(tmp_path),))
    (mask,) = cut_chunk(job_of(site), [record]).masks
    np.testing.assert_array_equal(Cutter(site=site).cut(tmp_path / "s.png").matte, _stored(tmp_path, mask))

"""The small pictures on the contact sheet."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np

from cutouts.core.pixels import Bytes
from cutouts.report.html.pictures import PictureFiles, load_pictures
from tests.report.conftest import Run


def _decoded(uri: str | None) -> Bytes:
    assert uri is not None
    data = base64.b64decode(uri.removeprefix("data:image/webp;base64,"))
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def test_the_cutout_keeps_its_colour_up_to_the_rim(run: Run) -> None:
    """Shrinking and WebP mix no black from the transparent part into the soft rim."""
    shown = load_pictures([PictureFiles(photograph="x.jpg", cutout="cutout.png", mask=None)], run.folder, run.read)[0]
    picture = _decoded(shown.cutout)
    rim = picture[(picture[..., 3] > 40) & (picture[..., 3] < 215)]
    assert len(rim) > 100
    assert rim[:, 2].mean() > 205


def test_a_quarantined_image_is_shown_through_its_mask(run: Run) -> None:
    """Without a cutout, the photograph is shown through its mask."""
    shown = load_pictures([PictureFiles(photograph="x.jpg", cutout=None, mask="mask.png")], run.folder, run.read)[0]
    alpha = _decoded(shown.cutout)[..., 3]
    assert alpha[150, 200] == 255
    assert alpha[5, 5] == 0


def test_large_photographs_become_small_pictures(run: Run) -> None:
    """No picture is larger than the sheet needs, and with fewer images they are larger."""
    cv2.imwrite(str(run.folder / "disc.jpg"), np.full((350, 700, 3), 90, np.uint8))
    source = PictureFiles(photograph="x.jpg", cutout=None, mask=None)
    few, many = (load_pictures([source] * count, run.folder, run.read)[0] for count in (2, 49))
    assert (few.width, few.height) == (700, 350)
    assert _decoded(few.photograph).shape == (320, 640, 3)
    assert _decoded(many.photograph).shape == (160, 320, 3)


def test_a_mask_of_another_size_is_not_used(run: Run, tmp_path: Path) -> None:
    """A source and a mask that do not match are not combined."""
    cv2.imwrite(str(tmp_path / "mask.png"), np.zeros((10, 10), np.uint8))
    shown = load_pictures([PictureFiles(photograph="x.jpg", cutout=None, mask="mask.png")], run.folder, run.read)[0]
    assert shown.photograph is not None
    assert shown.cutout is None

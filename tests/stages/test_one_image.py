"""A bad image is one rejection, whatever its fault; a problem of all images stops the work."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cutouts.adapters.model import ModelChoice, recipe_of
from cutouts.core.config import Site
from cutouts.core.errors import ImageRejected, ModelError, StorageError, TransientError
from cutouts.core.records import ImageRecord
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.stages import Job, cut_chunk, job_of
from cutouts.stages.image_errors import one_image
from tests.models_folder import picky_row
from tests.photographs import product


def too_deep() -> None:
    """Calls itself without end."""
    too_deep()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda: cv2.cvtColor(np.zeros((2, 2)), cv2.COLOR_BGR2RGB), "error: OpenCV"),
        (lambda: np.zeros(3).reshape(2, 2), "ValueError: cannot reshape"),
        (lambda: "\0".encode("ascii").decode("utf-16"), "UnicodeDecodeError"),
        (lambda: Path("/dev/null/no").read_bytes(), "NotADirectoryError"),
        (too_deep, "RecursionError: maximum recursion depth"),
    ],
)
def test_an_unexpected_exception_is_the_rejection_of_its_image(fault: Callable[[], object], words: str) -> None:
    """The detail has the exception's class and the first line of its text."""
    with pytest.raises(ImageRejected) as caught, one_image():
        fault()
    assert caught.value.reason is RejectionReason.FAILED
    assert caught.value.detail.startswith(words)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "fault",
    [
        lambda: bytearray(1 << 62),
        lambda: cv2.copyMakeBorder(np.zeros((4, 4), np.uint8), 0, 1 << 30, 0, 1 << 30, cv2.BORDER_CONSTANT),
    ],
)
def test_running_out_of_memory_has_its_own_reason(fault: Callable[[], object]) -> None:
    """Beside fewer images there may be enough, so the image is retried in the same chunk."""
    with pytest.raises(ImageRejected) as caught, one_image():
        fault()
    assert (caught.value.reason, caught.value.retryable) == (RejectionReason.NEEDS_MEMORY, True)


@pytest.mark.parametrize(
    "error", [StorageError("gone"), TransientError("away"), ModelError("wrong"), ImportError("no such library")]
)
def test_a_problem_of_every_image_is_not_a_rejection(error: Exception) -> None:
    """A failing store, network or installation would reject ten thousand images one after the other."""
    with pytest.raises(type(error)) as caught, one_image():
        raise error
    assert caught.value is error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.EROFS])
def test_an_exhausted_machine_is_an_error_of_the_store(number: int) -> None:
    """A full disk is not the fault of the image."""
    with pytest.raises(StorageError, match="cannot continue"), one_image():
        raise OSError(number, "exhausted")


def test_a_batch_that_fails_is_tried_image_by_image(tmp_path: Path) -> None:
    """Of four images in one model call only the one that the network fails on is rejected, with its content."""
    job = replace(_job(tmp_path, limit=200), batch_images=4)
    records = [_grey(tmp_path / f"{value}.png", value) for value in (10, 60, 220, 110)]
    result = cut_chunk(job, records)
    assert [mask.image_id for mask in result.masks] == ["10.png", "60.png", "110.png"]
    assert [one.image_id for one in result.metrics] == ["10.png", "60.png", "110.png"]
    (rejection,) = result.rejections
    assert (rejection.image_id, rejection.stage, rejection.reason) == ("220.png", "infer", "failed")
    assert "out of" in rejection.detail
    assert rejection.sha256
    assert not rejection.retryable


def test_a_network_that_fails_on_every_image_rejects_none(tmp_path: Path) -> None:
    """It is an error of the network, and a broken installation must not use up a delivery."""
    job = _job(tmp_path, limit=0)
    with pytest.raises(ModelError, match="fails on every image"):
        cut_chunk(job, [_grey(tmp_path / "10.png", 10)])


def test_a_store_that_cannot_be_written_is_not_a_rejection(tmp_path: Path) -> None:
    """Objects are below a file, so the work stops with the error of the store."""
    (tmp_path / "file").touch()
    job = job_of(Site(objects=str(tmp_path / "file" / "objects")), sources=[str(tmp_path)])
    with pytest.raises(StorageError):
        cut_chunk(job, [_record(product(tmp_path / "a.jpg"))])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS is enforced there")
def test_missing_memory_rejects_one_image(tmp_path: Path) -> None:
    """A process with limited memory rejects the one image that is too large and cuts the others."""
    for name, size in (("a.png", 200), ("b.png", 9000), ("c.png", 200)):
        cv2.imwrite(str(tmp_path / name), np.full((size, size, 3), 200, np.uint8))
    script = """
import resource, sys
from pathlib import Path
from cutouts.core.config import Site
from cutouts.core.records import ImageRecord
from cutouts.stages import cut_chunk, job_of
folder = Path(sys.argv[1])
job = job_of(Site(root=str(folder)), sources=[str(folder)])
names = ("a.png", "b.png", "c.png")
images = [ImageRecord(image_id=name, product_id=name, delivery_id="x", uri=str(folder / name)) for name in names]
cut_chunk(job, images[:1])
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000, -1))
result = cut_chunk(job, images)
print(*(mask.image_id for mask in result.masks), *(f"{one.image_id}={one.reason}" for one in result.rejections))
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["a.png", "c.png", "b.png=needs_memory"], done.stderr


def _job(folder: Path, limit: int) -> Job:
    """A job with a network that fails on images brighter than `limit`."""
    row = picky_row(folder, limit=limit).model_copy(update={"file": str(folder / "picky.onnx")})
    job = job_of(Site(root=str(folder)), sources=[str(folder)])
    return replace(job, choice=ModelChoice(row=row), recipe=recipe_of(row))


def _grey(path: Path, value: int) -> ImageRecord:
    cv2.imwrite(str(path), np.full((40, 40, 3), value, np.uint8))
    return _record(path)


def _record(path: Path) -> ImageRecord:
    return ImageRecord(image_id=path.name, product_id=path.stem, delivery_id="spring", uri=str(path))

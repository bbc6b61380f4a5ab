"""Work gives the same results wherever it ran, once each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from cutouts.core.config import Site
from cutouts.core.errors import ConfigError
from cutouts.core.mask_metrics import MaskMetrics
from cutouts.core.records import ImageRecord, Mask, Rejection
from cutouts.runner import Runner
from cutouts.stages import cut_chunk, job_of
from tests.dask_cluster import ROOT
from tests.runner.items import die_once, fail_twice, nap, opencv_threads, refuse, scale

pytestmark = pytest.mark.filterwarnings("ignore::distributed.versions.VersionMismatchWarning")


def test_every_runner_gives_the_same_results(runner: Runner) -> None:
    """Twenty chunks come back once each, and again for a second map."""
    chunks = [(number, number + 1) for number in range(20)]
    expected = sorted(scale(3, chunk) for chunk in chunks)
    assert sorted(runner.map(partial(scale, 3), chunks)) == expected
    assert sorted(runner.map(partial(scale, 3), chunks)) == expected


def test_every_runner_cuts_the_same_records(runner: Runner, tmp_path: Path) -> None:
    """Masks, metrics and rejections of real chunks are equal, down to the object's digest."""
    job = job_of(Site(objects=str(tmp_path / "objects")), sources=[str(tmp_path)])
    chunks = [(record,) for record in _photographs(tmp_path / "photographs")]
    here = [cut_chunk(job, chunk) for chunk in chunks]
    there = list(runner.map(partial(cut_chunk, job), chunks))
    for kind in ("masks", "metrics", "rejections"):
        expected = sorted((record for result in here for record in getattr(result, kind)), key=_image_id)
        assert sorted((record for result in there for record in getattr(result, kind)), key=_image_id) == expected
        assert expected


def test_no_items_give_no_results(runner: Runner) -> None:
    """An empty plan is not an error."""
    assert list(runner.map(partial(scale, 3), [])) == []


@pytest.mark.parametrize("error", [ConfigError("wrong", ["this", "that"]), KeyError("x")])
def test_an_exception_is_raised_unchanged_and_not_retried(runner: Runner, error: Exception, tmp_path: Path) -> None:
    """Its type and text arrive, and the failing item was called once."""
    log = tmp_path / "calls"
    with pytest.raises(type(error)) as caught:
        list(runner.map(partial(refuse, error, str(log)), range(6)))
    assert str(caught.value) == str(error)
    assert log.read_text().split().count("3") == 1
    assert list(runner.map(partial(scale, 2), [(1,)])) == [(2,)], "the runner serves on"


def test_transient_errors_are_retried(runner: Runner, tmp_path: Path) -> None:
    """A chunk that fails twice with TransientError still gives its result."""
    assert list(runner.map(partial(fail_twice, str(tmp_path)), [1])) == [1]


def test_the_number_of_items_in_flight_is_limited(runner: Runner) -> None:
    """Items are drawn as results are taken, and never more than the window are in flight."""
    window = runner.describe().window
    drawn = taken = most = 0

    def source() -> Iterator[int]:
        nonlocal drawn, most
        for item in range(30):
            drawn += 1
            most = max(most, drawn - taken)
            yield item

    for _ in runner.map(partial(nap, 0.01), source()):
        taken += 1
    assert taken == 30
    assert window // 2 < most <= window


def test_a_chunk_uses_only_its_own_thread(local_runner: Runner) -> None:
    """OpenCV opens no threads on a worker, where each core has a chunk already."""
    assert list(local_runner.map(opencv_threads, [0])) == [1]


def test_a_dead_worker_costs_a_retry_and_not_the_run(local_runner: Runner, tmp_path: Path) -> None:
    """All results arrive, none twice."""
    assert sorted(local_runner.map(partial(die_once, str(tmp_path / "died")), range(20))) == list(range(20))
    assert (tmp_path / "died").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the allocator of glibc is told what to keep")
def test_freed_memory_is_reused_under_dask_s_settings() -> None:
    """Arrays the size of an image do not fault their pages in again, unlike with a nanny's defaults."""
    script = (
        "import resource; from functools import partial; from cutouts.runner.work import Attempt\n"
        "def work(item): return sum(int(bytearray(8_000_000)[-1]) for _ in range(20))\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "Attempt(work, 0)(); before = faults(); Attempt(work, 0)(); print(faults() - before)"
    )
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}
    run = subprocess.run(
        [sys.executable, "-c", script], check=True, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert int(run.stdout) < 2000, "20 arrays of 8 MB are 39,000 pages"


def test_serial_needs_no_dask() -> None:
    """`serial` works without importing Dask."""
    script = (
        "import sys; from cutouts.core.config import Site; from cutouts.runner import open_runner\n"
        "with open_runner(Site(cluster='serial')) as runner: assert list(runner.map(abs, [-1])) == [1]\n"
        "assert not {'dask', 'distributed'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def _photographs(folder: Path) -> list[ImageRecord]:
    """Two discs before a wall, and a file that is not an image."""
    folder.mkdir()
    for number in range(2):
        picture = np.full((90, 110, 3), 225, np.uint8)
        cv2.circle(picture, (55, 45), 20 + 10 * number, (30, 60, 160), -1)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    (folder / "broken.png").write_bytes(b"no image")
    return [
        ImageRecord(image_id=path.name, product_id=path.stem, delivery_id="spring", uri=str(path))
        for path in sorted(folder.iterdir())
    ]


def _image_id(record: Mask | MaskMetrics | Rejection) -> str:
    return record.image_id

"""Images in work share the memory of their process: they wait for each other, or are rejected if they need too much."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cutouts.core.config import Site
from cutouts.core.errors import ImageRejected
from cutouts.core.records import ImageRecord
from cutouts.stages import Job, cut_chunk, job_of, memory_budget
from cutouts.stages.memory_budget import Memory, ProcessMemory, machine_memory
from tests.photographs import product
from tests.waiting import PATIENCE, until


def test_an_image_that_needs_more_than_is_free_waits() -> None:
    """Never more than `at_once` is taken, and every image gets a turn."""
    memory = Memory(at_once=100, alone=100)
    lock, now, most = threading.Lock(), 0, 0

    def image(size: int) -> None:
        nonlocal now, most
        with memory.taken(size):
            with lock:
                now += size
                most = max(most, now)
            time.sleep(0.002)
            with lock:
                now -= size

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(image, [30, 60, 100, 10] * 20))
    assert 60 < most <= 100


def test_an_image_that_needs_more_than_the_share_is_worked_on_alone() -> None:
    """Estimates are rough, so a large image gets all memory, up to a hard limit."""
    memory = Memory(at_once=100, alone=150)
    with memory.taken(140):
        assert not memory.try_take(1)
    with pytest.raises(ImageRejected, match=r"needs too much memory.*raise max_memory"):
        memory.fitting(151)
    assert memory.try_take(100)


def test_a_request_for_all_memory_waits_for_the_others_and_keeps_them_out() -> None:
    """Small requests do not overtake it for ever."""
    memory = Memory(at_once=100, alone=100)
    memory.take(10)
    said: list[str] = []

    def everything() -> None:
        with memory.all_of_it():
            said.append("all")
            assert not memory.try_take(1)

    def kept_out() -> bool:
        if taken := memory.try_take(1):
            memory.give_back(1)
        return not taken

    waiting = threading.Thread(target=everything)
    waiting.start()
    until(kept_out)
    assert said == []
    memory.give_back(10)
    waiting.join(PATIENCE)
    assert said == ["all"]
    assert memory.try_take(100)


def test_images_may_use_what_the_process_does_not_use_itself() -> None:
    """The total is the worker's limit or the machine's memory, and a setting takes precedence."""
    own = ProcessMemory()
    own.limit_to(2_000_000_000)
    sized = own.sized(0)
    assert 0 < sized.at_once < sized.alone < 1_900_000_000
    assert own.sized(77).alone == own.sized(77).at_once == 77
    assert 0 < ProcessMemory().sized(0).alone < machine_memory()


def test_an_image_above_the_memory_setting_is_rejected(tmp_path: Path) -> None:
    """It is not decoded, the others are cut, and the next run knows its content."""
    job = _job(tmp_path, max_memory=100_000_000)
    large = np.full((2000, 2000, 3), 200, np.uint8)
    cv2.imwrite(str(tmp_path / "large.png"), large)
    result = cut_chunk(job, [_record(tmp_path / "large.png"), _record(product(tmp_path / "small.jpg"))])
    assert [mask.image_id for mask in result.masks] == ["small.jpg"]
    (rejection,) = result.rejections
    assert re.match(r"the image needs too much memory: about 1\d\d MB, but one process may use 100 MB", rejection.words)
    assert rejection.sha256
    assert not rejection.retryable


def test_a_batch_is_finished_early_if_no_memory_is_left(tmp_path: Path) -> None:
    """Photographs that wait for their model call take memory too, and none waits for memory while holding some."""
    records = [_record(product(tmp_path / f"{seed}.jpg", seed=seed)) for seed in range(4)]
    roomy = replace(_job(tmp_path, max_memory=1_000_000_000), batch_images=4)
    tight = replace(_job(tmp_path, max_memory=150_000_000), batch_images=4)
    assert cut_chunk(roomy, records).model_batches == 1
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: cut_chunk(tight, records), range(3)))
    assert [result.model_batches for result in results] != [1, 1, 1]
    assert [result.masks for result in results] == [cut_chunk(roomy, records).masks] * 3


@pytest.mark.parametrize(("at_once", "returned"), [(1 << 50, 0), (1 << 29, 1)], ids=["much room", "little room"])
def test_freed_memory_is_returned_only_if_there_may_be_too_little(
    monkeypatch: pytest.MonkeyPatch, at_once: int, returned: int
) -> None:
    """The next large image gets it again, unless it and what is held might be more than images may use."""
    calls, used = list[None](), [100_000_000]
    monkeypatch.setattr(memory_budget, "release_freed", lambda: calls.append(None))
    monkeypatch.setattr(memory_budget, "_used", lambda: used[-1])
    memory = Memory(at_once=at_once, alone=at_once)
    used.append(200_000_000)
    assert memory.try_take((1 << 29) - 50_000_000)
    assert len(calls) == returned


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")
def test_threads_with_large_images_stay_within_their_memory(tmp_path: Path) -> None:
    """Without this limit they take more, though on a busy machine not all four reach their peak at the same moment."""
    cv2.imwrite(str(tmp_path / "small.png"), np.full((100, 100, 3), 200, np.uint8))
    cv2.imwrite(str(tmp_path / "large.png"), np.full((4000, 4000, 3), 200, np.uint8))
    script = """
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from cutouts.core.config import Site
from cutouts.core.records import ImageRecord
from cutouts.stages import cut_chunk, job_of
def memory(name):
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if name in line)
folder = Path(sys.argv[1])
job = job_of(Site(root=str(folder), max_memory=int(sys.argv[2])), sources=[str(folder)])
image = ImageRecord(image_id="a", product_id="a", delivery_id="x", uri=str(folder / "large.png"))
from cutouts.runner.worker_setup import keep_freed_memory
keep_freed_memory()
cut_chunk(job, [replace(image, uri=str(folder / "small.png"))])
base = memory("VmRSS")
with ThreadPoolExecutor(4) as pool:
    assert all(len(one.masks) == 1 for one in pool.map(lambda _: cut_chunk(job, [image]), range(4)))
print(memory("VmHWM") - base)
"""
    peaks = []
    low, high = 500_000_000, 4_000_000_000
    for limit in (low, high):
        command = [sys.executable, "-c", script, str(tmp_path), str(limit)]
        peaks.append(1024 * int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert peaks[0] < low < peaks[1]


def _job(folder: Path, max_memory: int) -> Job:
    return job_of(Site(root=str(folder), max_memory=max_memory), sources=[str(folder)])


def _record(path: Path) -> ImageRecord:
    return ImageRecord(image_id=path.name, product_id=path.stem, delivery_id="spring", uri=str(path))

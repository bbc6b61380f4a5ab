"""How many cores a process may use, and how many of them a single image gets."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cutouts.adapters.model import choose
from cutouts.stages import cores
from cutouts.stages.cores import for_lone_image, machine_cores

OWN = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], OWN),
        (["max 100000\n"], OWN),
        (["100000 100000\n"], 1),
        (["50000 100000\n"], 1),
        (["100000000 100000\n"], OWN),
        (["-1\n", "100000\n"], OWN),
        (["20000\n", "100000\n"], 1),
        (["100000\n"], OWN),
    ],
)
def test_a_container_has_the_cores_of_its_quota(
    told: list[str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quota is in one file or in two, by the version of control groups; without one, all cores may be used."""
    files = tuple(str(tmp_path / str(number)) for number in range(max(1, len(told))))
    for file, text in zip(files, told, strict=False):
        Path(file).write_text(text)
    monkeypatch.setattr(cores, "_QUOTAS", (files,))
    assert machine_cores() == expected


def test_a_quota_is_rounded_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One and a half cores keep two threads at work."""
    quota = tmp_path / "cpu.max"
    quota.write_text("150000 100000\n")
    monkeypatch.setattr(cores, "_QUOTAS", ((str(quota),),))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    assert machine_cores() == 2


def test_a_lone_image_gets_all_cores_of_a_cpu_up_to_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU the number of threads changes nothing, and a second session would take its memory."""
    monkeypatch.setattr(cores, "machine_cores", lambda: 64)
    choice = choose("default", "cpu")
    assert (choice.threads, for_lone_image(choice).threads) == (1, 8)
    on_gpu = replace(choice, provider="cuda")
    assert for_lone_image(on_gpu) == on_gpu

"""A photograph that ends the process that reads it, with the whole command and real workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from tests.photographs import product

CUTOUTS = str(Path(sys.executable).parent / "cutouts")

TRAP = """
import ctypes, os, sys

def trap(event, arguments):
    if event == "open" and str(arguments[0]).endswith("deadly.jpg"):
        with open(os.environ["DEATHS"], "a") as deaths:
            deaths.write(f"{os.getpid()}\\n")
        ctypes.string_at(0)

if not any(word.endswith("/cutouts") for word in sys.orig_argv):
    sys.addaudithook(trap)
"""
"""Every Python process here imports it: one that opens the photograph crashes, as if a codec had a fault. The command
itself is exempt, because it reads every file once to make the manifest."""


def test_a_photograph_that_kills_its_worker_costs_one_rejection(tmp_path: Path) -> None:
    """The run succeeds, all other images are published, the counts balance, and a second run works too."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(TRAP, encoding="utf-8")
    deaths, out = tmp_path / "deaths", tmp_path / "out"
    for seed in range(6):
        product(tmp_path / "photos" / f"{seed}.jpg", seed=seed)
    product(tmp_path / "photos" / "deadly.jpg", seed=9)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site"), "DEATHS": str(deaths)}
    environment |= {"CUTOUTS_CLUSTER": "local", "CUTOUTS_WORKERS": "2", "CUTOUTS_THREADS": "1"}
    for again in (False, True):
        done = subprocess.run(
            [CUTOUTS, "run", str(tmp_path / "photos"), "--out", str(out)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        summary = json.loads((out / "summary.json").read_text())
        counts = {name: summary[name] for name in ("images", "published", "rejected", "skipped", "held", "quarantined")}
        told_of = {"published": 0, "skipped": 6} if again else {"published": 6, "skipped": 0}
        assert counts == {"images": 7, "rejected": 1, "held": 0, "quarantined": 0, **told_of}
        rows = {row["source"]: row for row in pq.read_table(out / "images.parquet").to_pylist()}
        assert rows["deadly.jpg"]["outcome"] == "rejected"
        assert "crashed the worker" in str(rows["deadly.jpg"]["reasons"])
        assert "signal 11" in str(rows["deadly.jpg"]["reasons"])
    assert len(set(deaths.read_text().split())) >= 2, "a worker, and the process in which it was tried alone"

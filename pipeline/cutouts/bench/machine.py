"""The machine and the versions that a bench ran with."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cutouts.adapters.code_version import code_version
from cutouts.runner.gpus import gpu_models
from cutouts.stages.cores import machine_cores
from cutouts.stages.memory_budget import machine_memory

_PACKAGES = ("onnxruntime", "onnxruntime-gpu", "opencv-python-headless", "numpy", "dask")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the figures of a bench depend on. `cores` are those that this process may use, `gpus` the models of its
    GPUs; `memory` is in bytes; `load` is the mean number of threads that wanted to run in the minute before."""

    processor: str
    cores: int
    memory: int
    system: str
    python: str
    packages: dict[str, str]
    code: str
    load: float
    gpus: tuple[str, ...]

    def __str__(self) -> str:
        """For people, on one line."""
        gpus = [f"{count} × {model}" for model, count in Counter(self.gpus).items()]
        parts = [self.processor, f"{self.cores} cores", f"{self.memory / 1e9:.0f} GB", *gpus, self.system]
        return f"{', '.join(parts)}, cutouts {self.code}"


def this_machine() -> Machine:
    """The machine of this process."""
    return Machine(
        processor=next(_models(), platform.machine()),
        cores=machine_cores(),
        memory=machine_memory(),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages=dict(_versions()),
        code=code_version(),
        load=round(os.getloadavg()[0], 1),
        gpus=tuple(gpu_models()),
    )


def _models() -> Iterator[str]:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                yield line.partition(":")[2].strip()


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            yield name, version(name)

"""The GPUs that this process may use, as NVIDIA's driver counts them."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from cutouts.runner.layout import Gpu

T = TypeVar("T")


def visible_gpus() -> tuple[Gpu, ...]:
    """The GPUs that `CUDA_VISIBLE_DEVICES` names, or all; none without a driver or without the GPU set.

    Nothing of CUDA is initialised in this process: workers could not use it if they were started from a process that
    has.
    """
    try:
        nvml = import_module("pynvml")
    except ImportError:
        return ()
    try:
        nvml.nvmlInit()
        return tuple(_gpu(nvml, name) for name in _names(nvml))
    except nvml.NVMLError:
        return ()


def gpu_load() -> list[float]:
    """The share of the last moments in which each visible GPU worked, 0…1; empty if there is none, or if the driver
    does not say, as for a part of a GPU."""
    return _of_each(lambda nvml, handle: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)


def gpu_models() -> list[str]:
    """What each visible GPU is, such as `NVIDIA H100 80GB HBM3`; empty if there is none."""
    return _of_each(lambda nvml, handle: str(nvml.nvmlDeviceGetName(handle)))


def _of_each(asked: Callable[[Any, Any], T]) -> list[T]:
    """What the driver says of each visible GPU; empty if it does not say it of all."""
    try:
        nvml = import_module("pynvml")
    except ImportError:
        return []
    gpus = visible_gpus()
    try:
        return [asked(nvml, _handle(nvml, gpu.name)) for gpu in gpus]
    except nvml.NVMLError:
        return []


def _names(nvml: Any) -> list[str]:
    """By default the unique names: CUDA and the driver may count in different orders."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    count = range(nvml.nvmlDeviceGetCount())
    return [str(nvml.nvmlDeviceGetUUID(nvml.nvmlDeviceGetHandleByIndex(number))) for number in count]


def _gpu(nvml: Any, name: str) -> Gpu:
    try:
        return Gpu(name=name, memory=int(nvml.nvmlDeviceGetMemoryInfo(_handle(nvml, name)).total))
    except nvml.NVMLError_NotSupported:
        return Gpu(name=name, memory=0)


def _handle(nvml: Any, name: str) -> Any:
    """The driver's handle of a GPU that is named by number or unique name."""
    by_number = name.isdecimal()
    return nvml.nvmlDeviceGetHandleByIndex(int(name)) if by_number else nvml.nvmlDeviceGetHandleByUUID(name)

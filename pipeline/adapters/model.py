"""The door to ONNX Runtime: a checked session that gives raw probability, on the provider that was asked for."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.config import Provider
from pipeline.core.errors import ModelError
from pipeline.core.pixels import Bytes, Floats
from pipeline.core.preprocess import Preprocessing
from pipeline.core.recipe import Recipe
from pipeline.models import ModelRow, find

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """Which network runs where: all that a worker needs to open it. `threads` are ONNX Runtime's own, per call."""

    row: ModelRow
    provider: Provider = "cpu"
    threads: int = 1


def choose(name: str, provider: Provider, *, allow_noncommercial: bool = False) -> ModelChoice:
    """The named network on that provider. ModelError for an unknown name or a licence that the site does not allow."""
    row = find(name)
    if not (row.commercial or allow_noncommercial):
        raise ModelError(
            f"the weights of {name!r} are for non-commercial use only ({row.licence}); "
            "set allow_noncommercial = true if that is what this site does"
        )
    return ModelChoice(row=row, provider=provider)


def recipe_of(row: ModelRow, *, crop: bool = False) -> Recipe:
    """The recipe that this network's row and our present methods make."""
    preprocessing = Preprocessing(
        width_px=row.width_px,
        height_px=row.height_px,
        letterbox=row.resize == "letterbox",
        colour_space=row.colour_space,
        denoise_sigma=row.denoise_sigma,
        mean=row.mean,
        std=row.std,
        divide_by_own_maximum=row.divide_by == "own maximum",
    )
    return Recipe(model_sha256=row.sha256, preprocessing=preprocessing, crop=crop)


class Network:
    """An open session. Thread-safe: ONNX Runtime is; on a GPU one call at a time is let through."""

    def __init__(self, choice: ModelChoice) -> None:
        self.row = choice.row
        self._session = _open_session(choice)
        self._input: str = self._session.get_inputs()[0].name
        self._output: str = self._session.get_outputs()[0].name
        self._turn = nullcontext() if choice.provider == "cpu" else threading.Lock()
        fixed = self._session.get_inputs()[0].shape[0]
        self.largest_batch: int | None = fixed if isinstance(fixed, int) else None

    def saliency(self, inputs: Sequence[Bytes | Floats]) -> list[Floats]:
        """Raw probability, float32 height×width in 0…1 per input, never stretched; one model call."""
        batch = np.stack(inputs)
        with self._turn:
            raw: Floats = self._session.run([self._output], {self._input: batch})[0]
        maps = raw.reshape(len(inputs), *raw.shape[-2:])
        if self.row.activation == "logit":
            maps = np.float32(1) / (np.float32(1) + np.exp(-maps))
        return [np.clip(one, 0, 1, dtype=np.float32) for one in maps]


@lru_cache(maxsize=4)
def _opened(choice: ModelChoice) -> Network:
    return Network(choice)


_opening = threading.Lock()


def open_network(choice: ModelChoice) -> Network:
    """The one session of this process for that choice, opened at first use. Raises ModelError."""
    with _opening:
        return _opened(choice)


def available_providers() -> dict[str, str]:
    """Per provider of ours: "ok", or why a session cannot have it. A list of what was compiled in is no GPU test."""
    return {name: _try_provider(name) for name in _PROVIDERS}


def _try_provider(name: str) -> str:
    row = find("default")
    try:
        Network(ModelChoice(row=row, provider=name))  # type: ignore[arg-type]
    except ModelError as error:
        return str(error)
    return "ok"


def _open_session(choice: ModelChoice) -> Any:
    import onnxruntime as ort

    path = _verified(choice.row)
    wanted = _PROVIDERS[choice.provider]
    if wanted not in ort.get_available_providers():
        raise ModelError(
            f"provider {choice.provider!r} was asked for, but this ONNX Runtime has only "
            f"{', '.join(ort.get_available_providers())}; install requirements-gpu.txt"
        )
    if choice.provider != "cpu":
        ort.preload_dlls()
    try:
        session = ort.InferenceSession(path, _options(ort, choice), providers=[wanted])
    except _load_errors() as error:
        raise ModelError(f"{path.name} does not load on {choice.provider}: {_first_line(error)}") from error
    if session.get_providers()[0] != wanted:
        raise ModelError(
            f"provider {choice.provider!r} was asked for, but the session runs on "
            f"{session.get_providers()[0]}: is there a GPU and its driver?"
        )
    _check_graph(session, choice.row)
    return session


def _options(ort: Any, choice: ModelChoice) -> Any:
    """One thread per call and no spinning: parallelism comes from workers; never below ORT_ENABLE_ALL."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = choice.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if choice.provider != "cpu":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


def _verified(row: ModelRow) -> Path:
    path = row.path()
    if not path.is_file():
        raise ModelError(f"the network {row.name!r} is not at {path}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != row.sha256:
        raise ModelError(f"{path.name} is not the file of the table: sha256 {digest[:12]}…, not {row.sha256[:12]}…")
    return path


def _check_graph(session: Any, row: ModelRow) -> None:
    """Refuse a row that contradicts its graph, naming every contradiction."""
    taken = session.get_inputs()[0]
    kind, shape = _expected_input(row)
    problems = []
    if taken.type != kind:
        problems.append(f"it takes {taken.type}, the row says {kind}")
    if len(taken.shape) != 4 or any(
        isinstance(have, int) and have != want for have, want in zip(taken.shape[1:], shape, strict=False)
    ):
        problems.append(f"its input is {taken.shape}, the row says [n, {', '.join(map(str, shape))}]")
    if len(session.get_inputs()) != 1:
        problems.append(f"it has {len(session.get_inputs())} inputs, one is expected")
    if problems:
        raise ModelError(f"the model table's row {row.name!r} contradicts its graph: {'; '.join(problems)}")


def _expected_input(row: ModelRow) -> tuple[str, tuple[int, int, int]]:
    if row.layout == "nhwc-uint8":
        return "tensor(uint8)", (row.height_px, row.width_px, 3)
    return "tensor(float)", (3, row.height_px, row.width_px)


def _load_errors() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises for a graph or provider that does not load; its exceptions have no base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("EPFail", "Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")
    return (*(getattr(state, name) for name in names), RuntimeError)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

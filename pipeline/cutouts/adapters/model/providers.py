"""Opens sessions on the required provider. If that is not possible, no session is opened."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from cutouts.adapters.model.self_contained import require_contained
from cutouts.core.config import Provider
from cutouts.core.errors import ModelError
from cutouts.models import ModelFile

PROVIDERS: dict[Provider, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}

_RECKONING = frozenset({
    "Add", "And", "Cast", "Ceil", "Concat", "Constant", "ConstantOfShape", "Div", "Equal", "Expand", "Floor", "Gather",
    "Greater", "Identity", "Less", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Range", "ReduceMax", "ReduceMin",
    "ReduceProd", "Reshape", "Round", "Shape", "Size", "Slice", "Split", "Squeeze", "Sub", "Tile", "Transpose",
    "Unsqueeze", "Where",
})  # fmt: skip
"""Operators that may stay on the CPU even if a GPU is used: ONNX Runtime runs shape computations there on purpose, and
with a dynamic batch every graph has some. All other operators process pixels."""


def open_session(file: ModelFile, provider: Provider, *, threads: int, engines: Path) -> Any:
    """A session that runs on `provider`. TensorRT stores the engines that it builds in `engines`.

    Only the bytes of `file` are opened. Raises ModelError if the provider is not available, if the bytes refer to other
    files or do not load, or if an operator that processes pixels would run elsewhere.
    """
    ort = _onnx_runtime()
    require_contained(file)
    wanted = PROVIDERS[provider]
    if wanted not in ort.get_available_providers():
        raise ModelError(
            f"provider {provider!r} is not available: this ONNX Runtime has only "
            f"{', '.join(ort.get_available_providers())}; install cutouts with its extra gpu"
        )
    _preload(ort, provider)
    options = session_options(threads, recorded=provider != "cpu")
    if provider == "cpu":
        _share_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        session = ort.InferenceSession(file.data, options, providers=_asked(provider, engines))
    except _load_errors() as error:
        raise ModelError(f"{file.path.name} does not load on {provider}: {_first_line(error)}") from error
    if session.get_providers()[0] != wanted:
        raise ModelError(
            f"provider {provider!r} is not available: the session runs on {session.get_providers()[0]}. "
            "Is there a GPU with a driver?"
        )
    if provider != "cpu":
        require_placement(session, provider)
    return session


def _onnx_runtime() -> Any:
    try:
        return import_module("onnxruntime")
    except ModuleNotFoundError as error:
        raise ModelError(
            "ONNX Runtime is not installed: install cutouts with its extra cpu, or gpu for an NVIDIA GPU"
        ) from error


@cache
def _share_memory() -> None:
    """Let all sessions of this process on a CPU allocate from the same memory: with the default network, a second one
    needs 20 MB instead of 130 MB."""
    import onnxruntime as ort

    kind = ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    ort.create_and_register_allocator(ort.OrtMemoryInfo("Cpu", kind, 0, ort.OrtMemType.DEFAULT), None)


def session_options(threads: int, *, recorded: bool) -> Any:
    """Options with `threads` threads per call and no spinning, because workers run in parallel.

    Graph optimisation stays at ORT_ENABLE_ALL, the default. If `recorded`, the session records the provider of each
    operator.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")  # the format that was checked
    # Without VNNI, x86 CPUs add products of 8-bit numbers in 16 bits, and sums that are too large are cut off.
    options.add_session_config_entry("session.x64quantprecision", "1")
    if recorded:
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return options


def require_placement(session: Any, provider: Provider) -> None:
    """Raise ModelError unless `provider` runs the network. With TensorRT, CUDA may run unsupported operators."""
    placed = {part.ep_name: set[str]() for part in session.get_provider_graph_assignment_info()}
    for part in session.get_provider_graph_assignment_info():
        placed[part.ep_name] |= {node.op_type for node in part.get_nodes()}
    allowed = {PROVIDERS[provider]} | ({PROVIDERS["cuda"]} if provider == "tensorrt" else set())
    work = {name: sorted(ops - _RECKONING) for name, ops in placed.items() if name not in allowed}
    strays = {name: ops for name, ops in work.items() if ops}
    if strays:
        told = "; ".join(f"{name}: {', '.join(ops)}" for name, ops in strays.items())
        raise ModelError(f"provider {provider!r} does not run the whole network: parts run elsewhere ({told})")
    if PROVIDERS[provider] not in placed:
        raise ModelError(f"provider {provider!r} runs no part of the network")


def _asked(provider: Provider, engines: Path) -> Sequence[str | tuple[str, dict[str, str]]]:
    """The providers in order of preference. ONNX Runtime adds the CPU itself, for shape computations.

    CUDA searches the fastest convolution once per shape, and extends its memory only by the requested amount, because
    batches have few sizes. TensorRT builds an engine in minutes and reuses it later. It stays in single precision,
    because the provider must not change a network's results; to use fp16, convert the network.
    """
    if provider == "cpu":
        return [PROVIDERS["cpu"]]
    cuda = (
        PROVIDERS["cuda"],
        {"cudnn_conv_algo_search": "EXHAUSTIVE", "arena_extend_strategy": "kSameAsRequested"},
    )
    if provider == "cuda":
        return [cuda]
    engines.mkdir(parents=True, exist_ok=True)
    kept = {
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(engines),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(engines),
    }
    return [(PROVIDERS["tensorrt"], kept), cuda]


def _preload(ort: Any, provider: Provider) -> None:
    """Load the CUDA and TensorRT libraries from wheels, which are not on the loader's path."""
    if provider != "cpu":
        ort.preload_dlls()
    if provider == "tensorrt":
        with suppress(ImportError):
            import_module("tensorrt_libs")


def _load_errors() -> tuple[type[Exception], ...]:
    """The errors of ONNX Runtime if a graph or provider does not load. They have no common base class."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("EPFail", "Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")
    return (*(getattr(state, name) for name in names), RuntimeError)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

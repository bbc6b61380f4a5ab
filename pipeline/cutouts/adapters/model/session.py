"""Opened networks: they compute raw probability, from a verified file whose graph matches its row."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cutouts.adapters.model.contract import require_contract
from cutouts.adapters.model.providers import PROVIDERS, open_session
from cutouts.core.config import Provider, Site
from cutouts.core.errors import ModelError
from cutouts.core.matting.preprocess import Preprocessing, network_input
from cutouts.core.pixels import Bytes, Floats, Photograph
from cutouts.core.recipe import Recipe
from cutouts.models import ModelRow, find, folder, permit, verified

Input = Bytes | Floats

_MODELS: str = Site.model_fields["models"].default


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A network and its provider: everything that a worker needs to open it.

    `threads` is the number of threads of ONNX Runtime per call. `models` is the site's folder of networks, as each
    worker sees it.
    """

    row: ModelRow
    provider: Provider = "cpu"
    threads: int = 1
    models: str = _MODELS


def choose(name: str, provider: Provider, *, models: str = _MODELS, allow_noncommercial: bool = False) -> ModelChoice:
    """The named network on that provider.

    Raises ModelError if the name is unknown, if the site does not allow the licence, or if a network for CPUs is
    requested on a GPU.
    """
    row = find(name, models)
    if row.cpu_only and provider != "cpu":
        raise ModelError(
            f"{name!r} runs only on CPUs, and the provider is {provider!r}: choose another model or provider"
        )
    permit(row, allow_noncommercial=allow_noncommercial)
    return ModelChoice(row=row, provider=provider, models=models)


def recipe_of(row: ModelRow, *, crop: bool = False) -> Recipe:
    """The recipe for this network's row with our current methods."""
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
    output = f"{row.output} {row.activation}"
    return Recipe(model_digest=row.digest, preprocessing=preprocessing, output=output, crop=crop)


class Network:
    """An open session. It is thread-safe, as ONNX Runtime is; on a GPU, one call runs at a time."""

    def __init__(self, choice: ModelChoice) -> None:
        self.row = choice.row
        file = verified(choice.row, choice.models)
        engines = folder(choice.models) / "tensorrt" / choice.row.digest.removeprefix("md5:")[:16]
        self._session = open_session(file, choice.provider, threads=choice.threads, engines=engines)
        require_contract(self._session, choice.row)
        self._input: str = self._session.get_inputs()[0].name
        self._output: str = self._session.get_outputs()[choice.row.output].name
        self._turn = nullcontext() if choice.provider == "cpu" else threading.Lock()
        fixed = self._session.get_inputs()[0].shape[0]
        self.largest_batch: int | None = fixed if isinstance(fixed, int) else None
        self._rounded = choice.provider != "cpu" and self.largest_batch is None

    def saliency(self, inputs: Sequence[Input]) -> list[Floats]:
        """Raw probability for each input, float32 height×width in 0…1, never stretched, in one model call."""
        batch = np.stack(rounded_up(inputs) if self._rounded else inputs)
        with self._turn:
            raw = self._session.run([self._output], {self._input: batch})[0]
        maps = self._planes(raw[: len(inputs)], len(inputs))
        if self.row.activation == "logit":
            maps = np.float32(0.5) + np.float32(0.5) * np.tanh(maps * np.float32(0.5))  # never overflows, unlike exp
        return [np.clip(one, 0, 1, dtype=np.float32) for one in maps]

    def require_probability(self) -> None:
        """Run the network once on a test image. Raises ModelError if a probability is outside 0…1."""
        ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
        photograph = Photograph(rgb=np.stack([ramp, ramp.T, 255 - ramp], axis=2))
        pixels = network_input(photograph, recipe_of(self.row).preprocessing)
        raw = self._session.run([self._output], {self._input: pixels[None]})[0]
        low, high = float(raw.min()), float(raw.max())
        if self.row.activation == "probability" and not -0.01 <= low <= high <= 1.01:
            raise ModelError(
                f"the output of {self.row.name!r} is not a probability: it ranges from {low:.3g} to {high:.3g} on "
                "a test image. It may be a logit, or the input may be prepared wrongly"
            )

    def _planes(self, raw: Floats, images: int) -> Floats:
        """The output as float32 n×height×width. Raises ModelError if it has more than one channel."""
        height, width = raw.shape[1:3] if self.row.output_layout == "nhw1" else raw.shape[-2:]
        if raw.size != images * height * width:
            raise ModelError(f"the network {self.row.name!r} returns {list(raw.shape)}, not {self.row.output_layout}")
        return raw.reshape(images, height, width).astype(np.float32, copy=False)


def rounded_up(inputs: Sequence[Input]) -> Sequence[Input]:
    """The inputs, with the last one repeated so that their number is a power of two.

    The last batch of a chunk may have any number of inputs, and a GPU prepares itself for each new number. This takes
    about a second on an H100, and minutes with TensorRT.
    """
    missing = (1 << (len(inputs) - 1).bit_length()) - len(inputs)
    return [*inputs, *[inputs[-1]] * missing]


@lru_cache(maxsize=4)
def _opened(choice: ModelChoice) -> Network:
    return Network(choice)


_opening = threading.Lock()


def open_network(choice: ModelChoice) -> Network:
    """This process's only session for that choice, opened at its first use. Raises ModelError."""
    with _opening:
        return _opened(choice)


def available_providers() -> dict[str, str]:
    """For each of our providers "ok", or why no session can use it.

    Each is tested with a session, because ONNX Runtime's list of compiled providers does not show if a GPU works.
    """
    return {name: _try_provider(name) for name in PROVIDERS}


def _try_provider(name: Provider) -> str:
    try:
        Network(ModelChoice(row=find("default", _MODELS), provider=name))
    except ModelError as error:
        return str(error)
    return "ok"

"""The contenders of an evaluation: networks of the table or of a file, bare or with the whole recipe, U²-Net as rembg
runs it, and ready-made mattes.

A network of the table is opened as a run opens it. A file, or a network that is run as rembg runs it, is opened without
the table. All sessions have one thread that does not spin, so that CPU times are comparable.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from cutouts.adapters.model import open_network
from cutouts.adapters.model.providers import open_session
from cutouts.adapters.storage.sources.reading import read_image
from cutouts.core.config import Site
from cutouts.core.errors import ImageRejected, ModelError
from cutouts.core.matting.looks import Look, look_at, look_once, view_of
from cutouts.core.matting.matte import matte_of
from cutouts.core.matting.preprocess import Preprocessing
from cutouts.core.pixels import Bytes, Floats, Photograph
from cutouts.evaluation.contender_specs import How, Spec
from cutouts.evaluation.image_sets import TEST_IMAGES, Lost, Question, by_stem, misfit, read_plane
from cutouts.models import ModelFile, read_file, verified
from cutouts.stages import Job, job_of

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
U2NET_SIZE = 320
U2NET_AXES = [3, U2NET_SIZE, U2NET_SIZE]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A matte, float32 (H, W) in 0..1 at the photograph's size, and the CPU seconds of the network (None if no network
    ran)."""

    matte: Floats
    seconds: float | None


class Contender(Protocol):
    """Anything that returns a matte for an image, or the reason why it has none."""

    def __call__(self, asked: Question) -> Answer | Lost:
        """The matte, or the reason why there is none."""
        ...


class Saliency(Protocol):
    """A network: raw probability, float32 h×w in 0…1, per input."""

    def saliency(self, inputs: Sequence[Bytes | Floats]) -> list[Floats]:
        """One model call."""
        ...


class Ours:
    """A network with our preprocessing. It gives the refined matte as it is published or, if `bare`, the enlarged
    probability."""

    def __init__(self, network: Saliency, how: Preprocessing, *, bare: bool) -> None:
        self._network, self._how, self._bare = network, how, bare

    def __call__(self, asked: Question) -> Answer:
        """The matte of the photograph, or the raw probability at its size."""
        photograph = asked.photograph
        view = view_of(photograph, self._how)
        began = time.thread_time()
        (look,) = (look_once if self._bare else look_at)(self._network.saliency, [view], self._how)
        seconds = time.thread_time() - began
        return Answer(matte=self._matte(look, photograph), seconds=seconds)

    def _matte(self, look: Look, photograph: Photograph) -> Floats:
        if self._bare:
            return np.asarray(cv2.resize(look.saliency, photograph.size, interpolation=cv2.INTER_LINEAR), np.float32)
        return matte_of(look, photograph).astype(np.float32) / np.float32(255)


class UntabledNetwork:
    """A network of ours that is not in the table yet: uint8 NHWC in, raw probability out. Raises ModelError for other
    inputs."""

    def __init__(self, file: ModelFile) -> None:
        self._session = _session(file)
        (feed, *others) = self._session.get_inputs()
        if others or feed.type != "tensor(uint8)" or not _is_fixed_nhwc(feed.shape):
            raise ModelError(
                f"{file.path} takes {feed.type} {feed.shape}. Without a row in the model table, only a network that "
                "takes uint8 [n, h, w, 3], or one of the U²-Net family with :rembg, can be measured: add it with "
                "`cutouts models add`"
            )
        self._name: str = feed.name
        self.how = Preprocessing(width_px=feed.shape[2], height_px=feed.shape[1], letterbox=False)

    def saliency(self, inputs: Sequence[Bytes | Floats]) -> list[Floats]:
        """Raw probability, float32 h×w in 0…1 per input, never stretched; one model call."""
        (said, *_) = self._session.run(None, {self._name: np.stack(inputs)})
        maps = np.asarray(said, np.float32).reshape(len(inputs), *said.shape[-2:])
        return [np.clip(one, 0, 1, dtype=np.float32) for one in maps]


class AsRembg:
    """A network of the U²-Net family as rembg 2 runs it: LANCZOS resizing in both directions, pixels divided by their
    maximum, and the output stretched to 0…1. Raises ModelError for other networks."""

    def __init__(self, file: ModelFile) -> None:
        self._session = _session(file)
        feed = self._session.get_inputs()[0]
        if feed.type != "tensor(float)" or [axis for axis in feed.shape[1:] if isinstance(axis, int)] != U2NET_AXES:
            raise ModelError(f"{file.path} takes {feed.type} {feed.shape}: rembg cannot run that as a U²-Net")
        self._name, self._first = feed.name, self._session.get_outputs()[0].name

    def __call__(self, asked: Question) -> Answer:
        """The stretched mask at the photograph's size, rounded to 8 bit as rembg does."""
        from PIL import Image

        image, lanczos = asked.photograph.rgb, Image.Resampling.LANCZOS
        small = np.asarray(Image.fromarray(image).resize((U2NET_SIZE, U2NET_SIZE), lanczos))
        scaled = small / max(float(small.max()), 1e-6)
        pixels = ((scaled - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1)[None].astype(np.float32)
        began = time.thread_time()
        (saliency,) = self._session.run([self._first], {self._name: pixels})
        seconds = time.thread_time() - began
        plane = np.asarray(saliency, np.float32)[0, 0]
        low, high = float(plane.min()), float(plane.max())
        stretched = (plane - low) / max(high - low, 1e-9)
        mask = Image.fromarray((stretched.clip(0, 1) * 255).astype(np.uint8))
        full = mask.resize((image.shape[1], image.shape[0]), lanczos)
        return Answer(matte=np.asarray(full, np.float32) / np.float32(255), seconds=seconds)


class ReadyMattes:
    """Ready-made mattes from any tool: pictures in a folder, with the names of the images."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._files = folder, by_stem(folder)

    def __call__(self, asked: Question) -> Answer | Lost:
        """The matte with the image's name: a grey picture, or the alpha of a cutout."""
        found = self._files.get(asked.name, [])
        if len(found) != 1:
            several = f"it has several mattes in {self._folder}: {', '.join(path.name for path in found)}"
            return Lost(name=asked.name, problem=several if found else f"it has no matte in {self._folder}")
        try:
            matte = read_plane(read_image(str(found[0]), TEST_IMAGES))
        except (ImageRejected, ValueError) as error:
            return Lost(name=asked.name, problem=f"its matte cannot be used: {error}")
        if problem := misfit(matte, asked.photograph):
            return Lost(name=asked.name, problem=f"its matte does not fit: it has {problem}")
        return Answer(matte=matte, seconds=None)


def open_contender(spec: Spec, site: Site) -> Contender:
    """Open a contender. Raises ModelError if the name is unknown or the graph does not fit."""
    bare = spec.how is How.BARE
    if spec.path is not None and spec.path.is_dir():
        return ReadyMattes(spec.path)
    if spec.how is How.REMBG:
        return AsRembg(read_file(spec.path) if spec.path else _file(_job(spec.name, site)))
    if spec.path is not None:
        network = UntabledNetwork(read_file(spec.path))
        return Ours(network, network.how, bare=bare)
    job = _job(spec.name, site)
    return Ours(open_network(job.choice), job.recipe.preprocessing, bare=bare)


def _job(name: str, site: Site) -> Job:
    """The job of a run of this site with that network, on the CPU."""
    return job_of(site.model_copy(update={"model": name, "provider": "cpu"}))


def _file(job: Job) -> ModelFile:
    return verified(job.choice.row, job.choice.models)


def _session(file: ModelFile) -> Any:
    return open_session(file, "cpu", threads=1, engines=file.path.parent)


def _is_fixed_nhwc(shape: Sequence[object]) -> bool:
    return len(shape) == 4 and shape[3] == 3 and all(isinstance(axis, int) for axis in shape[1:3])

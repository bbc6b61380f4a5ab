"""The part of a network that does not change while only presence is trained, computed by ONNX Runtime on a CPU."""

from __future__ import annotations

import copy
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch
from torch import nn

from cutouts.core.pixels import Bytes
from cutouts.training.export.graph import OPSET
from cutouts.training.network.saliency import SaliencyNetwork, normalised


class FrozenNetwork:
    """Computes the planes for presence with the present weights of `network`; later changes have no effect."""

    def __init__(self, network: SaliencyNetwork, threads: int) -> None:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        # A spinning thread takes its core from the process that draws the next images.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with TemporaryDirectory() as folder:
            file = Path(folder) / "still.onnx"
            torch.onnx.export(
                _Views(copy.deepcopy(network).cpu()).eval(),
                (torch.zeros(1, 64, 64, 3, dtype=torch.uint8),),
                str(file),
                input_names=["image"],
                dynamic_axes={"image": {0: "n", 1: "h", 2: "w"}},
                opset_version=OPSET,
                dynamo=False,
            )
            self._session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])

    def __call__(self, images: Bytes) -> list[torch.Tensor]:
        """Map uint8 RGB (N, S, S, 3) to the planes of `SaliencyNetwork.views`, one image at a time, which suits a CPU's
        cache."""
        said = [self._session.run(None, {"image": image[None]}) for image in images]
        return [torch.from_numpy(np.concatenate(planes)) for planes in zip(*said, strict=True)]


class _Views(nn.Module):  # type: ignore[misc]
    def __init__(self, network: SaliencyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.network.views(normalised(image))

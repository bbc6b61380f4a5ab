"""Exports the trained average to ONNX, and its int8 twin.

The graph takes the shrunk photograph as uint8 RGB, `image` (N, S, S, 3), and returns the raw probability, `saliency`
float32 (N, 1, S, S). The mean is subtracted before the first convolution, so that its zero padding has the same meaning
as in training; the scale is folded into that convolution's weights. The twin is static QDQ: unsigned activations,
signed weights per channel, and ranges (min and max) from images of the training data only.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from torch import nn

from cutouts.training.batches import sampler
from cutouts.training.batches.schedule import Phase
from cutouts.training.data.cache import Datasets
from cutouts.training.network import checkpoint
from cutouts.training.network.saliency import MEAN, SCALE, Logits, SaliencyNetwork

OPSET = 17
SECOND_LOOK = "second/"
"""The prefix of the names of a second look's nodes."""
CALIBRATION_IMAGES = 120
# No training step has this number, so the calibration images are new draws from the training distribution.
CALIBRATION_STEP = 1 << 40


class ServedOutput(nn.Module):  # type: ignore[misc]
    """The module that is exported: uint8 pixels in, raw probability out. It copies the network."""

    def __init__(self, network: SaliencyNetwork) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval()
        with torch.no_grad():
            self.network.encoder.stem.conv.weight.mul_(1.0 / SCALE)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map uint8 RGB (N, S, S, 3) to probability float32 (N, 1, S, S), never stretched."""
        logits: Logits = self.network(image.permute(0, 3, 1, 2).float() - MEAN)
        return logits.probability()


def trained(run: Path) -> SaliencyNetwork:
    """The average of the last checkpoint under `run`. Raises `FileNotFoundError` if there is none."""
    return checkpoint.averaged(run, SaliencyNetwork())


def export(network: SaliencyNetwork, target: Path, size: int) -> None:
    """Write `network` to `target` for square inputs of `size` pixels and any batch size."""
    torch.onnx.export(
        ServedOutput(network).eval(),
        (torch.zeros(1, size, size, 3, dtype=torch.uint8),),
        str(target),
        input_names=["image"],
        output_names=["saliency"],
        dynamic_axes={"image": {0: "n"}, "saliency": {0: "n"}},
        opset_version=OPSET,
        dynamo=False,
    )
    model = padded_convolutions(folded(target))
    standard = [item for item in model.opset_import if item.domain == ""]
    del model.opset_import[:], model.graph.output[:]
    model.opset_import.extend(standard)
    model.graph.output.append(helper.make_tensor_value_info("saliency", onnx.TensorProto.FLOAT, ["n", 1, size, size]))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def folded(source: Path) -> Any:
    """The graph of `source` with its constants folded, in standard operators only (ONNX Runtime's "basic" level)."""
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    settings.optimized_model_filepath = str(source)
    onnxruntime.InferenceSession(str(source), settings, providers=["CPUExecutionProvider"])
    return onnx.load(source)


def padded_convolutions(model: Any) -> Any:
    """`model` with each zero Pad moved into the following convolution, which saves a pass over memory."""
    values = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            values[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    pads = {node.output[0]: node for node in model.graph.node if node.op_type == "Pad" and node.input[1] in values}
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[0] in pads:
            pad = pads[node.input[0]]
            _set_pads(node, values[pad.input[1]])
            node.input[0] = pad.input[0]
            model.graph.node.remove(pad)
    used = {name for node in model.graph.node for name in node.input}
    for item in [item for item in model.graph.initializer if item.name not in used]:
        model.graph.initializer.remove(item)
    return model


def _set_pads(node: Any, amounts: np.ndarray[Any, Any]) -> None:
    """Add a Pad's `amounts` (8 of NCHW: begins, then ends) to the `pads` (4 of HW) of a convolution."""
    extra = [int(amounts[2]), int(amounts[3]), int(amounts[6]), int(amounts[7])]
    attribute = next(item for item in node.attribute if item.name == "pads")
    attribute.ints[:] = [have + more for have, more in zip(attribute.ints, extra, strict=True)]


class CalibrationReader:
    """Images for the quantiser, one per call, in the form that ONNX Runtime's calibration requires."""

    def __init__(self, images: Iterator[np.ndarray[Any, Any]]) -> None:
        self._images = images

    def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
        """The next image as a feed, or None at the end."""
        image = next(self._images, None)
        return None if image is None else {"image": image[None]}


def calibration_images(datasets: Datasets, size: int) -> Iterator[np.ndarray[Any, Any]]:
    """Yields uint8 (size, size, 3) images as the training sees them."""
    yield from sampler.batch(datasets, 0, CALIBRATION_STEP, Phase(until=1.0, size=size, batch=CALIBRATION_IMAGES))[
        ..., :3
    ]


def _presence_nodes(model: Any) -> list[str]:
    """The names of the convolutions that compute presence.

    Their input combines a mean and a maximum, so 8 bits make the mean inaccurate. They multiply only one vector, so
    quantising them would save nothing.
    """
    return [node.name for node in model.graph.node if node.op_type == "Conv" and "/presence/say/" in node.name]


def quantise(source: Path, target: Path, datasets: Datasets, size: int) -> None:
    """Write the int8 twin of the network in `source` to `target`."""
    # Imported here because it is slow and nothing else in the training needs it.
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static, shape_inference

    prepared = target.with_suffix(".prepared.onnx")
    # The graph is folded already; only its shapes are needed.
    shape_inference.quant_pre_process(str(source), str(prepared), skip_optimization=True, skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(target),
        CalibrationReader(calibration_images(datasets, size)),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        op_types_to_quantize=["Conv", "Add", "Clip"],
        nodes_to_exclude=_presence_nodes(onnx.load(prepared)),
    )
    prepared.unlink()


def is_mended(network: Any) -> bool:
    """Whether an ONNX network has a second look."""
    return any(node.name.startswith(SECOND_LOOK) for node in network.graph.node)

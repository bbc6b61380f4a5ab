"""Stores weights in half precision and computes in single precision: half the bytes in the repository, the same speed.

Each large initializer becomes float16 behind a Cast, which ONNX Runtime folds when it opens the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from cutouts.core.errors import ModelError

SMALL = 256
"""Initializers with fewer values keep their precision, because biases and constants need little space."""


def halve(file: Path) -> None:
    """Rewrite the network in `file` with its weights in float16. Raises ModelError if one would overflow."""
    model = onnx.load(file)
    for item in model.graph.initializer:
        name, values = item.name, numpy_helper.to_array(item)
        if values.dtype != np.float32 or values.size < SMALL:
            continue
        half = values.astype(np.float16)
        if not np.isfinite(half).all():
            raise ModelError(f"{file}: the weights {name} are too large for half precision")
        item.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        model.graph.node.insert(0, helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, file)

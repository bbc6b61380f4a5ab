"""The door to ONNX Runtime and ONNX: opens sessions on the required provider, and reads and converts graphs."""

from cutouts.adapters.model.session import (
    ModelChoice,
    Network,
    available_providers,
    choose,
    open_network,
    recipe_of,
)

__all__ = ["ModelChoice", "Network", "available_providers", "choose", "open_network", "recipe_of"]

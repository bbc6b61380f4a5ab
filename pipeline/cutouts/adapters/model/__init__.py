"""The door to ONNX Runtime and ONNX: checked sessions on the provider that was asked for, graphs read and converted."""

from cutouts.adapters.model.session import (
    ModelChoice,
    Network,
    available_providers,
    choose,
    open_network,
    recipe_of,
)

__all__ = ["ModelChoice", "Network", "available_providers", "choose", "open_network", "recipe_of"]

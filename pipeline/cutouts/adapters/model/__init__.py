"""The door to ONNX Runtime and ONNX: sessions on the required provider, and graphs that are read and converted."""

from cutouts.adapters.model.session import (
    ModelChoice,
    Network,
    available_providers,
    choose,
    open_network,
    recipe_of,
)

__all__ = ["ModelChoice", "Network", "available_providers", "choose", "open_network", "recipe_of"]

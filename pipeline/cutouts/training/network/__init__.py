"""The network, its loss, the moving average of its weights, and its checkpoint."""

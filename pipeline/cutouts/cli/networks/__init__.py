"""Commands about networks: the model table, and training."""

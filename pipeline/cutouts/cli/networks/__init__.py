"""Commands about networks: those that are there, and training."""

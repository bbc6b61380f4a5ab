"""How each door behaves."""

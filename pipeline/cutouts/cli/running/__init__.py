"""Commands that run a delivery: all of it, or step by step."""

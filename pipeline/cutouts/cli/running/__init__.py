"""Commands that run a delivery, completely or step by step."""

"""Commands that only cut: no catalogue and no gate."""

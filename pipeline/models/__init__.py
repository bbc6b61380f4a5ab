"""The model table: data, not classes. `table.toml` has one row per network; the default network lies beside it."""

from pipeline.models.table import ModelRow, find, rows

__all__ = ["ModelRow", "find", "rows"]

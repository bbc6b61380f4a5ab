"""Commands that measure: quality and speed."""

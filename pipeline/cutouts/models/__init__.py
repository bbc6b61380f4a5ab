"""The model table: data, not classes. `table.toml` has one row per network; the default network is beside it."""

from cutouts.models.site_rows import with_row
from cutouts.models.table import OWN_TABLE, ModelRow, find, folder, own_rows, permit, rows
from cutouts.models.verified_files import ModelFile, contradiction, file_digest, read_file, verified

__all__ = [
    "OWN_TABLE",
    "ModelFile",
    "ModelRow",
    "contradiction",
    "file_digest",
    "find",
    "folder",
    "own_rows",
    "permit",
    "read_file",
    "rows",
    "verified",
    "with_row",
]

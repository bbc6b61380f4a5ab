"""The model table: data, not classes. `table.toml` has one row per network; the default network lies beside it."""

from cutouts.models.files import ModelFile, contradiction, file_digest, read_file, verified
from cutouts.models.own import with_row
from cutouts.models.table import OWN_TABLE, ModelRow, find, folder, own_rows, permit, rows

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

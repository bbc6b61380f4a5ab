"""`summary.json`: the counts of a run for other programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from cutouts.adapters.storage.ownership import write_ours
from cutouts.report.contents import RunSummary


def write_summary(path: Path, summary: RunSummary) -> None:
    """Write the fields of `summary` as one JSON object, atomically, in their order. Raises OSError."""
    write_ours(path, (json.dumps(asdict(summary), indent=2) + "\n").encode())

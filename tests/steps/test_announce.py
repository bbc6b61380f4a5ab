"""What an event says of what was published."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutouts.core.config import Site
from cutouts.core.table_paths import gate_file
from cutouts.steps import facts_of, unannounced
from tests.photographs import product
from tests.steps.conftest import Refresh


@pytest.mark.parametrize("damage", ["none", "gone", "cut off", "another record"])
def test_a_decision_that_is_gone_or_damaged_costs_only_its_counts(
    site: Site, refresh: Refresh, tmp_path: Path, damage: str
) -> None:
    """What was published is still announced: the catalogue knows it."""
    product(tmp_path / "photos" / "a.jpg")
    decision, _ = refresh(site, tmp_path / "photos")
    file = Path(site.tables_url) / gate_file(decision.gate_id, "decision.json")
    if damage == "gone":
        file.unlink()
    elif damage != "none":
        file.write_bytes(b"{}" if damage == "another record" else file.read_bytes()[:-20])
    (news,) = unannounced(site)
    facts = facts_of(site, news)
    assert (facts["published"], facts["gate_id"]) == (1, decision.gate_id)
    assert facts.get("images") == (1 if damage == "none" else None)

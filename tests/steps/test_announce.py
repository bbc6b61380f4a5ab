"""What an event states about a publication."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutouts.core.config import Site
from cutouts.core.table_paths import gate_file
from cutouts.steps import facts_of, unannounced
from tests.photographs import product
from tests.steps.conftest import Refresh


@pytest.mark.parametrize("damage", ["none", "gone", "cut off", "another record"])
def test_without_its_decision_a_publication_is_announced_without_counts(
    site: Site, refresh: Refresh, tmp_path: Path, damage: str
) -> None:
    """If the decision is missing or damaged, the catalogue still knows the publication."""
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

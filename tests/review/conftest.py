"""A decision of the gate with any number of images, written without cutting them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from cutouts.core.config import Site
from tests.review.made_gates import MadeGate, make_gate


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site of its own, without deliveries."""
    return Site(root=str(tmp_path / "site"), cluster="serial", allowed_sources=(str(tmp_path),))


@pytest.fixture
def held(site: Site) -> MadeGate:
    """A held delivery of 2,000 images, whose names come from a stranger."""
    return make_gate(site, 2_000, at=datetime(2026, 11, 27, 12, tzinfo=UTC), day=date(2026, 11, 27))

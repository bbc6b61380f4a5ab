"""docs/performance.md compared with the figures beside it: it is what `make bench` wrote."""

from __future__ import annotations

from cutouts.bench.page import page
from tests.docs.pages import DOCS


def test_the_page_has_the_figures_of_its_files() -> None:
    """No figure on the page was changed by hand."""
    assert (DOCS / "performance.md").read_text() == page(DOCS / "bench")

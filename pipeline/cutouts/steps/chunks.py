"""Cuts the work of a step into chunks: what a worker takes at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from cutouts.core.config import Site
from cutouts.runner import Runner

T = TypeVar("T")


def chunks(site: Site, runner: Runner, items: Sequence[T]) -> list[tuple[T, ...]]:
    """The items in chunks of the site's size, or smaller, so that a few items still keep every thread busy."""
    size = max(1, min(site.chunk, len(items) // (4 * max(1, runner.describe().threads))))
    return [tuple(items[start : start + size]) for start in range(0, len(items), size)]

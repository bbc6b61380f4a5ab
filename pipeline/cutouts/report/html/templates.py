"""Reads the templates of pages."""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def templates(package: str, *, finalize: Callable[[object], object] | None = None) -> Environment:
    """The templates of a package, which may include those of the report.

    Every value is escaped, after `finalize` if it is given, and a missing one is an error.
    """
    return Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("cutouts.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )

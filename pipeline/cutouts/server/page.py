"""The page at `/`: try the server in a browser, without a request to anywhere else."""

from __future__ import annotations

from functools import cache

from cutouts.report.html.content_security import sealed
from cutouts.report.html.templates import templates


@cache
def page(*, token: bool, renditions: tuple[str, ...]) -> str:
    """The page as HTML, with the names of renditions that it offers; with `token`, it has a field for it."""
    text = templates("cutouts.server").get_template("try.html").render(token=token, renditions=renditions)
    return sealed(text, images="data: blob:", connections="'self'")

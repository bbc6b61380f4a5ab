"""The page at `/`: try the server in a browser, without a request to anywhere else."""

from __future__ import annotations

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from cutouts.report.html.content_security import sealed


@cache
def page(*, token: bool, renditions: tuple[str, ...]) -> str:
    """The page as HTML, with the names of renditions that it offers; with `token`, it has a field for it."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("cutouts.server"), PackageLoader("cutouts.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("try.html").render(token=token, renditions=renditions)
    return sealed(text, images="data: blob:", connections="'self'")

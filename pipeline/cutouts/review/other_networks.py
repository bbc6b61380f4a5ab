"""The same photograph cut by another network, on demand. Nothing of it is stored."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock

from cutouts.api.cutter import Cutter
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError
from cutouts.core.text.display import shown
from cutouts.models import own_rows, rows
from cutouts.report.html.pictures import shrunk_cutout, webp
from cutouts.review.pictures import LARGE, read_photograph
from cutouts.review.sheets import SheetImage

_CUTTING = Lock()
"""One photograph is cut at a time, so that the server keeps answering other requests."""


def networks_here(site: Site) -> tuple[str, ...]:
    """The names of the networks that are on this machine and that the site may use, except the site's own."""
    table = [*rows(), *own_rows(site.models)]
    allowed = (row for row in table if row.commercial or site.allow_noncommercial)
    return tuple(row.name for row in allowed if row.name != site.model and row.path(site.models).is_file())


def cut_again(site: Site, image: SheetImage, network: str) -> bytes:
    """The photograph of the image, cut by that network, as a large WebP picture with alpha.

    Raises CutoutsError if the network is not on this machine, and ImageRejected if the photograph cannot be read.
    """
    if network not in networks_here(site):
        raise CutoutsError(f"the network {shown(network)} is not on this machine: `cutouts models pull` downloads it")
    photograph = read_photograph(site, image)
    with _CUTTING:
        return webp(shrunk_cutout(_cutter(site, network).cut(photograph).rgba, LARGE))


@lru_cache(maxsize=2)
def _cutter(site: Site, network: str) -> Cutter:
    return Cutter(model=network, site=site)

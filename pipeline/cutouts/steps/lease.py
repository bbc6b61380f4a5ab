"""Every step holds a lease of the site while it works, so that no other process removes files that the step needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from cutouts.adapters.catalog import Catalog
from cutouts.core.arguments import require_type
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def site_lease(site: Site, *, alone: bool = False) -> Iterator[None]:
    """Hold the site's lease, shared or `alone`, during the block. If `alone`, raises TransientError if others work
    there, TypeError if `site` is not a site.

    A shared lease waits for one that is alone. A site without a catalogue is never cleared, so it needs no lease.
    """
    require_type("site", site, Site)
    try:
        url = site.catalog_url
    except ConfigError:
        yield
        return
    with Catalog.open(url) as catalog, catalog.lease(alone=alone):
        yield


def at_work(step: Callable[Concatenate[Site, P], R]) -> Callable[Concatenate[Site, P], R]:
    """Wrap a step so that it holds a lease of its site while it works."""

    @wraps(step)
    def leased(site: Site, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with site_lease(site):
            return step(site, *args, **kwargs)

    return leased

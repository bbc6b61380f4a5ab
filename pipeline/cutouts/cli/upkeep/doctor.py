"""`cutouts doctor`: shows what this machine has, and what is missing."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import cluster_options, new_site_options
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError
from cutouts.core.text.counting import counted
from cutouts.stages.cores import machine_cores

_PACKAGES = (
    "cutouts", "apache-airflow", "dask", "distributed", "dask-cuda", "great-expectations", "numpy",
    "onnxruntime", "onnxruntime-gpu", "opencv-python-headless", "pillow", "pillow-heif", "pyarrow", "sqlalchemy",
)  # fmt: skip
_OPTIONAL = {"apache-airflow", "dask-cuda", "onnxruntime-gpu", "onnxruntime"}


@click.command()
@new_site_options
@cluster_options
def doctor(root: str | None, config: str | None, **where: object) -> None:
    """Try everything that a run needs: settings, network, provider, GPU, stores, catalogue, cluster, gate, renditions.

    The exit status is 1 if something that this site needs is missing.
    """
    site = load_site(config, root=root, **where)
    problems = dict[str, str]()  # one problem may fail several checks: the first of them
    for name, check in _checks(site):
        try:
            say(f"{name}: {check()}", label="ok", colour="green")
        except CutoutsError as error:
            first = problems.setdefault(str(error), name)
            why = error if first == name else f"the same problem as with the {first}"
            say(f"{name}: {why}", label="MISSING", colour="red", lines=True)
    for line in _surroundings():
        say(f"     {line}")
    if problems:
        raise click.exceptions.Exit(Status.FAILED)


def _checks(site: Site) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "network", lambda: _network(site)
    yield "mattes and cutouts", lambda: _store(site.objects_url)
    yield "tables", lambda: _store(site.tables_url)
    yield "catalogue", lambda: _catalogue(site)
    yield "cluster", lambda: _cluster(site)
    yield "expectations", lambda: _expectations(site)
    yield "calibration", lambda: _calibration(site)
    if site.renditions:
        yield "renditions", lambda: _renditions(site)


def _network(site: Site) -> str:
    from cutouts.adapters.model import choose, open_network

    choice = choose(site.model, site.provider, models=site.models, allow_noncommercial=site.allow_noncommercial)
    open_network(choice)
    row = choice.row
    return f"{row.name}, {row.width_px}×{row.height_px} px, {row.digest[:12]}…, runs on {site.provider}"


def _store(url: str) -> str:
    from cutouts.adapters.storage.store import open_store

    store = open_store(url)
    name = f".doctor-{uuid.uuid4().hex}"
    store.write(name, b"ok")
    store.fs.rm(store.path(name))
    return f"{url} can be written"


def _catalogue(site: Site) -> str:
    from cutouts.adapters.catalog import Catalog

    with Catalog.open(site.catalog_url) as catalog:
        counts = catalog.counts()
    waiting = counted(counts.waiting, "delivery waits", "deliveries wait")
    return f"{counted(counts.images, 'image')} published, {waiting} for a person"


def _cluster(site: Site) -> str:
    from cutouts.runner import probe

    return str(probe(site))


def _expectations(site: Site) -> str:
    from cutouts.steps.verdicts import judging_suite

    suite = judging_suite(site)
    return f"{suite.name}, {counted(len(suite.rules), 'rule')}"


def _calibration(site: Site) -> str:
    from cutouts.models.calibrations import find_calibration
    from cutouts.stages import job_of
    from cutouts.steps.calibrated import require_judged

    recipe = job_of(site).recipe.digests
    require_judged(site, recipe)
    known = find_calibration(recipe.matte_digest, site.models)
    return "none, and the expectations do not need one" if known is None else f"{known.version} of {site.model}"


def _renditions(site: Site) -> str:
    from cutouts.steps.render import site_renditions

    return ", ".join(one.name for one in site_renditions(site))


def _surroundings() -> Iterator[str]:
    from cutouts.adapters.model import available_providers

    yield f"Python {sys.version.split()[0]}, {counted(machine_cores(), 'core')}"
    for provider, state in available_providers().items():
        yield f"provider {provider}: {state}"
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"{package}: not installed{' (optional)' if package in _OPTIONAL else ''}"

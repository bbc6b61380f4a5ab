"""Which calibration of the gate holds for a recipe: the shipped one, or one that the site made for its own network."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from pydantic import TypeAdapter, ValidationError

from cutouts.core.calibration import Calibration
from cutouts.core.errors import GateError
from cutouts.models.table import folder

SHIPPED = "calibration.json"
SUFFIX = ".calibration.json"
"""A site's own calibrations lie in its models folder, under names that end so."""


def find_calibration(matte_digest: str, models: str) -> Calibration | None:
    """The calibration for mattes of that digest, a site's own first; None if there is none. Raises GateError."""
    own = sorted(folder(models).glob(f"*{SUFFIX}"))
    found = (one for one in (*map(read_calibration, own), _shipped()) if matte_digest in one.networks)
    return next(found, None)


def read_calibration(file: Traversable) -> Calibration:
    """The calibration in a file. Raises GateError if it is none."""
    try:
        return _KIND.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise GateError(f"{file} is not a calibration of the gate: {error}") from error


def calibration_json(calibration: Calibration) -> bytes:
    """What `read_calibration` reads."""
    return _KIND.dump_json(calibration) + b"\n"


_KIND = TypeAdapter(Calibration)


@cache
def _shipped() -> Calibration:
    return read_calibration(files("cutouts.models") / SHIPPED)

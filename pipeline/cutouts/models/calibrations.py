"""Which calibration of the gate holds for a recipe: the shipped one, or one that the site made for its own network."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from pydantic import TypeAdapter, ValidationError

from cutouts.core.calibration import Calibration, faults
from cutouts.core.errors import GateError
from cutouts.models.table import folder

SHIPPED = "calibration.json"
SUFFIX = ".calibration.json"
"""A site's own calibrations lie in its models folder, under names that end so."""
_AGAIN = "make it again with `cutouts gate calibrate`"


def find_calibration(matte_digest: str, models: str) -> Calibration | None:
    """The calibration for mattes of that digest, a site's own first; None if there is none. Raises GateError."""
    own = sorted(folder(models).glob(f"*{SUFFIX}"))
    found = (one for one in (*map(read_calibration, own), _shipped()) if matte_digest in one.networks)
    return next(found, None)


def read_calibration(file: Traversable) -> Calibration:
    """The calibration in a file. Raises GateError if it is none, was changed, or says nothing about a mask.

    Files of an earlier release have no seal.
    """
    try:
        data = file.read_bytes()
        calibration = _KIND.validate_json(data, strict=True)
    except OSError as error:
        raise GateError(f"{file} is not a calibration of the gate: {error}") from error
    except ValidationError as error:
        first, *_ = error.errors(include_url=False, include_input=False)
        place = ".".join(map(str, first["loc"]))
        what = f"{place}: {first['msg']}" if place else first["msg"]
        raise GateError(f"{file} is not a calibration of the gate ({what}): {_AGAIN}") from error
    body, _, seal = data.rpartition(_SEAL)
    problems = [*faults(calibration)]
    if _NAME in data and seal != _ending(body):
        problems.append(f"it was changed or damaged after it was written: {_AGAIN}")
    if problems:
        raise GateError("\n  - ".join([f"{file} is not a calibration of the gate", *problems]))
    return calibration


def calibration_json(calibration: Calibration) -> bytes:
    """What `read_calibration` reads: JSON that ends with a seal, the digest of everything before it."""
    body = _KIND.dump_json(calibration).removesuffix(b"}")
    return body + _SEAL + _ending(body)


def _ending(body: bytes) -> bytes:
    return b'"%s"}\n' % hashlib.sha256(body).hexdigest()[:16].encode()


_NAME = b'"seal"'
_SEAL = b"," + _NAME + b":"
_KIND = TypeAdapter(Calibration)


@cache
def _shipped() -> Calibration:
    return read_calibration(files("cutouts.models") / SHIPPED)

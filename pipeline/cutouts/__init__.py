"""Removes the backgrounds of product photographs, at catalogue scale.

    import cutouts

    cutouts.cut("shoe.jpg").save("shoe.png")

`cut` cuts one image, a `Cutter` many, and `run` a folder or a manifest from end to end. `plan`, `segment`, `gate` and
`publish` are the steps of a run, for an orchestrator of your own. `waiting_holds`, `approve` and `reject` are for held
deliveries, and `verify` checks what a site keeps. Every error raised on purpose is a `CutoutsError`. Names are imported
when they are first used.
"""

from __future__ import annotations

import os
from importlib import import_module

TYPE_CHECKING = False  # type checkers know the name; importing `typing` takes longer than all the rest

if TYPE_CHECKING:
    from typing import Any

    from cutouts.adapters.site_settings import load_site as load_site
    from cutouts.api.cutout import Cutout as Cutout
    from cutouts.api.cutter import Cutter as Cutter
    from cutouts.api.cutter import cut as cut
    from cutouts.api.runs import Summary as Summary
    from cutouts.api.runs import run as run
    from cutouts.core.config import Site as Site
    from cutouts.core.errors import CutoutsError as CutoutsError
    from cutouts.core.errors import ImageRejected as ImageRejected
    from cutouts.core.records import DeliveryKey as DeliveryKey
    from cutouts.core.records import ShardKey as ShardKey
    from cutouts.runner import open_runner as open_runner
    from cutouts.steps import approve as approve
    from cutouts.steps import gate as gate
    from cutouts.steps import plan as plan
    from cutouts.steps import publish as publish
    from cutouts.steps import read_decision as read_decision
    from cutouts.steps import reject as reject
    from cutouts.steps import segment as segment
    from cutouts.steps import waiting_hold as waiting_hold
    from cutouts.steps import waiting_holds as waiting_holds
    from cutouts.steps.verify import verify as verify

    __version__: str

# ONNX Runtime tells its makers of each session (machine, program, command line), unless this is set before it is
# imported: nothing of ours leaves the machine without being asked for.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_PLACES = {
    "Cutout": "cutouts.api.cutout",
    "Cutter": "cutouts.api.cutter",
    "CutoutsError": "cutouts.core.errors",
    "DeliveryKey": "cutouts.core.records",
    "ImageRejected": "cutouts.core.errors",
    "ShardKey": "cutouts.core.records",
    "Site": "cutouts.core.config",
    "Summary": "cutouts.api.runs",
    "approve": "cutouts.steps",
    "cut": "cutouts.api.cutter",
    "gate": "cutouts.steps",
    "load_site": "cutouts.adapters.site_settings",
    "open_runner": "cutouts.runner",
    "plan": "cutouts.steps",
    "publish": "cutouts.steps",
    "read_decision": "cutouts.steps",
    "reject": "cutouts.steps",
    "run": "cutouts.api.runs",
    "segment": "cutouts.steps",
    "verify": "cutouts.steps.verify",
    "waiting_hold": "cutouts.steps",
    "waiting_holds": "cutouts.steps",
}
"""The module that each name of this package comes from."""

__all__ = [*_PLACES, "__version__"]  # noqa: PLE0604 -- strings, all of them


if not TYPE_CHECKING:  # a name that is misspelt is an error there

    def __getattr__(name: str) -> Any:
        """Import a name of the package when it is first used."""
        if name == "__version__":
            value: object = import_module("importlib.metadata").version("cutouts")
        elif name in _PLACES:
            value = getattr(import_module(_PLACES[name]), name)
        else:
            raise AttributeError(f"module 'cutouts' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

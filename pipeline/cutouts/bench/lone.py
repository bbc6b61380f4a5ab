"""One image while no other is in progress: what no way to cut it can avoid, and how long `Cutter` takes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from cutouts.adapters.images import decode, encode_png
from cutouts.adapters.model import open_network
from cutouts.api.cutter import Cutter
from cutouts.core.config import Site
from cutouts.core.matting.cutout import cutout
from cutouts.core.matting.looks import look_closer, look_once, view_of
from cutouts.core.matting.matte import matte_of
from cutouts.stages import Job, job_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Lone:
    """The mean time per image (ms): `unavoidable_ms` for decode, network and encode on one core, one after the other,
    and `cutter_ms` for a `Cutter` whose network is open, from file to file, on all cores."""

    unavoidable_ms: float
    cutter_ms: float


def measure_lone(site: Site, files: Sequence[Path]) -> Lone:
    """Cut the files one by one, in turns with their unavoidable parts. Raises the errors of `Cutter`."""
    job, cutter = job_of(site), Cutter(site=site)
    unavoidable_ms(job, files[0].read_bytes())
    pairs = []
    with tempfile.TemporaryDirectory(prefix="cutouts-bench-") as folder:
        cutter.cut_file(files[0], Path(folder, "first.png"))
        for number, file in enumerate(files):
            parts = unavoidable_ms(job, file.read_bytes())
            began = time.perf_counter()
            cutter.cut_file(file, Path(folder, f"{number}.png"))
            pairs.append((parts, 1000 * (time.perf_counter() - began)))
    return Lone(unavoidable_ms=mean(one for one, _ in pairs), cutter_ms=mean(one for _, one in pairs))


def unavoidable_ms(job: Job, data: bytes) -> float:
    """The time for decode, network and encode of one image on one core (ms). Raises ImageRejected."""
    how, network = job.recipe.preprocessing, open_network(job.choice)
    began = time.perf_counter()
    photograph = decode(data, max_pixels=job.max_pixels)
    decoded = time.perf_counter()
    view = view_of(photograph, how)
    fitted = time.perf_counter()
    first = look_once(network.saliency, [view], how)
    found = time.perf_counter()
    (look,) = look_closer(network.saliency, first, how)
    rgba = cutout(photograph, matte_of(look, photograph))
    made = time.perf_counter()
    encode_png(rgba)
    return 1000 * (decoded - began + found - fitted + time.perf_counter() - made)

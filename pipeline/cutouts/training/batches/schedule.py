"""The progress of a training, and the learning rate, input size and batch size that follow from it.

Progress is the larger of two shares: images seen of images planned, and time used of time allowed. So a training on a
shared machine ends in time, with its learning rate at the end of the cosine (Loshchilov and Hutter 2017, arXiv
1608.03983), and can be planned again at every resume.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

# Share of the training in which the learning rate rises.
WARM_UP = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A part of the training, up to progress `until` (0 to 1), with inputs of `size` pixels per side and `batch` images
    per step."""

    until: float
    size: int
    batch: int


# Small inputs first: a step at 192² costs less than a quarter of one at 416², and layout is learned as well there. The
# size of the last phase is the one that is served.
PHASES = (
    Phase(until=0.40, size=192, batch=16),
    Phase(until=0.70, size=256, batch=16),
    Phase(until=1.00, size=416, batch=10),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits of a training: at most `images` images and at most `seconds` of training time. Raises ValueError
    unless both are positive."""

    images: int
    seconds: float

    def __post_init__(self) -> None:
        if self.images <= 0 or self.seconds <= 0:
            raise ValueError(f"a budget needs images and time, got {self.images} images and {self.seconds} s")

    def progress(self, images: int, seconds: float) -> float:
        """Share of the budget that is used, 0 to 1."""
        return min(1.0, max(images / self.images, seconds / self.seconds))


def parse_phases(text: str) -> tuple[Phase, ...]:
    """Phases from `until:size:batch,…`, such as `0.6:256:16,1:384:8`.

    Raises `ValueError` with all problems: sizes that are not multiples of 32, or shares that do not increase to 1.
    """
    phases = tuple(_parsed_phase(part) for part in text.split(","))
    shares = [0.0, *(stretch.until for stretch in phases)]
    problems = [f"{stretch.size} is not a multiple of 32" for stretch in phases if stretch.size % 32]
    if any(later <= earlier for earlier, later in pairwise(shares)) or shares[-1] != 1.0:
        problems.append("the shares of progress must rise and end at 1")
    if problems:
        raise ValueError(f"phases {text!r}: " + "; ".join(problems))
    return phases


def _parsed_phase(text: str) -> Phase:
    until, size, batch = text.split(":")
    return Phase(until=float(until), size=int(size), batch=int(batch))


def phase(progress: float, phases: tuple[Phase, ...] = PHASES) -> Phase:
    """The phase of a training at `progress` (0 to 1)."""
    return next((stretch for stretch in phases if progress < stretch.until), phases[-1])


def rate(progress: float) -> float:
    """Factor on the peak learning rates, 0 to 1: a linear warm-up, then a cosine down to 0.5 %, both over progress."""
    return min(1.0, 0.005 + progress / WARM_UP) * (0.005 + 0.995 * 0.5 * (1.0 + math.cos(math.pi * progress)))

"""What the server counts, in the text format of Prometheus (version 0.0.4)."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0)
"""Upper ends of the histogram's buckets (s)."""


@dataclass(slots=True)
class Counts:
    """Requests by path and status, rejections by code, and how long answers with a picture took. It only grows with the
    number of different paths, statuses and codes."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    in_buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0

    def answered(self, path: str, status: int, seconds: float | None) -> None:
        """Count a request. Its time, None if no image was sent, counts if it got a picture or measurements."""
        self.requests[path, status] += 1
        if status == 200 and seconds is not None:
            self.in_buckets[bisect.bisect_left(BUCKETS, seconds)] += 1
            self.seconds += seconds

    def text(self, values: Mapping[str, tuple[str, str, float]]) -> str:
        """The page. `values` are further ones: name → type, help, value."""
        return "\n".join([*self._counters(), *self._histogram(), *_plain(values), ""])

    def _counters(self) -> Iterator[str]:
        yield from _head("cutouts_requests_total", "counter", "Requests by path and status.")
        for (path, status), count in sorted(self.requests.items()):
            yield f'cutouts_requests_total{{path="{path}",status="{status}"}} {count}'
        yield from _head("cutouts_problems_total", "counter", "Requests without a picture, by code.")
        for code, count in sorted(self.problems.items()):
            yield f'cutouts_problems_total{{code="{code}"}} {count}'

    def _histogram(self) -> Iterator[str]:
        name = "cutouts_answer_seconds"
        yield from _head(
            name, "histogram", "From the headers of a request with an image to the end of an answer with status 200."
        )
        total = 0
        for end, count in zip([*map(str, BUCKETS), "+Inf"], self.in_buckets, strict=True):
            total += count
            yield f'{name}_bucket{{le="{end}"}} {total}'
        yield f"{name}_sum {self.seconds:.6f}"
        yield f"{name}_count {total}"


def _plain(values: Mapping[str, tuple[str, str, float]]) -> Iterator[str]:
    for name, (kind, about, value) in values.items():
        yield from _head(name, kind, about)
        yield f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _head(name: str, kind: str, about: str) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"

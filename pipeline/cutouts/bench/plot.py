"""The bench as one picture: parts, stages, layouts and memory."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from cutouts.adapters.storage.ownership import write_ours
from cutouts.bench.records import AIM, BenchReport, Run

_UNAVOIDABLE, _OURS, _AIM = "#4c78a8", "#f58518", "#c0392b"


def draw(report: BenchReport, path: Path) -> None:
    """Write the plots to `path`; its suffix decides the format (SVG, PNG, PDF)."""
    from matplotlib import rcdefaults
    from matplotlib.figure import Figure

    rcdefaults()  # a matplotlibrc in the working folder may have come with the photographs
    figure = Figure(figsize=(11, 8), layout="constrained")
    (parts, stages), (layouts, memory) = figure.subplots(2, 2)
    _draw_parts(parts, report)
    _draw_stages(stages, report.run)
    _draw_layouts(layouts, report)
    _draw_memory(memory, report.run)
    picture = BytesIO()
    figure.savefig(picture, format=path.suffix.removeprefix("."))
    write_ours(path, picture.getvalue())


def _draw_parts(axes: Any, report: BenchReport) -> None:
    ours = [part for part in report.parts if not part.unavoidable]
    for bar, parts in (("cannot be\navoided", [part for part in report.parts if part.unavoidable]), ("the rest", ours)):
        below = 0.0
        for part in parts:
            axes.bar(bar, part.ms, bottom=below, color=_UNAVOIDABLE if part.unavoidable else _OURS, edgecolor="white")
            if part.ms > report.whole_ms / 40:
                axes.text(bar, below + part.ms / 2, part.name, ha="center", va="center", fontsize=8)
            below += part.ms
    axes.bar("whole path", report.whole_ms, color="#999999")
    axes.axhline(AIM * report.unavoidable_ms, color=_AIM, linestyle="--", label=f"aim: {AIM} × unavoidable")
    axes.legend(loc="upper left", fontsize=8)
    axes.set_ylim(top=1.25 * report.whole_ms)
    axes.set(title=f"ms per image and thread; ratio {report.ratio:.2f}", ylabel="ms")


def _draw_stages(axes: Any, run: Run) -> None:
    values = {"prepare": run.prepare_ms, "infer": run.infer_ms, "finish": run.finish_ms}
    bars = axes.barh(list(values), list(values.values()), color=_UNAVOIDABLE)
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set(title="time by stage", xlabel="ms per image")


def _draw_layouts(axes: Any, report: BenchReport) -> None:
    runs = (report.run, *report.others)
    names = [f"{run.workers} × {run.threads // max(1, run.workers)}\nbatch {run.batch}" for run in runs]
    bars = axes.bar(range(len(runs)), [run.images_per_second for run in runs], color=_UNAVOIDABLE)
    axes.bar_label(bars, fmt="%.1f")
    axes.margins(y=0.15)
    axes.set_xticks(range(len(runs)), names, fontsize=8)
    axes.set(title="whole path by layout (workers × threads)", ylabel="images/s")


def _draw_memory(axes: Any, run: Run) -> None:
    axes.plot([done for done, _ in run.curve], [resident for _, resident in run.curve], color=_OURS)
    axes.set_ylim(0, 1.2 * max(resident for _, resident in run.curve))
    growth = "" if run.growth_mb is None else f"; {run.growth_mb:+.1f} MB per 1000 images"
    axes.set(title=f"memory of the workers{growth}", xlabel="images done", ylabel="MB")

"""A bench as text for people, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from cutouts.bench.records import AIM, BenchReport, Run
from cutouts.core.text.counting import counted


def as_text(report: BenchReport) -> str:
    """The tables of a bench: the parts, the run, and other layouts."""
    return "\n".join([*_head(report), "", *_parts(report), "", *_run(report), "", *_layouts(report)])


def as_json(report: BenchReport) -> str:
    """Everything in the report, including computed values."""
    runs = [_run_values(run) for run in (report.run, *report.others)]
    values = {
        **asdict(report),
        "unavoidable_ms": report.unavoidable_ms,
        "ratio": report.ratio,
        "ratio_with_runner": report.ratio_with_runner,
        "lone_ratio": report.lone_ratio,
        "network_images_per_second": report.network_images_per_second,
        "run": runs[0],
        "others": runs[1:],
    }
    return json.dumps(values, indent=2)


def _run_values(run: Run) -> dict[str, object]:
    return {**asdict(run), "images_per_second": run.images_per_second}


def _head(report: BenchReport) -> Iterator[str]:
    left_out = f", {report.left_out} left out that cannot be decoded" if report.left_out else ""
    yield f"{report.model} on {report.machine}"
    yield f"{counted(report.images, 'image')} of {report.megapixels:.2f} MP on average from {report.source}{left_out}"
    yield (
        f"whole path {report.run.images_per_second:.2f} images/s, bare network"
        f" {report.network_images_per_second:.2f} images/s, on {report.threads} threads"
    )
    reached = "within" if report.ratio_with_runner <= AIM else "above"
    yield (
        f"whole path / (decode + bare network + encode) = {report.ratio:.2f}, with the runner's waiting"
        f" {report.ratio_with_runner:.2f}: {reached} the aim of {AIM}"
    )
    yield (
        f"one image by Cutter {report.lone.cutter_ms:.1f} ms from file to file = {report.lone_ratio:.2f} of decode +"
        f" network + encode on one core, {report.lone.unavoidable_ms:.1f} ms"
    )


def _parts(report: BenchReport) -> Iterator[str]:
    yield f"{'part, by itself':<24}{'ms/image':>10}{'share':>8}"
    for part in report.parts:
        name = f"{part.name}{' *' if part.unavoidable else ''}"
        yield f"{name:<24}{part.ms:>10.2f}{part.ms / report.whole_ms:>8.1%}"
    share = report.unavoidable_ms / report.whole_ms
    yield f"{'* cannot be avoided':<24}{report.unavoidable_ms:>10.2f}{share:>8.1%}"
    yield f"{'whole path':<24}{report.whole_ms:>10.2f}{1:>8.1%}"


def _run(report: BenchReport) -> Iterator[str]:
    run = report.run
    yield f"{counted(run.images, 'image')} on {_layout(run)}: threads at work {run.busy:.1%} of the time"
    total = run.prepare_ms + run.infer_ms + run.finish_ms
    stages = {"prepare": run.prepare_ms, "infer": run.infer_ms, "finish": run.finish_ms}
    yield "stages: " + ", ".join(f"{name} {ms:.1f} ms ({ms / total:.0%})" for name, ms in stages.items())
    yield (
        f"start-up to the first image: {report.cut_seconds:.1f} s by `cutouts cut`, {run.first_seconds:.1f} s on the"
        f" cluster ({run.open_seconds:.1f} s of it to open)"
    )
    growth = "not reported for so few images" if run.growth_mb is None else f"{run.growth_mb:+.1f} MB per 1000 images"
    yield f"memory of the workers: peak {run.peak_mb:.0f} MB, growth over the second half {growth}"


def _layouts(report: BenchReport) -> Iterator[str]:
    yield f"{'layout':<44}{'images/s':>10}{'peak MB':>10}"
    for run in (report.run, *report.others):
        yield f"{_layout(run):<44}{run.images_per_second:>10.2f}{run.peak_mb:>10.0f}"


def _layout(run: Run) -> str:
    return f"{run.cluster}: workers {run.workers}, threads {run.threads} in all, batch {run.batch}"

"""Measures the cost of the whole path: relative to its unavoidable parts, by part and stage, by workers and batch, over
many images."""

from cutouts.bench.bench import bench
from cutouts.bench.records import BenchReport, PartTiming, Run

__all__ = ["BenchReport", "PartTiming", "Run", "bench"]

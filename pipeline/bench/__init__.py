"""What the path costs: beside what cannot be avoided, by part and stage, by workers and batch, over many images."""

from pipeline.bench.bench import bench
from pipeline.bench.records import BenchReport, Part, Run

__all__ = ["BenchReport", "Part", "Run", "bench"]

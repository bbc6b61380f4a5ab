"""The sample pictures of the demo, drawn by this project or real photographs, each with its matte."""

from cutouts.samples.sample_set import DELIVERY, SAMPLES, Sample, write_samples

__all__ = ["DELIVERY", "SAMPLES", "Sample", "write_samples"]

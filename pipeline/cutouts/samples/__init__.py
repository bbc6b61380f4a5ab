"""The pictures of the demo, drawn by the project itself or real photographs, with the matte of each."""

from cutouts.samples.sample_set import DELIVERY, SAMPLES, Sample, write_samples

__all__ = ["DELIVERY", "SAMPLES", "Sample", "write_samples"]

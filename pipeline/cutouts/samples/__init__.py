"""Sample photographs of the demo, drawn by the project itself, with the matte of each known exactly."""

from cutouts.samples.sample_set import DELIVERY, SAMPLES, Sample, write_samples

__all__ = ["DELIVERY", "SAMPLES", "Sample", "write_samples"]

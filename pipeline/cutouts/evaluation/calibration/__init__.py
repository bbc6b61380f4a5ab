"""Calibrates the gate: measures masks of images with known truth, and fits the probability that a mask is bad."""

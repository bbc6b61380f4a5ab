"""Calibrates the gate: masks of images with truth are measured, and a probability that a mask is bad is fitted."""

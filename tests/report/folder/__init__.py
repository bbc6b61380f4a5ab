"""Tests of the output folder of a run."""

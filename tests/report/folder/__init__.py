"""Tests of the folder of a run."""

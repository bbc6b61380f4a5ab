"""Tests of the sample photographs."""

"""Tests of the parts of an HTML page."""

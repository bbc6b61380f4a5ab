"""Tests of the parts of a page."""

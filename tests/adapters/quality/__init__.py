"""Tests of the expectation suites: what they judge and what they refuse."""

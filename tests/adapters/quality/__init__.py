"""Suites of expectations: what they judge, and what they refuse."""

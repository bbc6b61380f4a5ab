"""Tests of measuring mattes: sets, contenders, figures, comparisons and the commands."""

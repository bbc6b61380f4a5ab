"""Measuring mattes: sets, contenders, figures, comparisons, and the command that a person calls."""

"""The training data: tables that are decoded once into memory-mapped files, and folds of the data."""

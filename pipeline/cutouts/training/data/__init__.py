"""What the training learns from: tables decoded once into files that are mapped into memory, and folds of them."""

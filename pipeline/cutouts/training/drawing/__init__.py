"""Draws images for the training: products, garments and shapes over scenes, with the effects of a camera."""

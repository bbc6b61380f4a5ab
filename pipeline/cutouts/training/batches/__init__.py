"""Chooses the images of a step, its size and its learning rate, and draws the images ahead in separate processes."""

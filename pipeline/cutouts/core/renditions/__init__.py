"""Renditions: the pictures that are made of one cutout, as records, and the drawing of their pixels."""

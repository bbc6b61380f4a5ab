"""Backgrounds off product photographs at catalogue scale. `DESIGN.md` beside this file is the map of the house."""

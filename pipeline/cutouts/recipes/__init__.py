"""The renditions that are shipped, as TOML files, and the reader of these and of the files of a site."""

from cutouts.recipes.reading import known_renditions, renditions_named

__all__ = ["known_renditions", "renditions_named"]

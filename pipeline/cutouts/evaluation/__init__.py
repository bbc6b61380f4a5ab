"""Measures how good mattes are when the truth is known, in the same way for networks, recipes and other tools.

`composites` makes test sets and `image_sets` reads them. `contender_specs` parses the names of contenders, `contenders`
opens them, `measure` runs every contender on every image, and `paired_tests` compares two. `per_image`, `summary` and
`worst_images` write the results. `side_by_side` shows cutouts of images without known truth.
"""

"""How good a matte is when the truth is known: the one way in which networks, recipes and peers are measured.

`composites` makes test sets and `image_sets` reads them. `contender_specs` parses what is to be measured, `contenders`
opens it, `measure` asks every contender about every image, and `paired_tests` compares two. `per_image`, `summary` and
`worst_images` write the results. `side_by_side` shows cutouts of images whose truth nobody knows.
"""

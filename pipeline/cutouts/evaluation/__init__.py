"""How good a matte is where the truth is known: the one way in which networks, recipes and peers are measured.

`composites` makes test sets, `cases` reads them, `specs` and `contenders` say and open what is measured, `measure` asks
all of them about every image, `paired` tests two against each other; `rows`, `summary` and `sheet` write it down;
`looks` lays cutouts side by side when nobody knows the truth.
"""

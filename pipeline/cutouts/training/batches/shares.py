"""How often the kinds of training images are drawn."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Shares of the training images, each 0 to 1: `natural` photographs and `empty` scenes without a product; the rest
    are composites, of which `rendered` are replaced by 3D models on their own rendered ground, if there are renders.

    Raises ValueError if a share is not between 0 and 1, or if `natural` and `empty` are more than 1 together.
    """

    natural: float = 0.36
    # With a quarter of this share, the network mistook one empty room in seven for a product.
    empty: float = 0.24
    rendered: float = 0.3

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0.0 <= (share := getattr(self, field.name)) <= 1.0:
                raise ValueError(f"the share {field.name} must be between 0 and 1, not {share}")
        if self.natural + self.empty > 1.0:
            raise ValueError(f"natural and empty must be at most 1 together, not {self.natural + self.empty:g}")


SHARES = Shares()


def parse_shares(text: str) -> Shares:
    """Shares from `name=share,…`, such as `empty=0.2,rendered=0.5`; the others keep their defaults.

    Raises ValueError for an unknown name, for a value that is not a number, and for what `Shares` refuses.
    """
    known = {field.name for field in fields(Shares)}
    given = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if name not in known or not equals:
            raise ValueError(f"{part!r} is not NAME=SHARE with a name of {', '.join(sorted(known))}")
        given[name] = float(value)
    return replace(SHARES, **given)

"""Checks of the arguments that programs pass to the functions of the package."""

from __future__ import annotations

_MADE_BY = {
    "DeliveryKey": "; DeliveryKey.parse(text) reads one",
    "Runner": "; `with open_runner(site) as runner` opens one",
    "ShardKey": "; ShardKey.parse(text) reads one",
    "Site": "; Site(…) or load_site() makes one",
}


def require_type(name: str, value: object, expected: type) -> None:
    """Raise TypeError, which says where a value of the expected type comes from, if the argument is of another one."""
    if not isinstance(value, expected):
        kind = expected.__name__
        raise TypeError(f"{name}: expected {kind}, not {type(value).__name__}{_MADE_BY.get(kind, '')}")

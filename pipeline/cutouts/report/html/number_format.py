"""Numbers for people."""

from __future__ import annotations


def number(value: float) -> str:
    """Thousands are separated by a thin space; decimals are shown only if they are significant: 12 345, 8.25, 0.031."""
    if float(value).is_integer():
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.3g}" if abs(value) < 100 else number(round(value))


def share(part: float, whole: float) -> str:
    """`part` of `whole` in per cent. A small share is never shown as 0 %, nor a large one as 100 %."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 1:
        return "<1\u202f%"
    if 99 < percent < 100:
        return ">99\u202f%"
    return f"{percent:.0f}\u202f%"


def clock(seconds: float) -> str:
    """Seconds as 8.3 s, 4 min 05 s or 2 h 10 min."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"

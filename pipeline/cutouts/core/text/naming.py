"""Names of the files that we write: they fit every file system, and no two are the same."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TypeVar
from urllib.parse import quote

K = TypeVar("K", bound=Hashable)

MAX_NAME = 255
"""Maximum length of a file or folder name on the file systems in use; in bytes, not characters."""
MAX_PATH = 1024
"""Maximum length of a relative path that we derive from ids (B); most systems allow 4,096 for the whole path."""
_DIGITS = 12
"""Hexadecimal digits of the digest that distinguishes shortened names."""
_UNSAFE = frozenset('/\\:*?"<>|%')
"""Characters, besides control characters, that some file system refuses in a name, and the escape character itself."""


def fitting(name: str, ending: str = "", *, limit: int = MAX_NAME) -> str:
    """`name + ending` or, if that has too many bytes, the beginning of `name`, a digest of all of it, and `ending`."""
    if len(_encoded(name + ending)) <= limit:
        return name + ending
    return _shortened(name, ending, limit=limit)


def is_text(name: str) -> bool:
    """Whether a name can be stored as UTF-8 and shown. Bytes that are not UTF-8 arrive as surrogates (PEP 383)."""
    return not any("\ud800" <= one <= "\udfff" or unicodedata.category(one) == "Cc" for one in name)


def text_names(paths: Sequence[str]) -> dict[str, str]:
    """Text for each relative path that can be stored as UTF-8 and shown, different for each.

    A path that already is such text is unchanged. Other bytes and control characters become `%E9` or `%0A`, followed by
    a number if that name is taken.
    """
    names = {path: path for path in paths if is_text(path)}
    taken = set(names.values())
    for path in paths:
        if path not in names:
            escaped = "".join(one if is_text(one) else quote(_encoded(one)) for one in path)
            names[path] = _first_free(escaped, taken)
            taken.add(names[path])
    return names


def safe_path(parts: Iterable[str]) -> str:
    """A relative path of `parts`, whatever they contain: every part becomes a name that no system refuses."""
    path = "/".join(fitting(_safe(part)) for part in parts)
    return path if len(_encoded(path)) <= MAX_PATH else _shortened(path.replace("/", "_"), "")


def png_names(sources: Sequence[str]) -> dict[str, str]:
    """The PNG's relative path for each relative source path: `sub/a.jpg` becomes `sub/a.png`.

    Only sources that would get the same name keep their suffix (`a.jpg.png`, `a.webp.png`), as does one whose name
    belongs to a folder (`a.jpg` beside `a.png/x.jpg`). Names that differ only in case or in the composition of accents
    count as the same, because many file systems do not distinguish them; a digest is added to them. No two get the same
    name.
    """
    forms = {source: _forms(PurePosixPath(source)) for source in sources}
    level = dict.fromkeys(sources, 0)
    while True:
        names = {source: forms[source][level[source]] for source in sources}
        meeting = [source for source in _meeting(names, level) if level[source] < len(forms[source]) - 1]
        if not meeting:
            return names
        for source in meeting:
            level[source] += 1


def one_name_each(wanted: Mapping[K, str]) -> dict[K, str]:
    """The PNG's path for each key, from the source path that it prefers. If several keys prefer the same one, they get
    a digest."""
    counts = Counter(wanted.values())
    apart = {key: path if counts[path] == 1 else _told_apart(path, repr(key)) for key, path in wanted.items()}
    names = png_names(sorted(set(apart.values())))
    return {key: names[path] for key, path in apart.items()}


def _told_apart(path: str, key: str) -> str:
    whole = PurePosixPath(path)
    return str(whole.with_name(_shortened(whole.stem, whole.suffix, of=key)))


def _forms(source: PurePosixPath) -> tuple[str, str, str]:
    """Candidate names for one source, from the preferred one to one that no other source has."""
    apart = _shortened(source.name, ".png", of=str(source))
    names = fitting(source.stem, ".png"), fitting(source.name, ".png"), apart
    first, second, last = ((source.parent / name).as_posix() for name in names)
    return first, second, last


def _meeting(names: Mapping[str, str], level: Mapping[str, int]) -> list[str]:
    """The sources that have to use another name: of those that share one, those that did so least often so far."""
    folded = {source: _folded(name) for source, name in names.items()}
    folders = {str(parent) for name in set(folded.values()) for parent in PurePosixPath(name).parents}
    by_name: dict[str, list[str]] = defaultdict(list)
    for source, name in folded.items():
        by_name[name].append(source)
    meeting: list[str] = []
    for name, sources in by_name.items():
        least = min(level[source] for source in sources)
        if len(sources) > 1 or name in folders:
            meeting += [source for source in sources if level[source] == least]
    return meeting


def _folded(name: str) -> str:
    """Names that a file system may treat as one become equal: case and composition of accents are ignored."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _shortened(name: str, ending: str, *, of: str | None = None, limit: int = MAX_NAME) -> str:
    """The beginning of `name`, a digest (of `of`, else of `name`), and `ending`: at most `limit` bytes."""
    digest = hashlib.sha256((name if of is None else of).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    behind = f"~{digest}{ending}"
    start = _encoded(name)[: limit - len(_encoded(behind))]
    return start.decode("utf-8", "ignore") + behind


def _safe(part: str) -> str:
    escaped = "".join(quote(one, safe="") if _is_unsafe(one) else one for one in part)
    return escaped if escaped.strip(". ") else escaped.replace(".", "%2E").replace(" ", "%20") or "_"


def _is_unsafe(letter: str) -> bool:
    return letter in _UNSAFE or unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp")


def _encoded(name: str) -> bytes:
    """The bytes of a name on disk; bytes that are not UTF-8 arrive as surrogates (PEP 383)."""
    return name.encode("utf-8", "surrogateescape")


def _first_free(name: str, taken: set[str]) -> str:
    path, number = PurePosixPath(name), 2
    while name in taken:
        name, number = str(path.with_name(f"{path.stem}~{number}{path.suffix}")), number + 1
    return name

"""Text that is safe to show and store: secrets hidden, control characters escaped, commands quoted for the shell.

Every error of ours, every line that a command prints, and every URI in a table that is not needed for reading goes
through here. Hidden text becomes `***`; hiding twice changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

if TYPE_CHECKING:
    import pyarrow as pa

HIDDEN = "***"
"""Replaces a secret."""

_MARKS = ("@", "=", ":", "%40")
"""Text without any of these cannot contain a recognisable secret."""

_LOGIN = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:)?//(?P<login>[^/?#\s<>\\]*)@")
"""The part of a URL before the host (RFC 3986, section 3.2.1), up to the last @ of the authority."""
_ODD_LOGIN = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:)//(?P<login>[^/?#\s:@\[]*:(?!\d*(?:[/?#\s\"'),\]]|$))[^\s@]*)@"
)
"""A password with an unquoted /, ? or #: no port begins like that."""
_DATABASE_LOGIN = re.compile(
    r"(?P<scheme>(?:postgres|mysql|maria|oracle|mssql|cockroach|redshift|snowflake|mongo|redis|amqp)[\w+.-]*:)"
    r"//(?P<login>[^:/@\n]*:[^@\n]*)@",
    re.IGNORECASE,
)
"""SQLAlchemy reads everything up to the @ as the password, including blanks and slashes."""
_MISSPELT = re.compile(r"(?P<start>(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{1,2})[^/\\@\s]*:[^/\\@\s]*@")
"""Text that may have been meant as a URL with a log-in; the rest is a plain path."""
_PATH_LOGIN = re.compile(
    r"(?P<start>(?:^|(?<=[\s\"'(]))(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{1,2})[^/\\@\s:]+:[^/\\@\s]+@(?=[\w\[])"
)
"""The same in the middle of a message."""
_SUSPECT = r"(?s)://.*[@=]|^([A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{1,2}[^/\\@]*:[^/\\@]*@"
_USERS_ARE_NO_SECRET = frozenset({"abfs:", "abfss:", "wasb:", "wasbs:", "sftp:", "ssh:"})
"""For these schemes, the name before the @ is a container or a user, and is needed to know what is meant."""
_DATABASES = ("postgres", "mysql", "maria", "oracle", "mssql", "cockroach", "redshift")

_NO_END = r"(?![:;,.!)\]}]{1,4}(?:\s|$))"
"""Punctuation of a sentence is not part of the address or the value before it."""

_FIELD = re.compile(
    r"(?P<lead>[?&;#]|%3F|%26)(?P<name>[\w.%\[\]-]{1,80})(?P<is>=|%3D)"
    rf"(?P<value>(?:{_NO_END}[^&;\s\"'<>`\\]|"
    r";(?![\w.%\[\]-]{1,80}(?:=|%3D))|[\"'](?![\s,)\]}>;:]|$))*)",
    re.IGNORECASE,
)
"""One field of a query. It ends at & or at a ; before another field.

A quotation mark ends its value only if what follows looks like the end of a quotation.
"""
_PATH_FIELD = re.compile(
    r"(?P<lead>[/~,])(?P<name>[\w.-]{1,80})(?P<is>=)" rf"(?P<value>(?:{_NO_END}[^/~,&?#\s\"'<>`])*)"
)
"""Signed paths of content delivery networks: /exp=…~acl=…~hmac=…/."""
_ASSIGNED = re.compile(
    r"(?P<name>(?:password|passwd|passphrase|pwd|secret|token|api_?key|access_?key|signature))"
    r"(?P<is>\s*=\s*|(?P<quote>[\"'])\s*:\s*)"
    r"(?P<value>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|"
    rf"(?:{_NO_END}[^\s,;&\"')}}\]])+)",
    re.IGNORECASE,
)
"""`password=…` of a connection string, or `'token': '…'` of a dictionary that a library prints."""
_HEADER = re.compile(
    r"(?P<name>\bauthorization[\"']?\s*[:=]\s*[\"']?)(?P<value>(?:\w+\s+)?" rf"(?:{_NO_END}[^\s\"',}}])+)",
    re.IGNORECASE,
)

_SECRET_NAMES = re.compile(
    r"password|passwd|passphrase|^pass$|^pwd?$|secret|token|signature|^q?sign?$|[a-z]sig$|credential|hmac|^hdn|"
    r"apikey|access(?:key)?id|accesskey|keypairid|privatekey|signkey|authkey|subscriptionkey|^auth$|authori[sz]ation|"
    r"jwt|session|^sid$|^otp$|cookie"
)
"""Names of fields, in lower case and without separators, whose value is a secret or part of a signature."""
_RANDOM = re.compile(r"[A-Za-z0-9+/=_-]{16,}")
_DIGEST = re.compile(r"(?=.*[0-9])(?=.*[a-f])[0-9a-f]{24,}", re.IGNORECASE)
_OUR_FOLDER = re.compile(r"recipe=[0-9a-f]{16}-[0-9a-f]{16}")
"""A folder of the ledger: an error must name its files."""
_TURNS = 6
"""A random text changes at least this often between lower case, upper case and digits."""

_LEFT_AS_THEY_ARE = frozenset("\u200c\u200d")
"""Joiners; without them, words of some scripts and many emoji break."""
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that control a terminal or reverse a line, and unpaired surrogates."""


def redacted(text: str) -> str:
    """`text`, a URL or a message with URLs in it, without passwords, log-ins, tokens and signatures.

    Hidden are the log-in of a URL, and values of fields with a telling name (`password`, `token`, `sig`,
    `X-Amz-Signature`, …), of connection strings and of an Authorization header. A random-looking value under any other
    name is replaced by a short digest, so two addresses that differ only in it still differ.
    """
    if not any(mark in text for mark in _MARKS):
        return text
    return _HEADER.sub(rf"\g<name>{HIDDEN}", _ASSIGNED.sub(_without_assigned, _urls_redacted(text)))


def stored_uri(uri: str) -> str:
    """An image's URI as tables keep it: a URL is redacted, and a path on this machine is unchanged."""
    if found := _MISSPELT.match(uri):
        return f"{found['start']}{HIDDEN}@{_fields_redacted(uri[found.end() :])}"
    return _urls_redacted(uri) if "://" in uri and not uri.lower().startswith("file:") else uri


def stored_uris(uris: pa.ChunkedArray) -> pa.ChunkedArray:
    """`stored_uri` of each; only those that may contain something to hide become Python objects."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def stored(part: pa.Array) -> pa.Array:
        suspects = pc.fill_null(pc.match_substring_regex(part, _SUSPECT), False)
        if not pc.any(suspects).as_py():
            return part
        return pc.replace_with_mask(part, suspects, pa.array(map(stored_uri, part.filter(suspects).to_pylist())))

    return pa.chunked_array(map(stored, uris.chunks), uris.type)


def printable(text: str, *, lines: bool = False) -> str:
    """`text` for a terminal or a log: control characters, including those that reverse text, become `\\x1b` or
    `\\u202e`.

    With `lines`, line feeds and tabs are kept.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = _LEFT_AS_THEY_ARE | ({"\n", "\t"} if lines else frozenset())
    return "".join(one if one in kept or unicodedata.category(one) not in _ESCAPED else _escaped(one) for one in text)


def shown(text: object) -> str:
    """One line for people: `redacted` and `printable`."""
    return printable(redacted(str(text)))


def command(*words: object) -> str:
    """The words as a command that can be pasted into a shell, whatever they contain."""
    return " ".join(_quoted(str(word)) for word in words)


def _urls_redacted(text: str) -> str:
    if "@" in text:
        for pattern in (_DATABASE_LOGIN, _ODD_LOGIN, _LOGIN):
            text = pattern.sub(_without_login, text)
        text = _PATH_LOGIN.sub(rf"\g<start>{HIDDEN}@", text)
    return _fields_redacted(text)


def _fields_redacted(text: str) -> str:
    return _PATH_FIELD.sub(_without_value, _FIELD.sub(_without_value, text))


def _without_login(found: re.Match[str]) -> str:
    scheme = (found["scheme"] or "").lower()
    named_only = scheme in _USERS_ARE_NO_SECRET or scheme.startswith(_DATABASES)
    user, colon, _ = found["login"].partition(":")
    kept = f"{user}{colon and ':' + HIDDEN}" if named_only else HIDDEN
    return f"{found['scheme'] or ''}//{kept}@"


def _without_value(found: re.Match[str]) -> str:
    start, value = f"{found['lead']}{found['name']}{found['is']}", unquote_plus(found["value"])
    if value and _is_secret(found["name"]):
        return start + HIDDEN
    if _OUR_FOLDER.fullmatch(f"{found['name']}={value}"):
        return found[0]
    if _looks_random(value) or ("://" in value and redacted(value) != value):
        return f"{start}{HIDDEN}{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:12]}"
    return found[0]


@lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAMES.search(re.sub(r"[^a-z0-9]", "", unquote(name).lower())))


def _without_assigned(found: re.Match[str]) -> str:
    mark = found["value"][0] if found["value"][0] in "\"'" else ""
    return f"{found['name']}{found['is']}{mark}{HIDDEN}{mark}"


def _looks_random(value: str) -> bool:
    return any(_turns(run) >= _TURNS or _DIGEST.fullmatch(run) for run in _RANDOM.findall(value))


def _turns(text: str) -> int:
    kinds = [kind for kind in map(_kind, text) if kind]
    return sum(one != other for one, other in pairwise(kinds))


def _kind(letter: str) -> str:
    if letter.isdigit():
        return "digit"
    return ("capital" if letter.isupper() else "small") if letter.isalpha() else ""


def _escaped(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # a byte of a name that is not UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape", "surrogatepass").decode()


def _quoted(word: str) -> str:
    if printable(word) == word:
        return shlex.quote(word)
    escaped = printable(word.replace("\\", "\\\\").replace("'", "\\'"))
    return f"$'{escaped}'"

"""Restricts a page of ours with a content security policy: the browser runs and applies only scripts and styles with
our digests.

A policy by digest does not allow style attributes, so these are converted to rules of the page's own style sheet.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape

OPEN = "default-src 'none'"
"""The policy in a template: it allows nothing, until `sealed` replaces it."""

_STYLED = re.compile(r'\sstyle="([^"]*)"')
"""Text in a template is escaped, so quotation marks only occur in tags."""
_STYLE, _SCRIPT = (re.compile(rf"<{tag}>(.*?)</{tag}>", re.DOTALL) for tag in ("style", "script"))


def sealed(page: str, *, images: str = "data:", connections: str = "'none'") -> str:
    """The page with a policy that allows its own style sheet and script by their sha256, and embedded pictures.

    `images` and `connections` are the sources of pictures and the addresses that its script may ask. Raises ValueError
    if the page has no policy to replace.
    """
    if f'content="{OPEN}"' not in page:
        raise ValueError(f"the page states no policy {OPEN!r}")
    rules: dict[str, str] = {}

    def by_rule(found: re.Match[str]) -> str:
        return f' data-s="{rules.setdefault(found[1], str(len(rules)))}"'

    page = _STYLED.sub(by_rule, page)
    sheet = "".join(f'[data-s="{number}"]{{{unescape(style)}}}' for style, number in rules.items())
    page = page.replace("</style>", f"{sheet.replace('<', '')}</style>", 1)
    policy = [
        OPEN,
        f"img-src {images}",
        f"connect-src {connections}",
        f"style-src {_digests(_STYLE, page)}",
        f"script-src {_digests(_SCRIPT, page)}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return page.replace(f'content="{OPEN}"', f'content="{"; ".join(policy)}"', 1)


def _digests(kind: re.Pattern[str], page: str) -> str:
    """The sources of each style sheet or script of the page, in the form of a policy; `'none'` if there are none."""
    digests = (hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in kind.findall(page))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"

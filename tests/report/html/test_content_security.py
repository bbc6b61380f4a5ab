"""The content security policy of a page, without a browser."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from cutouts.report.html.content_security import sealed

PAGE = (
    """<meta http-equiv="Content-Security-Policy" content="default-src 'none'"><style>\nb{color:red}</style>"""
    """<b style="--n:3">x</b><b style="--n:3">y</b><i style="--u:url(data:x;&#34;)">z</i><script>go()</script>"""
)


def test_a_page_allows_its_own_style_sheet_and_script_by_digest() -> None:
    """Style attributes become rules of the style sheet, and equal ones share a rule."""
    page = sealed(PAGE)
    sheet = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    assert sheet == ['\nb{color:red}[data-s="0"]{--n:3}[data-s="1"]{--u:url(data:x;")}']
    assert ' style="' not in page
    assert page.count(' data-s="0"') == 2
    for text in (sheet[0], "go()"):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in page
    assert "unsafe" not in page


def test_a_page_without_a_script_allows_none() -> None:
    """Nothing is allowed that is not there."""
    assert "script-src 'none'" in sealed(PAGE.replace("<script>go()</script>", ""))


def test_a_page_without_a_policy_is_an_error() -> None:
    """A template that lacks it is never written."""
    with pytest.raises(ValueError, match="states no policy"):
        sealed("<style></style>")

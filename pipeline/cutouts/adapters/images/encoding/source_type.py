"""The IPTC digital source type of a picture: read from any file, and written as a small XMP packet.

Nothing else of a photograph's metadata is written, so no position (GPS) and no name of a person leaves with a picture.
"""

from __future__ import annotations

import re

from cutouts.core.renditions.source_types import CAPTURED

_URI = re.compile(rb"cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{1,64})")
_BASE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'Iptc4xmpExt:DigitalSourceType="{uri}"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def source_type_of(data: bytes) -> str | None:
    """The last part of the address of the digital source type that a file states, for example `digitalCapture`; None if
    it states none.

    It is found in XMP and in Content Credentials (C2PA) of every format, because neither compresses its text; only a
    PNG may, and programs do not do so for XMP. If there are several, the first that was not captured counts.
    """
    stated = [found.decode("ascii") for found in _URI.findall(data)]
    return next((one for one in stated if one not in CAPTURED), stated[0] if stated else None)


def packet(source_type: str) -> bytes:
    """The XMP packet that states a digital source type."""
    return _PACKET.format(uri=_BASE + source_type).encode("utf-8")

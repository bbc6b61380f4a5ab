"""Photographs as cameras, phones and agencies write them: with metadata that must not leave with a picture."""

from __future__ import annotations

import struct
from fractions import Fraction
from io import BytesIO

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from cutouts.core.pixels import Bytes

PLACE = ((48, 1), (51, 1), (29_873_641, 1_000_003))
"""The position in the GPS block: degrees, minutes and seconds as fractions."""
SECRET = b"Private"
"""Every text of the metadata begins with this word."""
_MAKE, _SOFTWARE, _ARTIST, _EXIF, _GPS = 0x010F, 0x0131, 0x013B, 0x8769, 0x8825
_MAKER_NOTE, _OWNER, _BODY, _LENS = 0x927C, 0xA430, 0xA431, 0xA435
_HEAD = b"Exif\0\0"
_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="PrivateXmpCreator" '
    b'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="48,51.PrivateXmpPlace" '
    b'xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" aux:SerialNumber="PrivateXmpSerial"/></rdf:RDF></x:xmpmeta>'
)


def camera_jpeg(pixels: Bytes) -> bytes:
    """A JPEG of uint8 H×W×3 with EXIF, a thumbnail, maker notes, GPS, XMP, extended XMP, IPTC, a profile with words,
    comments, and another picture after its end."""
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95, icc_profile=profile_with_words())
    data = stream.getvalue()
    more = [
        _segment(0xE1, _HEAD + exif_block(pixels)),
        _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _XMP),
        _segment(
            0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", 11, 0) + b"PrivateMore"
        ),
        _segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(_iptc())) + _iptc()),
        _segment(0xFE, b"PrivateComment"),
        _segment(0xEC, b"PrivateDuckyNote"),
    ]
    return data[:2] + b"".join(more) + data[2:] + _thumbnail(pixels, b"PrivatePreview")


def camera_png(pixels: Bytes) -> bytes:
    """A PNG of uint8 H×W×3 with EXIF, XMP and texts."""
    words = PngInfo()
    words.add_text("Author", "PrivateAuthor", zip=True)
    words.add_itxt("XML:com.adobe.xmp", _XMP.decode(), zip=False)
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", pnginfo=words, exif=_HEAD + exif_block(pixels))
    return stream.getvalue()


def found_in(data: bytes) -> list[bytes]:
    """Private metadata in the bytes of a file: its texts, also in UTF-16, and its position."""
    place = [struct.pack(f"{order}I", PLACE[2][0]) for order in "<>"]
    return [one for one in (SECRET, "Priv".encode("utf-16-be"), "Priv".encode("utf-16-le"), *place) if one in data]


def profile_with_words() -> bytes:
    """An sRGB profile whose description is private."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    at = made.index("sRGB".encode("utf-16-be"))
    return made[:at] + "Priv".encode("utf-16-be") + made[at + 8 :]


def exif_block(pixels: Bytes) -> bytes:
    """A TIFF block with owner, serial numbers, maker notes, GPS, and a thumbnail of uint8 H×W×3."""
    exif = Image.Exif()
    exif[_MAKE], exif[_SOFTWARE], exif[_ARTIST] = "PrivateMake", "PrivateSoftware", "PrivateArtist"
    camera = {
        _MAKER_NOTE: b"PrivateMakerNote" * 8,
        _OWNER: "PrivateOwner",
        _BODY: "PrivateBody17",
        _LENS: "PrivateLens18",
    }
    exif.get_ifd(_EXIF).update(camera)
    degrees = tuple(Fraction(*pair) for pair in PLACE)
    exif.get_ifd(_GPS).update({1: "N", 2: degrees, 3: "E", 4: degrees})
    return _with_thumbnail(exif.tobytes()[len(_HEAD) :], _thumbnail(pixels, b"PrivateThumbnail"))


def _with_thumbnail(block: bytes, picture: bytes) -> bytes:
    """The block with a second directory that names the picture."""
    order = "<" if block[:2] == b"II" else ">"
    link = 8 + 2 + 12 * struct.unpack_from(f"{order}H", block, 8)[0]
    at = len(block)
    second = struct.pack(f"{order}HHHIIHHIII", 2, 0x0201, 4, 1, at + 30, 0x0202, 4, 1, len(picture), 0)
    return block[:link] + struct.pack(f"{order}I", at) + block[link + 4 :] + second + picture


def _thumbnail(pixels: Bytes, words: bytes) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels[::8, ::8]).save(stream, "JPEG", comment=words)
    return stream.getvalue()


def _iptc() -> bytes:
    """A block of IPTC: byline, city and contact."""
    texts = {80: b"PrivateByline", 90: b"PrivateCity", 118: b"PrivateContact"}
    block = b"".join(struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text for number, text in texts.items())
    return block + b"\0" * (len(block) % 2)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

"""Reads the body of a request within limits, and finds the image in it: raw, in a form, or by its address."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import Headers
from starlette.types import Receive

from cutouts.server.forms import file_in_form
from cutouts.server.limits import JSON_BYTES, Held, Limits
from cutouts.server.problems import Problem

FIELD = "image"
"""The name of the form's field that holds the image."""
RAW = ("image/", "application/octet-stream")
"""Types of a body that is the image itself."""
FORM, ADDRESS = "multipart/form-data", "application/json"

_HINT = "for example `curl -H 'Content-Type: image/jpeg' --data-binary @shoe.jpg`"


class Address(BaseModel):
    """The JSON body that names an image instead of containing it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str


@dataclass(slots=True, kw_only=True)
class Body:
    """A body as it arrives, and what it takes of the server's memory until `let_go`."""

    held: Held
    pieces: list[bytes]
    size: int = 0

    def add(self, piece: bytes, most: int) -> None:
        """Keep a piece. Raises a Problem if the body is larger than `most` B, or if there is no room."""
        if self.size + len(piece) > most:
            raise too_large(most)
        self.held.add(len(piece))
        self.size += len(piece)
        self.pieces.append(piece)

    def taken(self) -> bytes:
        """All of it. It still counts."""
        data = b"".join(self.pieces)
        self.pieces.clear()
        return data

    def let_go(self) -> None:
        """Return its memory."""
        self.pieces.clear()
        self.held.give_back(self.size)
        self.size = 0


def kind_of(headers: Headers) -> str:
    """The media type of the body. Raises a Problem (415) if no image can be in it, and 413 if it states too large a
    size."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Problem(415, "unsupported_encoding", "send the body without Content-Encoding")
    kind = headers.get("content-type", RAW[1]).partition(";")[0].strip().lower()
    if kind in (FORM, ADDRESS) or kind.startswith(RAW):
        return kind
    detail = f"{kind or 'this type'} is not accepted: send the image itself with its own type ({_HINT}), a form "
    raise Problem(415, "unsupported_type", f'{detail}({FORM}, field {FIELD}), or JSON ({ADDRESS}) with "url"')


def require_length(headers: Headers, kind: str, limits: Limits) -> int:
    """The largest size that this body may have (B). Raises a Problem (413) if it states more."""
    most = JSON_BYTES if kind == ADDRESS else limits.image_bytes
    stated = headers.get("content-length", "0")
    if stated.isdecimal() and int(stated) > most:
        raise too_large(most)
    return most


def too_large(most: int) -> Problem:
    """The problem of a body that is larger than `most` B."""
    return Problem(413, "body_too_large", f"the body has more than {most} B, the most that this server takes")


async def read_body(receive: Receive, body: Body, most: int, limits: Limits) -> None:
    """Read the whole body. Raises a Problem if it is too large (413), too slow (408), or breaks off (400)."""
    end = time.monotonic() + limits.pace.body
    more = True
    while more:
        left = min(limits.pace.piece, end - time.monotonic())
        try:
            async with asyncio.timeout(max(0.0, left)):
                message = await receive()
        except TimeoutError:
            raise Problem(408, "slow_body", "the body arrived too slowly", headers={"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise Problem(400, "incomplete_body", "the connection closed before the body was complete")
        body.add(message.get("body", b""), most)
        more = message.get("more_body", False)


def address_in(data: bytes) -> str:
    """The address that a JSON body names. Raises a Problem (400)."""
    try:
        return Address.model_validate_json(data).url
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'the body'}: {item['msg']}" for item in error.errors())
        raise Problem(400, "malformed", f'expected {{"url": "https://…"}}: {found}') from None


def image_in_form(headers: Headers, data: bytes) -> bytes:
    """The file in the form's field `image`. Raises a Problem (400) if there is none, or more than one."""
    try:
        return file_in_form(headers["content-type"], data, FIELD)
    except ValueError as error:
        raise Problem(400, "malformed", str(error)) from None

"""The door to FastAPI: the paths of the server, and what the OpenAPI description says about them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import psutil
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

import cutouts
from cutouts.core.errors import CutoutsError
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.renditions.rendition import Rendition
from cutouts.server.access import Access
from cutouts.server.guard import Guard, answer_of
from cutouts.server.metrics import MEDIA_TYPE, Counts
from cutouts.server.orders import Answer, Product
from cutouts.server.page import page
from cutouts.server.problems import Problem, of_error
from cutouts.server.receiving import ADDRESS, FIELD, FORM, Address
from cutouts.server.service import Service

_PIECE = 1 << 18
"""Answers are sent in pieces of this size (B), so that a slow reader is noticed."""

Box = Annotated[
    str, Query(description="The box around the product: LEFT,TOP,RIGHT,BOTTOM in px. Nothing outside of it is kept.")
]
Crop = Annotated[bool, Query(description="Crop the PNG to the product.")]


class Measured(BaseModel):
    """What was measured on a mask that no person has seen."""

    found: bool
    p_bad: float | None
    """The probability that a person would reject the mask; null if the network is not calibrated."""
    doubt: str | None
    """Why the mask is probably bad; null if it is not."""
    width_px: int
    height_px: int
    notes: tuple[str, ...]
    """What was only approximated when the image was read."""
    model: str
    measurements: dict[str, float]


class Told(BaseModel):
    """Why there is no picture (RFC 9457)."""

    title: str
    status: int
    code: str
    detail: str
    retryable: bool


def make_app(service: Service, access: Access, model: str, renditions: Mapping[str, Rendition]) -> ASGIApp:
    """The application: pictures and measurements below /v1, a page to try it, health and metrics."""
    counts = Counts()
    app = FastAPI(
        title="cutouts",
        version=cutouts.__version__,
        description="Removes the backgrounds of product photographs, one at a time.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(_require_known)],
    )
    _add_pictures(app, service, model)
    _add_renditions(app, service, model, renditions)
    _add_page(app, page(token=access.token is not None, renditions=tuple(renditions)))
    _add_upkeep(app, service, counts)
    _add_problems(app, counts)
    return Guard(app, access, counts)


async def _require_known(request: Request) -> None:
    """Raise a Problem (400) if an order has a parameter that its path does not know, or one twice: it would be ignored,
    and the client would get something else than it asked for."""
    if request.method != "POST":
        return
    known = [one.alias for one in request.scope["route"].dependant.query_params]
    given = Counter(name for name, _ in request.query_params.multi_items())
    wrong = [f"{name}: this path takes only {' and '.join(known)}" for name in given if name not in known]
    wrong += [f"{name}: it is there {count} times" for name, count in given.items() if name in known and count > 1]
    if wrong:
        raise Problem(400, "malformed", "; ".join(wrong))


def _add_pictures(app: FastAPI, service: Service, model: str) -> None:
    @app.post("/v1/cutout", summary="The product without its background", **_described("image/png"))
    async def cutout(request: Request, crop: Crop = False, box: Box = "") -> Response:
        """A PNG with 8 bits per channel, sRGB with straight alpha, of the upright photograph's size."""
        made = await service.answer(request.headers, request.receive, Product.CUTOUT, crop=crop, box=box)
        return _picture(*made, model, "image/png")

    @app.post("/v1/matte", summary="How opaque each pixel is", **_described("image/png"))
    async def matte(request: Request, crop: Crop = False, box: Box = "") -> Response:
        """A grey PNG of the upright photograph's size: 255 is product, 0 is background."""
        made = await service.answer(request.headers, request.receive, Product.MATTE, crop=crop, box=box)
        return _picture(*made, model, "image/png")

    @app.post("/v1/measurements", summary="Measurements of the mask", **_described(model=Measured))
    async def measurements(request: Request, box: Box = "") -> Response:
        """The measurements that the gate judges, and the probability that a person would reject the mask."""
        answer, waited = await service.answer(request.headers, request.receive, Product.MEASUREMENTS, box=box)
        told = Measured(
            found=answer.found,
            p_bad=answer.p_bad,
            doubt=answer.doubt,
            width_px=answer.width_px,
            height_px=answer.height_px,
            notes=answer.notes,
            model=model,
            measurements={} if answer.measured is None else asdict(answer.measured),
        )
        headers = {"Server-Timing": _timing(answer, waited)}
        return Response(told.model_dump_json(), media_type="application/json", headers=headers)


def _add_renditions(app: FastAPI, service: Service, model: str, renditions: Mapping[str, Rendition]) -> None:
    @app.get("/v1/renditions", summary="The names of the renditions")
    async def listed() -> dict[str, str]:
        """Each name, and what the rendition is, in words."""
        return {name: one.words for name, one in renditions.items()}

    kinds = [*dict.fromkeys(media_type(one) for one in renditions.values())]

    @app.post("/v1/renditions/{name}", summary="A picture for a shop or a marketplace", **_described(*kinds))
    async def rendition(request: Request, name: str, box: Box = "") -> Response:
        """The file of one rendition. An image with transparent pixels is a cutout already, and is used as it is."""
        if name not in renditions:
            raise Problem(404, "no_such_rendition", f"{name} is not a rendition of this server; GET /v1/renditions")
        made = await service.answer(request.headers, request.receive, Product.RENDITION, rendition=name, box=box)
        return _picture(*made, model, media_type(renditions[name]))


def media_type(rendition: Rendition) -> str:
    """The media type of its files."""
    return f"image/{rendition.format.removesuffix('-lossless')}"


def _add_page(app: FastAPI, text: str) -> None:
    @app.get("/", include_in_schema=False)
    async def start() -> HTMLResponse:
        return HTMLResponse(text, headers={"Content-Security-Policy": "frame-ancestors 'none'"})


def _add_upkeep(app: FastAPI, service: Service, counts: Counts) -> None:
    @app.get("/healthz", summary="Whether the server runs", response_class=PlainTextResponse)
    async def healthz() -> PlainTextResponse:
        """200 as long as this process answers."""
        return PlainTextResponse("ok\n")

    @app.get("/readyz", summary="Whether the server takes images", response_class=PlainTextResponse)
    async def readyz() -> PlainTextResponse:
        """200 if a worker is alive and an image may wait, otherwise 503."""
        ready = service.workers.alive > 0 and not service.queue.full
        return PlainTextResponse("ready\n" if ready else "not ready\n", 200 if ready else 503)

    @app.get("/metrics", summary="Counts, times and memory for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """The text format of Prometheus, version 0.0.4."""
        return Response(counts.text(_values(service)), media_type=MEDIA_TYPE)


def _add_problems(app: FastAPI, counts: Counts) -> None:
    async def answered(problem: Problem) -> Response:
        counts.problems[problem.code] += 1
        return answer_of(problem)

    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> Response:
        return await answered(error)

    @app.exception_handler(CutoutsError)
    async def ours(_: Request, error: CutoutsError) -> Response:
        return await answered(of_error(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        found = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        return await answered(Problem(400, "malformed", found))

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> Response:
        code = {404: "no_such_path", 405: "method"}.get(error.status_code, "malformed")
        return await answered(Problem(error.status_code, code, str(error.detail), headers=error.headers))

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> Response:
        return await answered(Problem(500, "bug", f"{type(error).__name__}; the server's log says more"))


class _InPieces(Response):
    """An answer that is sent in pieces."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        view = memoryview(self.body)
        for at in range(0, len(view), _PIECE):
            await send({"type": "http.response.body", "body": bytes(view[at : at + _PIECE]), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _picture(answer: Answer, waited: float, model: str, kind: str) -> Response:
    """The file, and what is known about it in headers."""
    headers = {
        "Cutouts-Found": "true" if answer.found else "false",
        "Cutouts-Model": model,
        "Server-Timing": _timing(answer, waited),
    }
    if answer.p_bad is not None:
        headers["Cutouts-P-Bad"] = f"{answer.p_bad:.4f}"
    if answer.doubt is not None:
        headers["Cutouts-Doubt"] = answer.doubt
    if answer.notes:
        headers["Cutouts-Notes"] = json.dumps(answer.notes)
    return _InPieces(answer.file, media_type=kind, headers=headers)


def _timing(answer: Answer, waited: float) -> str:
    """The header Server-Timing: milliseconds of waiting and of each part of the work."""
    parts = {"wait": waited, **answer.seconds}
    return ", ".join(f"{name};dur={1000 * seconds:.2f}" for name, seconds in parts.items())


def _values(service: Service) -> Mapping[str, tuple[str, str, float]]:
    """Everything of /metrics that is not counted per request."""
    workers, queue = service.workers, service.queue
    return {
        "cutouts_waiting": ("gauge", "Images that wait for a worker.", len(queue)),
        "cutouts_held_bytes": ("gauge", "Bytes of bodies in memory.", service.held.now),
        "cutouts_workers": ("gauge", "Worker processes that are alive.", workers.alive),
        "cutouts_workers_ended_total": ("counter", "Worker processes that ended and were replaced.", workers.ended),
        "cutouts_model_calls_total": ("counter", "Batches that workers cut.", workers.batches),
        "cutouts_images_total": ("counter", "Images in these batches.", workers.images),
        "cutouts_resident_bytes": ("gauge", "Resident memory of the server and its workers.", _resident()),
    }


def _resident() -> int:
    process = psutil.Process()
    total = 0
    for one in (process, *process.children()):
        try:
            total += one.memory_info().rss
        except psutil.Error:
            continue
    return total


def _described(*kinds: str, model: type[BaseModel] | None = None) -> dict[str, Any]:
    """What the OpenAPI description says about a path that takes an image."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    form = {"type": "object", "required": [FIELD], "properties": {FIELD: binary["schema"]}}
    body = {"image/*": binary, FORM: {"schema": form}, ADDRESS: {"schema": Address.model_json_schema()}}
    told = {status: {"model": Told, "description": about} for status, about in STATUSES.items()}
    good: dict[str, Any] = {"model": model} if model else {"content": dict.fromkeys(kinds, binary)}
    good["description"] = "The image is cut."
    return {
        "response_class": Response,
        "responses": {200: good, **told},
        "openapi_extra": {"requestBody": {"required": True, "content": body}},
    }


STATUSES = {
    400: "The request is malformed.",
    401: "The token is missing or wrong.",
    408: "The body arrived too slowly.",
    413: "The body is larger than the server takes.",
    415: "The body has a type that cannot contain an image.",
    422: f"The image cannot be cut; the code is one of {', '.join(RejectionReason)}.",
    429: "Too many images wait; Retry-After says when to try again (s).",
    504: "The image was not done in time.",
}
"""The statuses of answers without a picture that the description names."""

"""Serves the review pages in Airflow's API server: with Airflow's own log-in and permissions.

Whoever may see runs of `catalog_refresh` may look. Whoever may trigger it may decide. The API server imports this when
the first page is requested; no other process of Airflow does.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, ImageRejected
from cutouts.core.records import DeliveryKey
from cutouts.core.text.display import shown
from cutouts.review import decisions, pages
from cutouts.review.other_networks import cut_again, networks_here
from cutouts.review.pictures import NoPictureError, Picture, picture
from cutouts.review.sheets import Show, UnknownDecisionError, open_sheet
from cutouts.review.standings import newest_decision
from cutouts_airflow.airflow_site import site
from cutouts_airflow.announcing import REFRESH
from cutouts_airflow.answering import answer_question
from cutouts_airflow.review_links import PREFIX, base_url, pages_path
from cutouts_airflow.reviewing import APPROVE, REJECT

log = logging.getLogger(__name__)

TOKEN = "x-cutouts-token"
"""The header with the token of a page. A form on another site cannot send it."""
_LARGEST_BODY = 16_000_000
_MAY_LOOK = Depends(requires_access_dag("GET", DagAccessEntity.RUN, REFRESH))
_MAY_DECIDE = Depends(requires_access_dag("POST", DagAccessEntity.RUN, REFRESH))
_HEADERS = {
    "Content-Security-Policy": pages.POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
"""Mounted below Airflow's own address. Without a schema: it would be public."""


def _token(user: BaseUser) -> str:
    """The token of a user's pages: it changes with the user and with Airflow's secret key."""
    key = conf.get_mandatory_value("api", "secret_key").encode()
    return hmac.new(key, f"cutouts review/{user.get_id()}".encode(), sha256).hexdigest()


def _may_decide(user: BaseUser) -> bool:
    return bool(
        get_auth_manager().is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=REFRESH), user=user
        )
    )


def _reader(user: GetUserDep) -> pages.Reader:
    token = _token(user) if _may_decide(user) else None
    return pages.Reader(name=str(user.get_name()), prefix=pages_path(), token=token)


Reader = Annotated[pages.Reader, Depends(_reader)]


def _from_our_page(request: Request, user: GetUserDep) -> None:
    """Refuse a request that no page of ours sent: wrong origin, wrong or missing token."""
    origin = request.headers.get("origin")
    ours = {request.headers.get("host", ""), urlsplit(base_url()).netloc} - {""}
    elsewhere = request.headers.get("sec-fetch-site", "same-origin") != "same-origin"
    if elsewhere or (origin is not None and _netloc(origin) not in ours):
        raise HTTPException(HTTPStatus.FORBIDDEN, "a page of another site may not decide")
    if not hmac.compare_digest(request.headers.get(TOKEN, "").encode(), _token(user).encode()):
        raise HTTPException(HTTPStatus.FORBIDDEN, "the page is out of date: load it again")


def _netloc(origin: str) -> str:
    """The host and port of an origin; empty if it is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


_DECIDING = [_MAY_DECIDE, Depends(_from_our_page)]


def _html(text: str, status: int = HTTPStatus.OK) -> HTMLResponse:
    return HTMLResponse(text.encode("utf-8", "replace"), status, _HEADERS)


@app.exception_handler(UnknownDecisionError)
@app.exception_handler(NoPictureError)
async def _missing(request: Request, error: Exception) -> Response:
    return _problem(request, "Not found", error, HTTPStatus.NOT_FOUND)


@app.exception_handler(CutoutsError)
@app.exception_handler(ImageRejected)
async def _failed(request: Request, error: Exception) -> Response:
    return _problem(request, "This cannot be done", error, HTTPStatus.CONFLICT)


@app.exception_handler(HTTPStatus.NOT_FOUND)
@app.exception_handler(RequestValidationError)
async def _no_page(request: Request, error: Exception) -> Response:  # noqa: ARG001 -- FastAPI's signature
    return _problem(request, "Not found", ValueError("there is no such page"), HTTPStatus.NOT_FOUND)


@app.exception_handler(HTTPException)
async def _refused(request: Request, error: HTTPException) -> Response:
    """To the log-in, and back, if a person opens a page without one; otherwise what is wrong."""
    if error.status_code == HTTPStatus.UNAUTHORIZED and _is_page(request):
        query = f"?{request.url.query}" if request.url.query else ""
        wanted = f"{pages_path()}{request.url.path.rpartition(PREFIX)[2]}{query}"
        return RedirectResponse(get_auth_manager().get_url_login(next_url=wanted), HTTPStatus.SEE_OTHER)
    return _problem(request, HTTPStatus(error.status_code).phrase, ValueError(error.detail), error.status_code)


def _is_page(request: Request) -> bool:
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def _problem(request: Request, title: str, error: Exception, status: int) -> Response:
    """What is wrong, without secrets: as a page, or to a script."""
    words = shown(str(error))
    if _is_page(request):
        return _html(pages.error_page(pages.Reader(name="", prefix=pages_path()), title, words), status)
    return JSONResponse({"problem": words}, status, _HEADERS)


@app.get("/static/{name}")
def static(name: str) -> Response:
    """A style sheet or script; anybody may have it."""
    if name not in pages.STATIC:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=86400"}
    return Response(pages.static_file(name), media_type=pages.STATIC[name], headers=headers)


@app.get("/", dependencies=[_MAY_LOOK])
def deliveries(reader: Reader, page: int = 0) -> Response:
    """The deliveries."""
    return _html(pages.deliveries_page(site(), reader, max(0, page)))


@app.get("/gate/{gate_id}", dependencies=[_MAY_LOOK])
def delivery(gate_id: str, reader: Reader, show: Show | None = None, page: int = 0) -> Response:
    """The images of one decision."""
    return _html(pages.delivery_page(site(), reader, gate_id, show=show, page=max(0, page)))


@app.get("/gate/{gate_id}/image/{row}", dependencies=[_MAY_LOOK])
def image(gate_id: str, row: int, reader: Reader) -> Response:
    """What is known about one image."""
    here = site()
    return _html(pages.image_part(here, reader, gate_id, row, networks_here(here)))


@app.get("/gate/{gate_id}/waiting", dependencies=[_MAY_LOOK])
def waiting(gate_id: str) -> Response:
    """The rows of the images that wait, of all pages."""
    return JSONResponse(pages.waiting_rows(site(), gate_id), headers=_HEADERS)


@app.get("/gate/{gate_id}/histograms", dependencies=[_MAY_LOOK])
def histograms(gate_id: str, reader: Reader) -> Response:
    """The distributions of the measurements."""
    return _html(pages.histograms_part(site(), reader, gate_id))


@app.get("/gate/{gate_id}/picture/{row}/{kind}", dependencies=[_MAY_LOOK])
def show_picture(gate_id: str, row: int, kind: Picture) -> Response:
    """One picture of an image, which never changes."""
    here = site()
    data = picture(here, open_sheet(here, gate_id).image(row), kind)
    headers = _HEADERS | {"Cache-Control": "private, max-age=86400"}
    return Response(data, media_type="image/webp", headers=headers)


@app.post("/gate/{gate_id}/image/{row}/other", dependencies=_DECIDING)
async def other(gate_id: str, row: int, request: Request) -> Response:
    """The same photograph, cut by another network."""
    network = str((await _json(request)).get("network", ""))
    data = await _in_thread(lambda here: cut_again(here, open_sheet(here, gate_id).image(row), network))
    return Response(data, media_type="image/webp", headers=_HEADERS)


@app.post("/gate/{gate_id}/decide", dependencies=_DECIDING)
async def decide(gate_id: str, request: Request, user: GetUserDep) -> Response:
    """Carry out a reviewer's decision, in their name."""
    wanted = decisions.parse_request(await _body(request))
    by = str(user.get_name())
    done = await _in_thread(lambda here: decisions.settle(here, gate_id, wanted, by=by))
    log.info("%s decided about gate %s: %s", shown(by), gate_id, done.words)
    answered = APPROVE if done.released else REJECT
    await run_in_threadpool(lambda: answer_question(gate_id, answered, wanted.why, user))
    return JSONResponse({"words": done.words, "url": f"{pages_path()}/gate/{done.gate_id}"}, headers=_HEADERS)


@app.post("/gate/{gate_id}/undo", dependencies=_DECIDING)
async def undo(gate_id: str, user: GetUserDep) -> Response:
    """Take back what a decision published, in the reviewer's name."""
    by = str(user.get_name())
    done = await _in_thread(lambda here: decisions.take_back(here, gate_id, by=by))
    log.info("%s took back gate %s: %s", shown(by), gate_id, done.words)
    return JSONResponse({"words": done.words, "url": f"{pages_path()}/gate/{done.gate_id}"}, headers=_HEADERS)


@app.get("/delivery", dependencies=[_MAY_LOOK])
def of_delivery(key: str) -> Response:
    """The newest decision about a delivery."""
    return RedirectResponse(f"{pages_path()}/gate/{newest_decision(site(), _key(key))}")


@app.get("/run", dependencies=[_MAY_LOOK])
def of_run(dag_id: str, run_id: str, reader: Reader) -> Response:
    """The delivery of a run of Airflow; the list of deliveries if the run is about none or several."""
    key = _delivery_of_run(dag_id, run_id)
    if key is None:
        return RedirectResponse(f"{pages_path()}/")
    try:
        return RedirectResponse(f"{pages_path()}/gate/{newest_decision(site(), key)}")
    except UnknownDecisionError as error:
        return _html(pages.error_page(reader, str(key), str(error)))


def _key(text: str) -> DeliveryKey:
    try:
        return DeliveryKey.parse(text)
    except ValueError as error:
        raise UnknownDecisionError(f"{shown(text)} is not the key of a delivery, YYYY-MM-DD/delivery_id") from error


def _delivery_of_run(dag_id: str, run_id: str) -> DeliveryKey | None:
    from airflow.models.dagrun import DagRun

    runs = DagRun.find(dag_id=dag_id, run_id=run_id)
    named = runs[0].partition_key or (runs[0].conf or {}).get("delivery") if runs else None
    try:
        return DeliveryKey.parse(named) if isinstance(named, str) else None
    except ValueError:
        return None


async def _body(request: Request) -> bytes:
    """The request's body. 413 if it is larger than any decision."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _LARGEST_BODY:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the decision is too large")
    return data


async def _json(request: Request) -> dict[str, Any]:
    try:
        value = json.loads(await _body(request))
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}


async def _in_thread(work: Callable[[Site], Any]) -> Any:
    """Do slow work outside the event loop, so that other requests are answered."""
    return await run_in_threadpool(lambda: work(site()))

"""The review pages in Airflow's API server: log-in, permissions, decisions in a real browser, and the event."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import cv2
import httpx
import numpy as np
import pytest
import uvicorn
from playwright.sync_api import Browser, Page
from sqlalchemy import select
from sqlalchemy.orm import object_session

from cutouts import intake, steps
from cutouts.adapters.catalog import Catalog
from cutouts.core.config import Site
from cutouts.core.pixels import Bytes
from cutouts.core.publications import Draft
from cutouts.core.records import DeliveryKey
from cutouts.runner import open_runner
from tests.airflow_home import dag_bag, events, task_states
from tests.dask_cluster import free_port
from tests.deliveries import land, manifest_of, nothing, photograph, product
from tests.review.made_gates import make_gate
from tests.waiting import PATIENCE, until

T = TypeVar("T")
USERS = {"ada": "user", "bob": "user", "vera": "viewer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Airflow's API server with the review pages, and clients of it."""

    url: str

    def token(self, user: str) -> str:
        """The user's log-in, as the form would give it."""
        answer = httpx.post(f"{self.url}/auth/token", json={"username": user, "password": user}, timeout=PATIENCE)
        return str(answer.json()["access_token"])

    def client(self, user: str | None = None, **headers: str) -> httpx.Client:
        """A client that has logged in as that user, or not at all."""
        cookies = {"_token": self.token(user)} if user else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Client(base_url=f"{self.url}/cutouts", cookies=cookies, headers=named, timeout=PATIENCE)


@pytest.fixture(scope="module")
def pages(airflow_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Airflow's API server in this process, which asks for passwords; it reads the site's settings at each request."""
    port, passwords = free_port(), tmp_path_factory.mktemp("passwords") / "passwords.json"
    passwords.write_text(json.dumps({name: name for name in USERS}))
    settings = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        from airflow.api_fastapi.app import create_app, purge_cached_app

        server = uvicorn.Server(uvicorn.Config(create_app(apps="core"), port=port, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        until(lambda: server.started)
        yield Pages(url=f"http://127.0.0.1:{port}")
        server.should_exit = True
        thread.join()
        purge_cached_app()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A new site that works in a plain loop, as described by `CUTOUTS_*`."""
    here = Site(root=str(tmp_path / "site"), cluster="serial", allowed_sources=(str(tmp_path),))
    monkeypatch.setenv("CUTOUTS_ROOT", here.root)
    monkeypatch.setenv("CUTOUTS_CLUSTER", here.cluster)
    monkeypatch.setenv("CUTOUTS_ALLOWED_SOURCES", str(tmp_path))
    return here


@pytest.fixture
def held(site: Site, tmp_path: Path) -> str:
    """The decision of a held delivery: five photographs of products, and five of nothing."""
    return _judged(site, tmp_path, "dim", *map(product, range(5)), *map(nothing, range(5)))


def _judged(site: Site, tmp_path: Path, name: str, *pictures: Bytes) -> str:
    """The decision about a delivery of these pictures."""
    photograph(tmp_path / "studio" / name, *pictures)
    manifest = land(tmp_path, f"any-{uuid4()}", date(2026, 11, 2), manifest_of(tmp_path / "studio"))
    intake.take(site, str(manifest))
    key = DeliveryKey(date=date(2026, 11, 2), delivery_id=name)
    planned = steps.plan(site, intake.source_of(site, key), key)
    with open_runner(site) as runner:
        for shard in planned.shard_keys():
            steps.segment(site, shard, runner)
    return steps.gate(site, planned.plan_id).gate_id


@pytest.fixture
def open_as(browser: Browser, pages: Pages) -> Iterator[Callable[[str], Page]]:
    """Open a browser window of a user who has logged in; complaints of the page fail the test."""
    contexts, complaints = [], []

    def opened(user: str) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(1000 * PATIENCE)
        contexts.append(context)
        context.add_cookies([{"name": "_token", "value": pages.token(user), "url": pages.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def _live(site: Site) -> set[str]:
    with Catalog.open(site.catalog_url) as catalog:
        return set(catalog.live().column("image_id").to_pylist())


def test_a_reviewer_rejects_two_images_and_publishes_the_rest(
    pages: Pages, site: Site, held: str, open_as: Callable[[str], Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By keyboard or mouse: exactly the rest is live, under the reviewer's name, and announced on the asset `cutouts`.

    The reviewer can take it back, and a second decision about the same page changes nothing.
    """
    page = open_as("ada")
    page.goto(f"{pages.url}/cutouts/")
    page.get_by_role("link", name="2026-11-02/dim").click()
    page.wait_for_url("**/gate/*")  # its script has run, so no key is lost
    assert "Held" in page.locator(".lead").inner_text()
    for _ in range(6):  # the five images of nothing come first
        page.keyboard.press("j")
    page.keyboard.press("Shift+J")
    page.keyboard.press("r")
    page.get_by_role("button", name="the edge is rough").click()
    assert "0 approved and 2 rejected by you: 3 of 10 would be published" in page.locator("#tally").inner_text()
    page.keyboard.press("u")
    assert "0 rejected" in page.locator("#tally").inner_text()
    page.locator('.tile[data-name="dim/00.png"] .open').click()
    colours = {}
    for name in ("white", "black", "grey"):
        page.locator("#viewer").get_by_role("button", name=name).press("Space")  # a button does what it says
        colours[name] = page.locator("#view-stage").evaluate("stage => getComputedStyle(stage).backgroundColor")
    assert colours == {"white": "rgb(255, 255, 255)", "black": "rgb(0, 0, 0)", "grey": "rgb(128, 128, 128)"}
    page.locator("#viewer").get_by_role("button", name="reject").click()
    page.get_by_role("button", name="the edge is rough").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="dim/00.png: rejected by you, open").press("Enter")
    page.locator("#viewer").get_by_role("button", name="reject", pressed=True).wait_for()
    page.keyboard.press("Escape")
    page.locator('.tile[data-name="dim/01.png"] .name').click()
    page.keyboard.press("r")
    page.get_by_label("Another reason").fill("torn <b>here</b>")
    page.keyboard.press("Enter")
    page.locator("[name=why]").fill("reviewed for the shop")
    page.keyboard.press("Enter")  # decides nothing: the buttons do
    assert "2 rejected by you: 3 of 10" in page.locator("#tally").inner_text()
    page.get_by_role("button", name="Publish", exact=True).focus()
    page.keyboard.press("Space")
    page.wait_for_url(lambda url: held not in url)
    assert _live(site) == {"dim/02.png", "dim/03.png", "dim/04.png"}
    reasons = {"dim/00.png": "the edge is rough", "dim/01.png": "torn <b>here</b>"}
    with Catalog.open(site.catalog_url) as catalog:
        (publication,) = catalog.last_publications(1)
        said = {one.image_id: (one.good, one.by, one.why) for one in catalog.reviews()}
    assert (publication.by, publication.because) == ("ada", "reviewed for the shop")
    assert said == {name: (False, "ada", why) for name, why in reasons.items()}
    stale = _decide(pages, held, "ada", {"action": "release", "why": "again"})
    assert (stale.status_code, stale.json()["problem"].partition(". ")[0]) == (
        409,
        "ada released 2026-11-02/dim meanwhile",
    )

    monkeypatch.setattr("cutouts_airflow.announcing.GRACE", timedelta(0))
    assert task_states(dag_bag()["announcements"].test())["publication"] == ["success"]
    ((_, facts),) = events("cutouts", "2026-11-02/dim")
    assert (facts["images"], facts["published"], facts["quarantined"]) == (10, 3, 7)

    page.get_by_role("button", name="Undo this publication").click()
    page.wait_for_url(lambda url: publication.gate_id not in url)
    assert (_live(site), page.get_by_text("Nothing is published: 10 images are quarantined").count()) == (set(), 1)


def test_a_reviewer_decides_about_more_images_than_fit_on_a_page(
    pages: Pages, site: Site, open_as: Callable[[str], Page]
) -> None:
    """All of them are selected at once, undone step by step, and kept if the browser has little room left."""
    made = make_gate(site, 1_500, at=datetime(2026, 11, 27, tzinfo=UTC), day=date(2026, 11, 27))
    page = open_as("ada")
    page.route("**/picture/**", lambda route: route.fulfill(body=b"", content_type="image/webp"))
    page.goto(f"{pages.url}/cutouts/gate/{made.decision.gate_id}")
    everything, tally = page.get_by_role("button", name="select all 1\u202f500 that wait"), page.locator("#tally")
    everything.click()
    page.get_by_role("button", name="select all", pressed=True).wait_for()
    page.get_by_role("button", name="approve all").click()
    assert "1\u202f500 approved and 0 rejected by you: 1\u202f500 of 1\u202f500 would" in tally.inner_text()
    page.evaluate("localStorage.setItem('another', 'x'.repeat(5 * 1024 * 1024 - 250_000))")
    for _ in range(3):
        everything.click()
        page.get_by_role("button", name="select all", pressed=True).wait_for()
        page.get_by_role("button", name="reject all").click()
        page.keyboard.press("1")
        page.keyboard.press("j")
        page.keyboard.press("a")
    assert "1 approved and 1\u202f499 rejected by you: 1 of 1\u202f500" in tally.inner_text()
    page.keyboard.press("u")
    assert "0 approved and 1\u202f500 rejected" in tally.inner_text()
    page.goto(f"{pages.url}/cutouts/gate/{made.decision.gate_id}?page=2")
    assert "0 approved and 1\u202f500 rejected" in tally.inner_text()
    everything.click()
    page.get_by_role("button", name="select all", pressed=True).wait_for()
    page.keyboard.press("r")
    page.get_by_label("Another reason").fill("x" * 500)
    page.keyboard.press("Enter")
    assert "cannot keep so many marks" in page.locator("#problem").inner_text()
    assert "0 approved and 1\u202f500 rejected" in tally.inner_text()


def test_marks_of_two_tabs_are_sent_together(pages: Pages, site: Site, open_as: Callable[[str], Page]) -> None:
    """A tab shows what was marked in the other one, and does not overwrite it."""
    made = make_gate(site, 150, at=datetime(2026, 11, 28, tzinfo=UTC), day=date(2026, 11, 28))
    first = open_as("ada")
    second = first.context.new_page()
    for number, page in enumerate((first, second)):
        page.route("**/picture/**", lambda route: route.fulfill(body=b"", content_type="image/webp"))
        page.goto(f"{pages.url}/cutouts/gate/{made.decision.gate_id}?page={number}")
    for page, marked in ((first, 1), (second, 2)):
        page.keyboard.press("r")
        page.keyboard.press("1")
        for told in (first, second):  # the browser tells the other tab a moment later
            told.get_by_text(f"0 approved and {marked} rejected by you").wait_for()
    first.keyboard.press("a")
    second.get_by_text("1 approved and 2 rejected by you").wait_for()


def test_two_reviewers_do_not_undo_each_others_decisions(
    pages: Pages, site: Site, tmp_path: Path, open_as: Callable[[str], Page]
) -> None:
    """Marks of images that somebody decided about meanwhile are refused, then gone; the others can still be sent."""
    partly = _judged(site, tmp_path, "partly", product(0), *map(nothing, range(3)))
    steps.publish(site, partly)
    page = open_as("ada")
    page.goto(f"{pages.url}/cutouts/gate/{partly}")
    marked = [tile.get_attribute("data-row") for tile in page.locator(".tile").all()[:2]]
    page.keyboard.press("a")
    page.keyboard.press("r")
    page.keyboard.press("1")
    bob = _decide(pages, partly, "bob", RELEASE | {"good": [int(str(marked[0]))]})
    refused = _decide(pages, partly, "ada", RELEASE | {"good": [int(str(marked[0]))]})
    assert (bob.status_code, refused.status_code) == (200, 409)
    assert "1 image that you marked no longer waits" in refused.json()["problem"]
    page.reload()
    page.get_by_text("1 of the images that you marked does not wait any more").wait_for()
    assert "0 approved and 1 rejected by you" in page.locator("#tally").inner_text()
    page.get_by_role("button", name="Save").click()
    page.locator(".why").get_by_text("rejected by ada: part of the product is missing").wait_for()
    with Catalog.open(site.catalog_url) as catalog:
        assert sorted((one.by, one.good) for one in catalog.reviews()) == [("ada", False), ("bob", True)]


def test_marks_of_a_settled_delivery_are_not_shown(
    pages: Pages, site: Site, held: str, open_as: Callable[[str], Page]
) -> None:
    """They were not sent, so nothing was rejected by this person. Nor does anybody see the marks of another person."""
    page, address = open_as("ada"), f"{pages.url}/cutouts/gate/{held}"
    page.goto(address)
    page.keyboard.press("a")
    page.context.add_cookies([{"name": "_token", "value": pages.token("bob"), "url": pages.url}])
    page.reload()
    assert "0 approved and 0 rejected by you" in page.locator("#tally").inner_text()
    assert _decide(pages, held, "bob", {"action": "reject", "why": "torn"}).status_code == 200
    page.context.add_cookies([{"name": "_token", "value": pages.token("ada"), "url": pages.url}])
    page.reload()
    assert page.locator(".lead").inner_text() == "Rejected by bob: torn"
    assert page.locator(".tile[data-mark]").count() == 0


def test_an_open_image_shows_nothing_of_the_one_before(
    pages: Pages, site: Site, open_as: Callable[[str], Page]
) -> None:
    """Neither its pictures nor its lineage, however long those of the next one take, or if they never come."""
    made = make_gate(site, 60, at=datetime(2026, 11, 26, tzinfo=UTC), day=date(2026, 11, 26))
    page, dot = open_as("ada"), cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes()
    page.route("**/picture/**", lambda route: route.fulfill(body=dot, content_type="image/png"))
    page.goto(f"{pages.url}/cutouts/gate/{made.decision.gate_id}#last")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.locator("#about").get_by_text(
        f"/nowhere/{page.locator('.tile').nth(46).get_attribute('data-name')}"
    ).wait_for()
    assert page.locator("#view-before").is_visible()
    page.route("**/picture/*/before", lambda _: None)  # it does not come
    page.route("**/image/*", lambda _: None)
    page.keyboard.press("j")
    assert (page.locator("#view-before").is_visible(), page.locator("#about").inner_text()) == (False, "Loading…")
    assert "48 of 48 on this page · 23\u202f% probability" in page.locator("#viewer-why").inner_text()
    page.unroute("**/image/*")
    page.route("**/picture/**", lambda route: route.fulfill(body=b"", content_type="image/png"))
    page.keyboard.press("a")
    page.wait_for_url("**page=1#first-open")
    page.locator("#about").get_by_text("Photograph", exact=True).wait_for()
    missing = page.locator("#view-stage").evaluate("stage => getComputedStyle(stage, '::after').content")
    assert missing == '"picture not available"'
    page.keyboard.press("2")
    assert not page.locator("#edges-cut").is_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_selected_image_is_not_behind_the_bar(
    pages: Pages, site: Site, open_as: Callable[[str], Page], width: int
) -> None:
    """The bar at the bottom of a wide or narrow window covers no image that a key selects."""
    made = make_gate(site, 60, at=datetime(2026, 11, 26, tzinfo=UTC), day=date(2026, 11, 26))
    page = open_as("ada")
    page.set_viewport_size({"width": width, "height": 900})
    page.route("**/picture/**", lambda route: route.fulfill(body=b"", content_type="image/webp"))
    page.goto(f"{pages.url}/cutouts/gate/{made.decision.gate_id}")

    def clear_of_the_bar() -> bool:
        tile, bar = page.locator(".tile.current").bounding_box(), page.locator("#decide").bounding_box()
        return tile is not None and bar is not None and tile["y"] + tile["height"] <= bar["y"]

    for _ in range(13):
        page.keyboard.press("j")
        until(clear_of_the_bar)


def test_the_image_that_has_the_focus_is_the_one_that_keys_mean(
    pages: Pages, site: Site, open_as: Callable[[str], Page]
) -> None:
    """After `Tab` as after `J`; a click with shift still selects a range, and a closed image leaves the last one."""
    made = make_gate(site, 60, at=datetime(2026, 11, 26, tzinfo=UTC), day=date(2026, 11, 26))
    page = open_as("ada")
    page.route("**/picture/**", lambda route: route.fulfill(body=b"", content_type="image/webp"))
    page.goto(f"{pages.url}/cutouts/gate/{made.decision.gate_id}")
    names = [str(tile.get_attribute("data-name")) for tile in page.locator(".tile").all()]
    page.keyboard.press("j")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#viewer-name").inner_text() == names[1]
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    page.wait_for_function("name => document.querySelector('.current')?.dataset.name === name", arg=names[2])
    page.keyboard.press("a")
    page.locator(".tile .name").nth(5).click()
    page.locator(".tile .open").nth(8).click(modifiers=["Shift"])
    page.keyboard.press("a")
    assert "5 approved and 0 rejected by you" in page.locator("#tally").inner_text()


@pytest.mark.parametrize(("theme", "dark"), [("dark", True), ("light", False), ("system", False), (None, False)])
def test_the_pages_are_dark_if_airflow_is(
    pages: Pages, site: Site, open_as: Callable[[str], Page], theme: str | None, dark: bool
) -> None:
    """Airflow keeps its theme in the browser; the system of this browser prefers light."""
    page = open_as("ada")
    page.goto(f"{pages.url}/cutouts/")
    page.evaluate("theme => theme && localStorage.setItem('theme', theme)", theme)
    page.reload()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(18, 20, 23)" if dark else "rgb(246, 245, 241)")


def _page_token(client: httpx.Client, gate_id: str) -> str:
    return client.get(f"/gate/{gate_id}").text.partition('data-token="')[2].partition('"')[0]


def _decide(pages: Pages, gate_id: str, user: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    with pages.client(user) as client:
        sent = {b"x-cutouts-token": _page_token(client, gate_id).encode()} | {
            name.replace("_", "-").encode(): value.encode() for name, value in headers.items()
        }
        return client.post(f"/gate/{gate_id}/decide", json=body, headers=sent)


RELEASE = {"action": "release", "why": "fine"}


def test_only_who_may_trigger_the_dag_decides_and_only_from_our_pages(pages: Pages, site: Site, held: str) -> None:
    """Anonymous visitors get nothing, viewers only look, and posts of other sites or without the token are refused."""
    paths = (
        "/",
        f"/gate/{held}",
        f"/gate/{held}/image/0",
        f"/gate/{held}/picture/0/thumbnail",
        "/run?dag_id=a&run_id=b",
    )
    with pages.client() as nobody, pages.client("vera") as vera:
        assert {nobody.get(path).status_code for path in paths} == {401}
        sent_on = nobody.get("/", headers={"accept": "text/html"})
        assert (sent_on.status_code, "/auth/login" in sent_on.headers["location"]) == (303, True)
        wanted = nobody.get(f"/gate/{held}?page=2", headers={"accept": "text/html"}).headers["location"]
        assert parse_qs(urlsplit(wanted).query)["next"] == [f"/cutouts/gate/{held}?page=2"]
        assert nobody.post(f"/gate/{held}/decide", json=RELEASE).status_code == 401
        assert nobody.get("/openapi.json").status_code == nobody.get("/docs").status_code == 404
        assert {vera.get(path).status_code for path in paths[:4]} == {200}
        assert _page_token(vera, held) == ""
        assert vera.post(f"/gate/{held}/decide", json=RELEASE).status_code == 403
        forged = {"x-cutouts-token": _token_of(pages, "ada", held)}
        assert vera.post(f"/gate/{held}/decide", json=RELEASE, headers=forged).status_code == 403
        for path in (f"/gate/{'f' * 32}", f"/gate/{held}?page=x", f"/gate/{held}?show=x", "/nowhere"):
            answer = vera.get(path, headers={"accept": "text/html"})
            assert (answer.status_code, "signed in as" in answer.text) == (404, False)
            assert "<h1>Not found</h1>" in answer.text.replace("Found", "found")
    for headers in (
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": "http://["},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"x_cutouts_token": ""},
        {"x_cutouts_token": "0" * 64},
        {"x_cutouts_token": "é"},
    ):
        assert _decide(pages, held, "ada", RELEASE, **headers).status_code == 403
    assert _decide(pages, held, "ada", RELEASE | {"by": "somebody else"}).status_code == 409
    assert _decide(pages, held, "ada", RELEASE | {"bad": {"99": ""}}).status_code == 404
    assert _live(site) == set()
    assert steps.waiting_hold(site, held).gate_id == held
    assert _decide(pages, held, "ada", RELEASE, origin=pages.url, sec_fetch_site="same-origin").status_code == 200
    assert len(_live(site)) == 5


def _token_of(pages: Pages, user: str, gate_id: str) -> str:
    with pages.client(user) as client:
        return _page_token(client, gate_id)


@pytest.mark.parametrize("chosen", ["Approve", "page"])
def test_a_held_delivery_is_a_required_action(
    pages: Pages, site: Site, held: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says why, how many and where to look. The answer is carried out in the name of the person and announced.

    An answer on the review page ends it as well. It is asked although the site's webhook has no address.
    """
    monkeypatch.setenv("AIRFLOW_VAR_CUTOUTS_REVIEW", '{"webhook": "nowhere"}')
    path = "/api/v2/dags/delivery_review/dagRuns/{}/taskInstances/ask/-1/hitlDetails"
    ada = {"authorization": f"Bearer {pages.token('ada')}"}

    def answer() -> dict[str, Any]:
        run_id = until(lambda: _runs_about(held))[-1].run_id
        url = f"{pages.url}{path.format(run_id)}"
        asked = until(lambda: _found(httpx.get(url, headers=ada, timeout=PATIENCE)))
        if chosen == "page":
            assert _decide(pages, held, "ada", RELEASE).status_code == 200
        else:
            body = {"chosen_options": [chosen], "params_input": {"why": "meant so"}}
            viewer = {"authorization": f"Bearer {pages.token('vera')}"}
            assert httpx.patch(url, json=body, headers=viewer, timeout=PATIENCE).status_code == 403
            assert httpx.patch(url, json=body, headers=ada, timeout=PATIENCE).status_code == 200
        return asked

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_or_give_up, answer, held)
        run = dag_bag()["delivery_review"].test(run_conf={"gate": held})
        asked = waiting.result()
    assert asked["subject"] == "2026-11-02/dim is held"
    assert "10 images: 10 held." in asked["body"]
    assert f"({pages.url}/cutouts/gate/{held})" in asked["body"]
    assert asked["options"] == ["Approve", "Reject", "Not now"]
    assert task_states(run)["settle"] == ["success"]
    assert len(_live(site)) == 5
    assert [facts["published"] for _, facts in events("cutouts", "2026-11-02/dim")][-1] == 5
    with Catalog.open(site.catalog_url) as catalog:
        (publication,) = catalog.last_publications(1)
    assert (publication.by, publication.because) == ("ada", "fine" if chosen == "page" else "meant so")


def test_what_a_person_rejected_on_the_page_is_not_published_by_an_answer_about_the_others(
    pages: Pages, site: Site, tmp_path: Path
) -> None:
    """The question stays open as long as nobody looked at some of the quarantined images, and is about these."""
    partly = _judged(site, tmp_path, "partly", product(0), nothing(0), nothing(1))
    steps.publish(site, partly)
    ada = {"authorization": f"Bearer {pages.token('ada')}"}

    def answer() -> bool:
        run_id = until(lambda: _runs_about(partly))[-1].run_id
        url = f"{pages.url}/api/v2/dags/delivery_review/dagRuns/{run_id}/taskInstances/ask/-1/hitlDetails"
        until(lambda: _found(httpx.get(url, headers=ada, timeout=PATIENCE)))
        assert _decide(pages, partly, "ada", RELEASE | {"bad": {"1": "torn"}}).status_code == 200
        answered = bool(httpx.get(url, headers=ada, timeout=PATIENCE).json()["response_received"])
        httpx.patch(url, json={"chosen_options": ["Approve"]}, headers=ada, timeout=PATIENCE)
        return answered

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_or_give_up, answer, partly)
        dag_bag()["delivery_review"].test(run_conf={"gate": partly})
        assert not waiting.result()
    assert _live(site) == {"partly/00.png", "partly/02.png"}


def test_an_answer_after_a_release_is_not_announced_again(site: Site, held: str) -> None:
    """Somebody released the delivery by command, and that was announced: the answer does nothing."""
    from cutouts_airflow.reviewing import _carry_out

    decision = steps.read_decision(site, held)
    done = steps.approve(site, held, by="eve", why="fine")
    steps.mark_announced(site, [done.publication_id])
    _carry_out(site, decision, approve=True, by="ada", why="fine")
    assert steps.unannounced(site, delivery=decision.delivery) == ()
    with Catalog.open(site.catalog_url) as catalog:
        assert [one.by for one in catalog.last_publications(9)] == ["eve"]


def test_every_recent_publication_with_quarantined_images_is_asked_about(site: Site, tmp_path: Path) -> None:
    """Also if more were published since than a page lists; what a person released, or took back, is not."""
    from cutouts_airflow.reviewing import _waiting

    first = steps.publish(site, _judged(site, tmp_path, "partly", product(0), nothing(0)))
    with Catalog.open(site.catalog_url) as catalog:
        for number in range(60):
            catalog.publish(
                [],
                Draft(
                    gate_id=f"{number:032x}",
                    plan_id="plan",
                    delivery=DeliveryKey(date=date(2026, 11, 3), delivery_id=f"later-{number}"),
                    at=datetime.now(UTC),
                    against=0,
                ),
            )
    assert _waiting(site) == [first.gate_id]
    steps.approve(site, first.gate_id, by="eve", why="fine", also=["partly/01.png"])
    with Catalog.open(site.catalog_url) as catalog:
        assert len(catalog.gates_since(first.at - timedelta(seconds=1))) == 61


def test_a_delivery_that_is_judged_again_unchanged_is_asked_about_once(site: Site, held: str, tmp_path: Path) -> None:
    """Its second decision has another id but the same question, and what a person decides settles both."""
    from cutouts_airflow.reviewing import _waiting, is_settled_with, run_of

    partly = _judged(site, tmp_path, "partly", product(0), nothing(0))
    steps.publish(site, partly)
    again = {
        held: _judged(site, tmp_path, "dim", *map(product, range(5)), *map(nothing, range(5))),
        partly: _judged(site, tmp_path, "partly", product(0), nothing(0)),
    }
    steps.publish(site, again[partly])
    assert {run_of(site, one) for one in _waiting(site)} == {run_of(site, one) for one in again}
    assert all(first != second and run_of(site, first) == run_of(site, second) for first, second in again.items())
    assert not is_settled_with(site, again[held], held)
    steps.approve(site, again[held], by="ada", why="fine")
    assert is_settled_with(site, again[held], held)
    assert not is_settled_with(site, again[held], partly)
    changed = _judged(site, tmp_path, "partly", product(0), nothing(1))
    steps.publish(site, changed)
    assert run_of(site, changed) not in {run_of(site, one) for one in again}


def test_an_answer_that_came_before_the_asking_process_ended_is_not_asked_for_again(
    pages: Pages, site: Site, held: str
) -> None:
    """Airflow repeats the task then, as here. The recorded answer counts, and nobody is told again."""
    path = "/api/v2/dags/delivery_review/dagRuns/{}/taskInstances/ask/-1/hitlDetails"
    ada = {"authorization": f"Bearer {pages.token('ada')}"}

    def answer() -> None:
        run = until(lambda: _runs_about(held))[-1]
        until(lambda: run.get_task_instance("ask").state == "awaiting_input")
        run.get_task_instance("ask").set_state("running")  # its process has not ended
        body = {"chosen_options": ["Reject"], "params_input": {"why": "torn"}}
        assert httpx.patch(f"{pages.url}{path.format(run.run_id)}", json=body, headers=ada, timeout=PATIENCE).is_success
        with _ask_task(run.run_id) as task:
            task.prepare_db_for_next_try(object_session(task))
            task.state, task.next_method, task.next_kwargs = None, None, None
        until(lambda: _resumed(run.run_id))

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_or_give_up, answer, held)
        run = dag_bag()["delivery_review"].test(run_conf={"gate": held})
        waiting.result()
    assert (run.get_task_instance("ask").try_number, task_states(run)["settle"]) == (2, ["skipped"])
    with Catalog.open(site.catalog_url) as catalog:
        assert catalog.holds.all_waiting() == ()


@contextmanager
def _ask_task(run_id: str) -> Iterator[Any]:
    """The task in Airflow's database."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        chosen = select(TaskInstance).where(TaskInstance.run_id == run_id, TaskInstance.task_id == "ask")
        yield session.scalars(chosen).one()


def _resumed(run_id: str) -> bool:
    """Whether the second try got the recorded answer. `dag.test` overwrites the state that Airflow then gives it."""
    with _ask_task(run_id) as task:
        resumed = task.try_number == 2 and task.state == "awaiting_input" and "torn" in str(task.next_kwargs)
        task.state = "scheduled" if resumed else task.state
        return resumed


def _found(answer: httpx.Response) -> dict[str, Any] | None:
    return dict(answer.json()) if answer.status_code == 200 else None


def _or_give_up(answer: Callable[[], T], gate_id: str) -> T:
    """Answer; if that fails, end the task, which would otherwise wait for ever."""
    try:
        return answer()
    except BaseException:
        for run in _runs_about(gate_id):
            run.get_task_instance("ask").set_state("failed")
        raise


def _runs_about(gate_id: str) -> list[Any]:
    """The runs of `delivery_review` about a decision, the oldest first."""
    from airflow.models.dagrun import DagRun

    return [run for run in DagRun.find(dag_id="delivery_review") if (run.conf or {}).get("gate") == gate_id]

"""`cutouts serve`: what clients get, how many are served at once, and how the server survives its workers."""

from __future__ import annotations

import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import cutouts
from cutouts.api.renderer import Renderer
from cutouts.cli import cli
from cutouts.core.config import parse_site
from cutouts.core.errors import ConfigError
from cutouts.recipes import renditions_named
from tests.camera_files import camera_jpeg, found_in
from tests.deliveries import product as ball
from tests.file_server import FileServer
from tests.file_server import serving as files
from tests.photographs import blank, broken
from tests.server.running import JPEG, Server, command, serving, settings
from tests.waiting import PATIENCE, until


def test_a_client_gets_the_png_that_the_command_writes(server: Server, photograph: bytes, site_folder: Path) -> None:
    """Cutout and matte are the files of `cutouts cut`, to the byte, whether the image is raw or in a form."""
    site = cutouts.load_site(settings(site_folder))
    cut = cutouts.Cutter(site=site).cut(photograph)
    cut.save(site_folder / "cut.png")
    cut.save(site_folder / "matte.png", mask=True)
    raw = server.ask("POST", "/v1/cutout", photograph, JPEG)
    matte = server.ask("POST", "/v1/matte", *_form(photograph))
    for reply, pixels, name in ((raw, cut.rgba, "cut.png"), (matte, cut.matte, "matte.png")):
        assert reply.status == 200, reply.body
        assert (reply.headers["content-type"], reply.headers["cutouts-found"]) == ("image/png", "true")
        assert np.array_equal(np.asarray(Image.open(BytesIO(reply.body))), pixels)
        assert reply.body == (site_folder / name).read_bytes()


def test_no_answer_has_the_metadata_of_the_photograph(server: Server) -> None:
    """Neither a file, nor a header, nor the measurements."""
    image = camera_jpeg(ball(1)[..., ::-1])
    assert len(found_in(image)) > 1
    for path in ("cutout", "matte", "measurements", "renditions/amazon-main", "renditions/web-card"):
        reply = server.ask("POST", f"/v1/{path}", image, JPEG)
        assert reply.status == 200
        assert found_in(reply.body + repr(reply.headers).encode()) == []


def test_a_client_gets_the_rendition_that_the_command_writes(
    server: Server, photograph: bytes, site_folder: Path, tmp_path: Path
) -> None:
    """Of a photograph and of a cutout, in the format of the rendition; the list says what there is."""
    names = server.ask("GET", "/v1/renditions").json()
    assert {"amazon-main", "web-card"} <= set(names)
    cut = server.ask("POST", "/v1/cutout", photograph, JPEG).body
    site = cutouts.load_site(settings(site_folder))
    for name, kind in (("amazon-main", "image/jpeg"), ("web-card", "image/webp")):
        for number, image in enumerate((photograph, cut)):
            source = tmp_path / f"{number}.{'png' if number else 'jpg'}"
            source.write_bytes(image)
            target = tmp_path / f"{name}-{number}"
            Renderer(renditions_named([name]), site=site).render_file(source, {name: target})
            reply = server.ask("POST", f"/v1/renditions/{name}", image, JPEG)
            assert (reply.status, reply.headers["content-type"]) == (200, kind)
            assert reply.body == target.read_bytes()
    unknown = server.ask("POST", "/v1/renditions/none-such", photograph, JPEG)
    assert (unknown.status, unknown.json()["code"]) == (404, "no_such_rendition")


def test_a_client_can_crop(server: Server, photograph: bytes) -> None:
    """The PNG has the size of what was found."""
    whole, cropped = (
        cv2.imdecode(np.frombuffer(server.ask("POST", path, photograph, JPEG).body, np.uint8), cv2.IMREAD_UNCHANGED)
        for path in ("/v1/matte", "/v1/matte?crop=true")
    )
    assert whole is not None
    assert cropped is not None
    _, _, width, height = cv2.boundingRect(whole)
    assert cropped.shape == (height, width)


def test_measurements_are_json(server: Server, photograph: bytes) -> None:
    """They have the figures of the gate. A network without a calibration has no probability."""
    told = server.ask("POST", "/v1/measurements", photograph, JPEG).json()
    assert (told["found"], told["width_px"], told["height_px"], told["model"]) == (True, 160, 160, "picky")
    assert 0 < told["measurements"]["coverage"] < 1
    assert told["p_bad"] is None


def test_fifty_clients_at_once_are_all_served(server: Server, photograph: bytes) -> None:
    """Each gets its own picture, and the network is called less often than there are images."""
    calls, images = (server.metric(f"cutouts_{name}_total") for name in ("model_calls", "images"))
    with ThreadPoolExecutor(50) as pool, server.stopped_workers():
        asked = [pool.submit(server.ask, "POST", "/v1/cutout", photograph, JPEG) for _ in range(50)]
        until(lambda: server.metric("cutouts_held_bytes") == 50 * len(photograph))
    replies = [one.result() for one in asked]
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert server.metric("cutouts_images_total") - images == 50
    assert server.metric("cutouts_model_calls_total") - calls <= 2 + 48 / 4


def test_a_bad_image_is_refused_alone(server: Server, photograph: bytes, tmp_path: Path) -> None:
    """Of images that are cut in one batch, each gets its own answer: pictures, and rejections in words with codes."""
    bright = blank(tmp_path / "bright.png", seed=49)
    cv2.imwrite(str(bright), np.full((40, 40, 3), 255, np.uint8))
    cases = [
        (photograph, 200, None),
        (broken(tmp_path / "broken.jpg").read_bytes(), 422, "truncated"),
        (b"GIF89a", 422, "truncated"),
        (b"this is text", 422, "not_an_image"),
        (bright.read_bytes(), 422, "failed"),
        (b"", 422, "empty"),
    ]
    with ThreadPoolExecutor(len(cases)) as pool:
        replies = list(pool.map(lambda case: server.ask("POST", "/v1/cutout", case[0], JPEG), cases))
    for reply, (_, status, code) in zip(replies, cases, strict=True):
        assert reply.status == status
        if code:
            assert reply.headers["content-type"] == "application/problem+json"
            assert reply.json()["code"] == code
            assert reply.json()["detail"] or code == "empty"


def test_a_worker_that_dies_costs_no_request(server: Server, photograph: bytes) -> None:
    """The images that it worked on are cut by its successor."""
    ended = server.metric("cutouts_workers_ended_total")
    with ThreadPoolExecutor(2) as pool, server.stopped_workers() as workers:
        replies = [pool.submit(server.ask, "POST", "/v1/cutout", photograph, JPEG) for _ in range(2)]
        until(lambda: server.metric("cutouts_held_bytes") == 2 * len(photograph))
        until(lambda: server.metric("cutouts_waiting") == 0)
        for worker in workers:
            worker.kill()
        assert [reply.result().status for reply in replies] == [200, 200]
    until(lambda: server.metric("cutouts_workers") == 2)
    assert server.metric("cutouts_workers_ended_total") > ended


def test_an_allowed_address_is_read(site_folder: Path, server: Server, photograph: bytes) -> None:
    """With JSON, the server reads the image itself, but only from places that its settings allow."""
    ask = {"Content-Type": "application/json"}
    with files(FileServer(body=photograph)) as web:
        refused = server.ask("POST", "/v1/cutout", f'{{"url": "{web.url}/ball.jpg"}}'.encode(), ask)
        assert (refused.status, refused.json()["code"], web.asked) == (422, "not_allowed", [])
        file = settings(site_folder, allowed_sources=[f"{web.url}/photos/"])
        with serving(*command("--config", file, "--workers", "1")) as reading:
            good = reading.ask("POST", "/v1/cutout", f'{{"url": "{web.url}/photos/ball.jpg"}}'.encode(), ask)
            assert good.body == server.ask("POST", "/v1/cutout", photograph, JPEG).body
            for url in (f"{web.url}/photos/../secret.jpg", f"{web.url}/photos/%2e%2e/secret.jpg"):
                bad = reading.ask("POST", "/v1/cutout", f'{{"url": "{url}"}}'.encode(), ask)
                assert (bad.status, bad.json()["code"]) == (422, "not_allowed")
    assert [path for path, _ in web.asked] == ["/photos/ball.jpg"]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "../../etc/passwd",
        "https://127.0.0.1/x.jpg",
        "https://localhost/x.jpg",
        "https://[::ffff:127.0.0.1]/x.jpg",
        "http://169.254.169.254/latest/meta-data",
        "s3://bucket/x.jpg",
        "ftp://example.com/x.jpg",
    ],
)
def test_no_other_address_is_read(server: Server, url: str) -> None:
    """No file of this machine, no private address, and no word about what is there."""
    reply = server.ask("POST", "/v1/cutout", f'{{"url": "{url}"}}'.encode(), {"Content-Type": "application/json"})
    assert (reply.status, reply.json()["code"], reply.json()["retryable"]) == (422, "not_allowed", False)
    assert "127.0.0.1" not in reply.json()["detail"]


def test_sigterm_finishes_what_is_in_progress(site_folder: Path, photograph: bytes) -> None:
    """No new connection is taken, the image in progress is still delivered, and the exit status is 0."""
    arguments = command("--config", settings(site_folder), "--workers", "1")
    with serving(*arguments) as server, ThreadPoolExecutor(1) as pool:
        workers = server.workers()
        with server.stopped_workers():
            reply = pool.submit(server.ask, "POST", "/v1/cutout", photograph, JPEG)
            until(lambda: server.metric("cutouts_held_bytes") > 0)
            for process in (*workers, server.process):
                process.send_signal(signal.SIGTERM)  # as systemd does: to all of them
            until(lambda: _refuses(server.port))
            assert not reply.done()
        assert (reply.result().status, reply.result().headers["connection"]) == (200, "close")
        status, told = server.process.wait(PATIENCE), server.process.stderr
        assert status == 0
        assert told is not None
        assert "stopped" in told.read()
        assert not any(worker.is_running() for worker in workers)


def test_the_openapi_description_names_every_path(server: Server) -> None:
    """A program can read what is offered, with the answers that are not pictures."""
    told = server.ask("GET", "/openapi.json").json()
    pictures = {"/v1/cutout", "/v1/matte", "/v1/measurements", "/v1/renditions", "/v1/renditions/{name}"}
    assert pictures | {"/healthz", "/readyz", "/metrics"} == set(told["paths"])
    post = told["paths"]["/v1/cutout"]["post"]
    assert set(post["requestBody"]["content"]) == {"image/*", "multipart/form-data", "application/json"}
    assert {"200", "400", "401", "408", "413", "415", "422", "429", "504"} <= set(post["responses"])


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/renditions"])
def test_head_has_the_headers_of_get(server: Server, path: str) -> None:
    """Monitors and load balancers ask so. There is no body."""
    told, whole = server.ask("HEAD", path), server.ask("GET", path)
    assert (told.status, told.body, told.headers["content-type"]) == (200, b"", whole.headers["content-type"])
    assert server.ask("HEAD", "/v1/cutout").status == 405


def test_only_answers_about_images_are_timed(server: Server, photograph: bytes) -> None:
    """The list of the renditions is not one of them."""
    before = server.metric("cutouts_answer_seconds_count")
    assert server.ask("GET", "/v1/renditions").status == 200
    assert server.metric("cutouts_answer_seconds_count") == before
    assert server.ask("POST", "/v1/matte", photograph, JPEG).status == 200
    assert server.metric("cutouts_answer_seconds_count") == before + 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_that_others_can_reach_needs_a_token(host: str) -> None:
    """It does not start without one, and says what to do."""
    if host == "::" and not socket.has_ipv6:
        host = "0.0.0.0"
    with pytest.raises(ConfigError, match="other machines can reach it: set serve_token"):
        CliRunner().invoke(cli, ["serve", "--host", host, "--port", "0"], catch_exceptions=False)


def test_a_token_has_to_be_long_and_is_never_shown() -> None:
    """A short one is refused, and no text of the settings contains it."""
    with pytest.raises(ConfigError, match="at least 16 printable") as caught:
        parse_site({"serve_token": "short-secret"}, {})
    assert "short-secret" not in str(caught.value)
    assert "a-long-secret-word" not in repr(parse_site({}, {"CUTOUTS_SERVE_TOKEN": "a-long-secret-word"}))


def _form(data: bytes) -> tuple[bytes, dict[str, str]]:
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return head + data + b"\r\n--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except OSError:
        return True
    return False


def test_a_box_says_which_thing_is_the_product(server: Server, photograph: bytes, site_folder: Path) -> None:
    """The answer is what `cutouts cut --box` writes; text that is not a box is malformed, and a box outside of the
    image is a rejection."""
    cut = cutouts.Cutter(site=cutouts.load_site(settings(site_folder))).cut(photograph, box=(0, 0, 60, 60))
    cut.save(site_folder / "boxed.png")
    reply = server.ask("POST", "/v1/cutout?box=0,0,60,60", photograph, JPEG)
    assert reply.body == (site_folder / "boxed.png").read_bytes()
    assert not cut.matte[60:].any()
    assert not cut.matte[:, 60:].any()
    wrong = server.ask("POST", "/v1/cutout?box=5,5,1,9", photograph, JPEG)
    assert (wrong.status, wrong.json()["code"]) == (400, "malformed")
    outside = server.ask("POST", "/v1/matte?box=0,0,60,60000", photograph, JPEG)
    assert (outside.status, outside.json()["code"]) == (422, "box_outside")


def test_nothing_outside_of_a_box_is_kept_of_a_cutout(server: Server) -> None:
    """Of two things in it, its rendition shows the one in the box."""
    rgba = np.zeros((100, 200, 4), np.uint8)
    rgba[20:80, 20:80] = (200, 0, 0, 255)
    rgba[20:80, 120:180] = (0, 0, 200, 255)
    stream = BytesIO()
    Image.fromarray(rgba).save(stream, "PNG")
    reply = server.ask(
        "POST", "/v1/renditions/transparent?box=0,0,100,100", stream.getvalue(), {"Content-Type": "image/png"}
    )
    pixels = np.asarray(Image.open(BytesIO(reply.body)))
    visible = pixels[..., 3] > 0
    assert np.count_nonzero(visible) == 60 * 60
    assert (pixels[visible][:, :3] == (200, 0, 0)).all()

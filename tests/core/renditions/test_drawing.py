"""The pixels of renditions, compared with composites that can be computed by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cutouts.core.pixels import Bytes, Photograph
from cutouts.core.renditions.drawing import Picture, Subject, composed, draw
from cutouts.core.renditions.light import Curve, resized_light, straight, to_levels, to_light
from cutouts.core.renditions.rendition import parse_renditions

IMAGE: Bytes = np.random.default_rng(2).integers(0, 256, (100, 200, 3), dtype=np.uint8)
"""The picture of a ground."""


def disc(size: int = 240) -> Subject:
    """A patterned disc with a soft edge; pixels without alpha are black."""
    rng = np.random.default_rng(1)
    alpha = np.zeros((size, size), np.uint8)
    cv2.circle(alpha, (size // 2, size // 2), size // 3, 255, -1, cv2.LINE_AA)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 1.5), np.uint8)
    rgb = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    rgb[alpha == 0] = 0
    return Subject(rgba=np.dstack([rgb, alpha]))


def drawn(subject: Subject, **table: object) -> Picture:
    """The picture of a rendition."""
    picture = draw(subject, parse_renditions({"it": table}, "here")["it"], IMAGE if "ground_image" in table else None)
    assert picture is not None
    return picture


def test_every_level_survives_linear_light() -> None:
    """From sRGB to light and back, each of the 256 levels is unchanged."""
    levels = np.arange(256, dtype=np.uint8)[None]
    assert (to_levels(to_light(levels)) == levels).all()


@pytest.mark.parametrize("table", [{}, {"margin": 0.1}, {"ground": "white"}, {"ground": "#123456", "fill": 0.5}])
def test_pixels_inside_are_unchanged_if_nothing_is_resized(table: dict[str, object]) -> None:
    """Opaque pixels are the cutout's own to the bit, on every ground."""
    subject = disc()
    picture = drawn(subject, **table)
    part, target = picture.placement.source.area, picture.placement.target.area
    inside = subject.rgba[part][..., 3] == 255
    assert inside.sum() > 1000
    assert (picture.pixels[target][inside][:, :3] == subject.rgba[part][inside][:, :3]).all()


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (128, 128, 128)])
def test_a_plain_ground_is_the_composite_shrunk_in_linear_light(ground: tuple[int, int, int]) -> None:
    """A quarter of the size equals the mean of the light of 4×4 pixels of the full composite, within a level."""
    subject = disc()
    table = {"frame": "photograph", "max_side_px": 60, "ground": f"#{bytes(ground).hex()}"}
    whole = composed(subject.rgba, ground)
    expected = to_levels(to_light(whole).reshape(60, 4, 60, 4, 3).mean(axis=(1, 3)))
    assert np.abs(drawn(subject, **table).pixels.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (128, 128, 128)])
def test_a_shrunk_cutout_has_the_right_colours_on_every_ground(ground: tuple[int, int, int]) -> None:
    """Composed in light, the shrunk straight alpha gives what shrinking the composite gives, within rounding."""
    rgba = disc().rgba
    rgba[rgba[..., 3] < 128] = 0
    rgba[..., 3][rgba[..., 3] > 0] = 255
    subject = Subject(rgba=rgba)
    small = drawn(subject, frame="photograph", max_side_px=80).pixels
    alpha = small[..., 3:].astype(np.float32) / 255
    light = to_light(small[..., :3]) * alpha + to_light(np.array(ground, np.uint8)) * (1 - alpha)
    over = drawn(subject, frame="photograph", max_side_px=80, ground=f"#{bytes(ground).hex()}").pixels
    assert np.abs(light - to_light(over)).max() < 0.012


def test_hidden_colours_do_not_leak() -> None:
    """The colour of transparent pixels, here green, is not in the edge of a shrunk red square."""
    rgba = np.zeros((90, 90, 4), np.uint8)
    rgba[..., :3] = (0, 255, 0)
    rgba[25:66, 25:66] = (255, 0, 0, 255)
    small = drawn(Subject(rgba=rgba), frame="photograph", max_side_px=40).pixels
    assert small[..., 3].any()
    assert (small[small[..., 3] > 0][:, :3] == (255, 0, 0)).all()
    assert not small[small[..., 3] == 0].any()


def test_thin_bright_parts_keep_their_light() -> None:
    """A white line of 1 px on black, shrunk to a quarter, has a quarter of the light and not of the level."""
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[:, 32, :3] = 255
    small = drawn(Subject(rgba=rgba), max_side_px=16, ground="black").pixels
    assert small[:, 8].min() == to_levels(np.array([0.25], np.float32))[0] == 137


def test_a_plain_ground_is_exactly_its_colour() -> None:
    """Outside the product every pixel is the colour, whatever the size."""
    for side in (57, 200, 301):
        picture = drawn(disc(), width_px=side, height_px=side, fill=0.7, ground="white", enlarge=True)
        outside = np.ones(picture.pixels.shape[:2], bool)
        outside[picture.placement.target.area] = False
        assert (picture.pixels[outside] == 255).all()


def test_a_picture_covers_the_ground() -> None:
    """It fills the frame, stays as it is outside the product, and shows through soft pixels."""
    picture = drawn(disc(), width_px=100, height_px=100, fill=0.5, ground_image=b"-")
    outside = np.ones((100, 100), bool)
    outside[picture.placement.target.area] = False
    assert (picture.pixels[outside] == IMAGE[:, 50:150][outside]).all()
    light = resized_light(disc().rgba[picture.placement.source.area], 50, 50)
    assert np.abs(picture.pixels[50, 50].astype(int) - straight(light)[25, 25, :3]).max() <= 1


def test_a_contact_shadow_lies_below_the_product_and_not_at_the_frame() -> None:
    """It darkens the ground beneath the lowest part, ends before the border, and changes no opaque pixel."""
    subject = disc()
    plain = drawn(subject, width_px=300, height_px=300, fill=0.5, ground="white").pixels.astype(int)
    shaded = drawn(subject, width_px=300, height_px=300, fill=0.5, ground="white", shadow="contact").pixels.astype(int)
    difference = (plain - shaded).max(axis=2)
    rows = np.nonzero(difference.max(axis=1))[0]
    assert difference.max() > 30
    assert rows.mean() > 200
    assert not difference[[0, -1]].any()
    assert not difference[:, [0, -1]].any()
    assert not difference[150, 150]


def test_a_contact_shadow_follows_the_foot_of_the_product() -> None:
    """Under a round base, the shadow begins right below the base in each column: no light gap is between them."""
    alpha = np.zeros((300, 300), np.uint8)
    alpha[40:240, 60:240] = 255
    cv2.ellipse(alpha, (150, 240), (90, 8), 0, 0, 180, 255, -1)
    subject = Subject(rgba=np.dstack([np.full((300, 300, 3), 90, np.uint8), alpha]))
    pixels = drawn(subject, frame="photograph", ground="white", shadow="contact").pixels
    for column in (80, 150, 220):
        foot = int(np.nonzero(alpha[:, column])[0].max())
        assert pixels[foot + 1, column].max() < 220


def test_no_contact_shadow_is_drawn_where_the_photograph_cuts_the_product() -> None:
    """What is cut off does not stand there; but a cutout that was trimmed to its product does."""
    bust = np.zeros((200, 160), np.uint8)
    bust[60:, 30:120] = 255
    rgba = np.dstack([np.full((200, 160, 3), 90, np.uint8), bust])
    how = {"width_px": 300, "height_px": 300, "fill": 0.5, "ground": "white"}
    plain = drawn(Subject(rgba=rgba), **how)
    cut = drawn(Subject(rgba=rgba), **how, shadow="contact")
    assert (cut.pixels == plain.pixels).all()
    assert "the photograph cuts it off at the bottom" in cut.notes[-1]
    trimmed = Subject(rgba=np.ascontiguousarray(rgba[60:, 30:120]))
    assert (drawn(trimmed, **how, shadow="contact").pixels != drawn(trimmed, **how).pixels).any()


def shaded_scene(size: int = 320) -> tuple[Photograph, Bytes]:
    """A dark ball on a grey sheet that is lit from one side, with a soft shadow on its right; and its matte."""
    y, x = np.mgrid[:size, :size] / size
    light = 0.55 + 0.2 * x
    shadow = np.exp(-(((x - 0.68) / 0.1) ** 2 + ((y - 0.62) / 0.05) ** 2)) * 0.5
    photograph = to_levels(np.repeat((light * (1 - shadow)).astype(np.float32)[..., None], 3, axis=2))
    matte = np.zeros((size, size), np.uint8)
    cv2.circle(matte, (size // 2, size // 2), size // 5, 255, -1, cv2.LINE_AA)
    photograph[matte > 0] = (90, 30, 30)
    return Photograph(rgb=photograph), matte


@pytest.mark.parametrize("shade", [20, 250])
@pytest.mark.parametrize("ground", ["grey", "transparent"])
def test_an_enlarged_product_has_no_rim(shade: int, ground: str) -> None:
    """Nothing beside its edge is darker or brighter than both the product and the ground."""
    rgba = np.zeros((60, 60, 4), np.uint8)
    cv2.circle(rgba, (30, 30), 20, (shade, shade, shade, 255), -1)
    pixels = drawn(Subject(rgba=rgba), aspect="1:1", max_side_px=600, fill=0.8, enlarge=True, ground=ground).pixels
    levels = pixels[..., 0] if pixels.shape[2] == 3 else pixels[pixels[..., 3] > 0][:, 0]
    low, high = sorted([shade, 128 if ground == "grey" else shade])
    assert (low, high) == (levels.min(), levels.max())


def test_the_shadow_of_the_photograph_is_kept_without_its_ground() -> None:
    """On white the shadow is where it was, the uneven light of the sheet is gone, and the border is white."""
    photograph, matte = shaded_scene()
    table = {"frame": "photograph", "ground": "white", "shadow": "kept"}
    kept = drawn(Subject.of(photograph, matte), **table).pixels.astype(int)
    assert kept[198, 232].max() < 225
    assert kept[60:92, 60:260].min() >= 250
    assert kept[260:, :100].min() >= 250
    assert (kept[[0, -1]] == 255).all()


@pytest.mark.parametrize("tilt", [0, 0.02])
def test_the_edge_between_floor_and_wall_is_no_shadow(tilt: float) -> None:
    """A dark band from side to side, behind the product, is left out, also if the camera was tilted a little."""
    photograph, matte = shaded_scene()
    y, x = np.mgrid[:320, :320] / 320
    edge = y - 0.45 - tilt * (x - 0.5)
    band = (1 - 0.3 * np.exp(-((edge / 0.03) ** 2)))[..., None]
    rgb = np.where(matte[..., None] > 0, photograph.rgb, (photograph.rgb * band).astype(np.uint8))
    kept = drawn(Subject.of(Photograph(rgb=rgb), matte), frame="photograph", ground="white", shadow="kept").pixels
    assert kept[198, 232].max() < 225
    assert kept[110:170, 50:90].min() >= 250


def test_a_kept_shadow_darkens_a_transparent_picture_as_it_darkens_white() -> None:
    """Composed on white, the transparent picture with its shadow equals the white one, also on the soft edge: no pale
    rim is between the product and its shadow."""
    photograph, matte = shaded_scene()
    subject = Subject.of(photograph, np.asarray(cv2.GaussianBlur(matte, (0, 0), 2), np.uint8))
    white = drawn(subject, frame="photograph", ground="white", shadow="kept").pixels
    clear = drawn(subject, frame="photograph", shadow="kept").pixels
    assert np.abs(composed(clear, (255, 255, 255)).astype(int) - white).max() <= 2


def test_no_shadow_is_kept_of_a_scene() -> None:
    """If the ground is not plain, nothing is drawn, and a note says why."""
    _, matte = shaded_scene()
    noise = np.random.default_rng(3).integers(0, 256, (*matte.shape, 3), dtype=np.uint8)
    picture = drawn(Subject.of(Photograph(rgb=noise), matte), ground="white", shadow="kept")
    assert "not plain" in picture.notes[-1]


def test_an_empty_cutout_gives_no_picture() -> None:
    """There is nothing to place."""
    rendition = parse_renditions({"it": {}}, "here")["it"]
    assert draw(Subject(rgba=np.zeros((9, 9, 4), np.uint8)), rendition) is None


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (128, 128, 128)])
def test_edges_have_the_products_own_colours(ground: tuple[int, int, int]) -> None:
    """Cut from a green ground, the ΔE to the true composite along the edge is at most a third of the photograph's."""
    alpha = disc().alpha
    true = np.dstack([np.full((*alpha.shape, 3), (190, 60, 40), np.uint8), alpha])
    photograph = composed(true, (40, 170, 60))
    cut = drawn(Subject.of(Photograph(rgb=photograph), alpha), frame="photograph", ground=f"#{bytes(ground).hex()}")
    soft = (alpha > 0) & (alpha < 255)

    def difference(pixels: Bytes) -> float:
        first, second = (
            cv2.cvtColor(one.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for one in (pixels, composed(true, ground))
        )
        return float(np.linalg.norm(first - second, axis=2)[soft].mean())

    assert difference(cut.pixels) < difference(composed(np.dstack([photograph, alpha]), ground)) / 3


def test_levels_come_back_from_the_light_of_their_curve() -> None:
    """Also black and white, if the curve is flat there."""
    light = np.clip((np.arange(256) - 3) / 248, 0, 1).astype(np.float32) ** np.float32(1.8)
    curve, levels = Curve.of(light), np.arange(256, dtype=np.uint8)
    back = to_levels(to_light(levels, curve), curve)
    assert back[[0, 255]].tolist() == [0, 255]
    assert np.array_equal(back[10:250], levels[10:250])

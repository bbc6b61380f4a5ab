"""The network, its loss, its average and its checkpoints, if PyTorch is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="PyTorch lives in the training's own environment")

from cutouts.training.network import checkpoint, loss  # noqa: E402
from cutouts.training.network.average import Average  # noqa: E402
from cutouts.training.network.saliency import Logits, Presence, SaliencyNetwork, from_imagenet, normalised  # noqa: E402


def _says(alpha: Any, sharpness: float) -> Logits:
    """Logits at strides 2 to 32 and of presence that represent `alpha` with the given `sharpness`."""
    pool = torch.nn.functional.avg_pool2d
    planes = [(pool(alpha, stride) - 0.5) * sharpness for stride in (2, 4, 8, 16, 32)]
    return Logits(planes, (alpha.amax((1, 2, 3), keepdim=True) - 0.5) * sharpness)


def _box() -> Any:
    """A box over one quarter of 64×64, float32 (1, 1, 64, 64), which the plane of every level can represent exactly."""
    alpha = torch.zeros(1, 1, 64, 64)
    alpha[..., :32, :32] = 1
    return alpha


def test_logits_come_at_five_strides_finest_first() -> None:
    """They range from half of the input size to a thirty-second."""
    logits = SaliencyNetwork().eval()(torch.zeros(2, 3, 64, 96))
    assert [tuple(plane.shape[2:]) for plane in logits.planes] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]


def test_presence_depends_on_nearly_the_whole_image() -> None:
    """At 512² the coarsest plane has 16 positions per side, and presence may depend on those seven away."""
    views = Presence().eval().views
    for view in views:
        torch.nn.init.constant_(view[0].weight, 1e-3)  # a mean: no unit is dead and none is saturated
    plane = torch.ones(1, 96, 16, 16, requires_grad=True)
    seen = plane
    for view in views:
        seen = seen + view(seen)
    seen[0, :, 8, 8].sum().backward()
    rows = np.flatnonzero(plane.grad.abs().sum((0, 1, 3)).numpy())
    assert (rows[0], rows[-1]) == (1, 15)


def test_without_a_product_every_pixel_is_background() -> None:
    """The output is the probability of a product times that of its position."""
    planes = [torch.full((2, 1, 4, 4), 9.0)]
    presence = torch.tensor([9.0, -9.0]).reshape(2, 1, 1, 1)
    said = Logits(planes, presence).probability()
    assert said.shape == (2, 1, 8, 8)
    assert float(said[0].min()) > 0.999
    assert float(said[1].max()) < 0.001


def test_a_missed_product_has_a_loss_even_if_its_planes_are_right() -> None:
    """Presence has a separate term."""
    alpha = _box()
    right = _says(alpha, 40)
    missed = right._replace(presence=-right.presence)
    gap = loss.total(missed, alpha) - loss.total(right, alpha)
    assert float(gap) == pytest.approx(loss.PRESENCE_WEIGHT / loss.PRESENCE_Q, rel=1e-3)


def test_an_invented_product_costs_more_than_a_missed_one() -> None:
    """It would be published, while a person sees a missed one."""
    said = torch.full((1, 1, 1, 1), 4.0)
    invented, missed = loss.presence(said, torch.zeros_like(_box())), loss.presence(-said, _box())
    assert float(invented) == pytest.approx(loss.ABSENCE_WEIGHT * float(missed))


def test_a_few_wrong_labels_do_not_make_a_product_doubtful() -> None:
    """One of 50 equal scenes is wrongly labelled empty and weighs like three: a doubt of .004, not of .06."""
    alphas = torch.cat([_box()] * 49 + [torch.zeros_like(_box())])
    said = torch.linspace(-8, 8, 1601)
    losses = [float(loss.presence(one.expand(50, 1, 1, 1), alphas)) for one in said]
    assert float(torch.sigmoid(said[int(np.argmin(losses))])) > 0.99


def test_pixels_are_normalised_as_for_the_encoder_s_training() -> None:
    """It is (x/255 − 0.498) / 0.502, channels first."""
    pixels = normalised(torch.full((1, 2, 2, 3), 255, dtype=torch.uint8))
    assert pixels.shape == (1, 3, 2, 2)
    assert float(pixels[0, 0, 0, 0]) == pytest.approx((1 - 0.498) / 0.502, rel=1e-5)


def test_stride_two_pads_as_tensorflow_does() -> None:
    """ "SAME" at an even size pads only below and to the right, so the first output sees no padding."""
    network = SaliencyNetwork().eval()
    image = torch.rand(1, 3, 64, 64)
    stem = network.encoder.stem.requires_grad_(False)
    expected = (image[0, :, :3, :3] * stem.conv.weight[5]).sum() + stem.conv.bias[5]
    assert float(stem(image)[0, 5, 0, 0]) == pytest.approx(float(expected.clamp(0, 6)), abs=1e-5)


def test_imagenet_weights_fill_the_encoder(tmp_path: Path) -> None:
    """Each key of the file is used, and the decoder is new."""
    encoder = SaliencyNetwork().encoder.state_dict()
    arrays: dict[str, Any] = {key: np.full(tuple(value.shape), 0.25, np.float16) for key, value in encoder.items()}
    np.savez(tmp_path / "weights.npz", **arrays)
    network = from_imagenet(tmp_path / "weights.npz")
    assert all(bool((value == 0.25).all()) for value in network.encoder.state_dict().values())


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """They fail at once instead of training from random values."""
    np.savez(tmp_path / "weights.npz", other=np.zeros(3, np.float16))
    with pytest.raises(RuntimeError, match="Missing key"):
        from_imagenet(tmp_path / "weights.npz")


def test_the_loss_prefers_the_truth() -> None:
    """Right and sure costs next to nothing, undecided more, and wrong most."""
    alpha = _box()
    right, undecided, wrong = (float(loss.total(_says(alpha, sharp), alpha)) for sharp in (40, 0, -40))
    assert right < 0.2 * undecided
    assert undecided < wrong


def test_weights_are_high_only_at_edges() -> None:
    """Far from the edge a pixel weighs one, and at a straight edge about three (F3Net)."""
    alpha = torch.zeros(1, 1, 128, 128)
    alpha[..., 64:] = 1
    weights = loss.edge_weights(alpha)[0, 0]
    assert float(weights[64, 5]) == pytest.approx(1)
    assert float(weights[64, 64]) == pytest.approx(3, abs=0.3)


def test_weights_are_those_of_a_box_filter() -> None:
    """They are one plus four times the distance from the local mean, mirrored at the frame."""
    alpha = torch.rand(2, 1, 96, 96, generator=torch.Generator().manual_seed(0))
    around = [cv2.blur(one[0].numpy(), (9, 9), borderType=cv2.BORDER_REFLECT_101) for one in alpha]
    expected = 1 + 4 * np.abs(np.stack(around)[:, None] - alpha.numpy())
    weights = loss.edge_weights(alpha)
    np.testing.assert_allclose(weights.numpy(), expected, atol=1e-4)
    assert float(weights.min()) >= 1
    assert float(weights.max()) <= 5


def test_an_empty_scene_can_have_no_loss() -> None:
    """No product found costs nothing, and a product in every corner costs a lot."""
    alpha = torch.zeros(1, 1, 64, 64)
    assert float(loss.total(_says(alpha, 60), alpha)) < 0.01
    assert float(loss.total(_says(alpha + 1, 60), alpha)) > 2


def test_the_average_follows_the_network() -> None:
    """It does at once at the first step, and slowly after thousands."""
    network = SaliencyNetwork()
    average = Average(network)
    with torch.no_grad():
        network.decoder.whole.bias.fill_(1.0)
        average.network.decoder.whole.bias.fill_(0.0)
    average.update(network, 0)
    early = float(average.network.decoder.whole.bias[0])
    average.update(network, 100_000)
    late = float(average.network.decoder.whole.bias[0]) - early
    assert early == pytest.approx(0.9)
    assert late == pytest.approx(0.001 * (1 - early), rel=1e-3)


def test_a_checkpoint_restores_position_and_states(tmp_path: Path) -> None:
    """It has steps, images, seconds and every state dictionary."""
    position = checkpoint.Position(steps=3, images=48, seconds=1.5)
    checkpoint.save(tmp_path, position, {"network": {"w": torch.ones(2)}})
    loaded = checkpoint.load(tmp_path)
    assert loaded is not None
    assert loaded[0] == position
    assert loaded[1]["network"]["w"].tolist() == [1.0, 1.0]


def test_a_partial_checkpoint_leaves_the_last_one(tmp_path: Path) -> None:
    """The file that a killed process had begun is not read."""
    checkpoint.save(tmp_path, checkpoint.Position(steps=1), {})
    (tmp_path / (checkpoint.NAME + ".part")).write_bytes(b"half")
    loaded = checkpoint.load(tmp_path)
    assert loaded is not None
    assert loaded[0].steps == 1


def test_no_checkpoint_means_a_new_start(tmp_path: Path) -> None:
    """A new run folder has none."""
    assert checkpoint.load(tmp_path) is None

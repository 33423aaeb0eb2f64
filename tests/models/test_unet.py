"""The weighting network: its published size, its input and weights, how it starts, and torch on the same weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.models.unet import unet_weights
from tests.models import oracles
from tests.models._fresh import QUICK, parameters


def fresh(network, maps):
    init = jax.jit(network.init, compiler_options=QUICK)
    return init(jax.random.key(0, impl="rbg"), maps)  # compiles six times sooner than with the default key


def forward(network, variables, maps):
    return jax.jit(lambda v, x: network.apply(v, x, train=True), compiler_options=QUICK)(variables, maps)


@pytest.mark.fast
def test_parameters_are_the_published_number():
    assert parameters(unet_weights(19)) == 4_291_714


def test_half_width_is_the_released_alternative():
    # First 3x3 convolutions of 23 channels, then five blocks of pairs, all with biases, and the 1x1.
    blocks = [
        (23, 32, 32),
        (32, 64, 64),
        (64, 128, 128),
        (128, 128, 128),
        (256, 128, 64),
        (128, 64, 32),
        (64, 32, 32),
    ]
    expected = sum(9 * (a * b + b * c) + b + c for a, b, c in blocks) + 32 * 2 + 2
    assert expected == 1_076_802
    assert parameters(unet_weights(19, width=32)) == expected


def test_a_weight_for_every_class_takes_a_pair_of_scores_each():
    assert parameters(unet_weights(19, per="class")) == 4_291_714 + 18 * 2 * (64 + 1)


def test_an_input_of_other_channels_has_another_first_convolution():
    assert parameters(unet_weights(19, channels=19)) == 4_291_714 - 9 * 4 * 64
    assert unet_weights(19, channels=3).channels == 3
    with pytest.raises(InputError, match=r"unet_weights.channels"):
        unet_weights(19, channels=0)


def test_input_is_the_image_beside_the_one_hot_label():
    network = unet_weights(3, width=4)
    labels = jnp.array([[[0, 2], [255, -1]]])
    image = jnp.arange(12.0).reshape(1, 2, 2, 3)
    maps = np.asarray(network.inputs(image, labels))
    assert maps.shape == (1, 2, 2, 7)
    np.testing.assert_array_equal(maps[..., :3], image)
    expected = [[[1, 0, 0, 0], [0, 0, 1, 0]], [[0, 0, 0, 1], [0, 0, 0, 1]]]
    np.testing.assert_array_equal(maps[0, :, :, 3:], expected)


@pytest.fixture(scope="module")
def trained_a_little():
    """A small network of two classes with larger weights than the untrained ones, its input and output."""
    network = unet_weights(2, per="class", width=4)
    key = jax.random.key(1)
    labels = jax.random.randint(key, (2, 20, 27), 0, 4)
    maps = network.inputs(jax.random.normal(key, (2, 20, 27, 3)), labels)
    random = np.random.default_rng(0)
    abstract = jax.eval_shape(network.init, key, maps)
    variables = jax.tree.map(
        lambda leaf: jnp.asarray(0.1 * random.normal(size=leaf.shape), jnp.float32), abstract
    )
    return network, variables, maps, labels, forward(network, variables, maps)[0]


def test_weights_are_the_second_of_each_pair_of_probabilities(trained_a_little):
    network, _, _, labels, output = trained_a_little
    scores = np.asarray(output.logits, np.float64)
    assert scores.shape == (2, 20, 27, 4)
    expected = np.stack([1 / (1 + np.exp(scores[..., 2 * c] - scores[..., 2 * c + 1])) for c in (0, 1)], -1)
    weights = np.asarray(network.weights(output))
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    assert np.ptp(weights) > 0.05
    picked = np.where(np.asarray(labels) == 1, expected[..., 1], expected[..., 0])
    np.testing.assert_allclose(network.pixel_weights(output, labels), picked, atol=1e-6)


def test_one_weight_a_pixel_starts_at_e_over_1_plus_e_and_asks_nothing_of_the_label():
    network = unet_weights(2, width=16)
    image = 50 * jax.random.normal(jax.random.key(0), (1, 32, 40, 3))
    maps = network.inputs(image, jnp.zeros((1, 32, 40), jnp.int32))
    output, statistics = forward(network, fresh(network, maps), maps)
    assert statistics == {}
    weights = np.asarray(network.weights(output))
    assert weights.shape == (1, 32, 40, 1)
    assert weights.mean() == pytest.approx(0.7310586, abs=0.01)
    np.testing.assert_allclose(
        weights, 0.7310586, atol=0.1
    )  # kernels of 0.01 move the score difference by 0.06
    void = jnp.full((1, 32, 40), 255)
    np.testing.assert_array_equal(network.pixel_weights(output, void), weights[..., 0])


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_it_is_the_torch_network_of_the_same_weights(norm, trained_a_little):
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    functional = torch.nn.functional
    _, variables, maps, _, output = trained_a_little
    if norm == "none":
        output, _ = forward(unet_weights(2, per="class", width=4, norm="none"), variables, maps)

    def weight(params):
        return torch.tensor(np.asarray(params["kernel"]).transpose(3, 2, 0, 1)), torch.tensor(
            np.asarray(params["bias"])
        )

    def double(x, params):
        for name in ("double_conv_0", "double_conv_3"):
            x = functional.conv2d(x, *weight(params[name]), padding=1)
            x = functional.relu(functional.instance_norm(x) if norm == "instance" else x)
        return x

    def up(x, joined, params):
        x = functional.interpolate(x, joined.shape[2:], mode="bilinear", align_corners=True)
        return double(torch.cat([joined, x], 1), params["conv"])

    params = variables["params"]
    levels = [double(torch.tensor(np.asarray(maps).transpose(0, 3, 1, 2)), params["inc"])]
    for name in ("down1", "down2", "down3"):
        pooled = functional.max_pool2d(levels[-1], 2, ceil_mode=True)
        levels.append(double(pooled, params[name]["maxpool_conv_1"]))
    x = levels.pop()
    for name in ("up2", "up3", "up4"):
        x = up(x, levels.pop(), params[name])
    scores = functional.conv2d(x, *weight(params["outc"]["conv"])).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(output.logits, scores, atol=2e-4)
    assert np.ptp(scores) > 0.1


def test_without_normalisation_kernels_begin_as_the_first_u_net_has_them():
    network = unet_weights(19, norm="none", width=16)
    params = fresh(network, jnp.zeros((1, 16, 16, 23)))["params"]
    for block, inputs in (("inc", 23), ("down1", 16)):
        inner = params[block] if block == "inc" else params[block]["maxpool_conv_1"]
        kernel = inner["double_conv_0"]["kernel"]
        assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * inputs)), rel=0.05)
        assert not inner["double_conv_0"]["bias"].any()


def test_recomputing_changes_neither_output_nor_gradient(trained_a_little):
    network, variables, maps, _, _ = trained_a_little

    def loss(network):
        def value(params):
            output, _ = network.apply({"params": params}, maps, train=True)
            return jnp.square(network.weights(output) - 0.9).mean(), output.logits

        return jax.value_and_grad(value, has_aux=True)

    recomputed = unet_weights(2, per="class", width=4, remat=True)
    assert "remat" in str(jax.make_jaxpr(loss(recomputed))(variables["params"]))
    programs = [jax.jit(loss(each), compiler_options=QUICK) for each in (network, recomputed)]
    (one, gradient), (other, gradient_too) = (program(variables["params"]) for program in programs)
    oracles.assert_same_tree(other, one, 1e-5)
    # The biases of normalised convolutions have no gradient, only rounding.
    for ours, theirs in zip(jax.tree.leaves(gradient_too), jax.tree.leaves(gradient), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)


def test_normalisation_is_that_of_the_released_code():
    pixels = unet_weights(19).normalization(jnp.array([[[[255.0, 0.0, 0.0]]]]))
    np.testing.assert_allclose(pixels.ravel(), [-104.00698793, -116.66876762, 255 - 122.67891434], rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 0}, "unet_weights.classes: 0"),
        ({"per": "image"}, "unet_weights.per: 'image' is not known; use 'pixel' or 'class'"),
        ({"width": 0}, "unet_weights.width: 0"),
        ({"norm": "batch"}, "unet_weights.norm: 'batch' is not known; use 'instance' or 'none'"),
    ],
)
def test_unusable_arguments_are_refused_in_words(arguments, message):
    with pytest.raises(InputError) as error:
        unet_weights(**{"classes": 19, **arguments})
    assert message in str(error.value)


def test_an_input_of_another_depth_is_refused():
    network = unet_weights(19, width=4)
    with pytest.raises(InputError, match="3 channels; this network was made for 23"):
        network.init(jax.random.key(0), jnp.zeros((1, 16, 16, 3)))

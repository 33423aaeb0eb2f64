"""The discriminators: published sizes, how far a score sees, map sizes, and torch chains of the same weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.models.discriminators import lsd_discriminator, output_discriminator, patchgan
from tests.models._fresh import QUICK, abstract, parameters


def drawn(network, height, width, batch=1):
    """Variables and maps of random numbers, drawn by NumPy."""
    maps, variables = abstract(network, height, width)
    random = np.random.default_rng(3)

    def draw(path, leaf):
        values = random.normal(size=leaf.shape).astype(np.float32)
        if path[-1].key in ("var", "scale"):
            values = 0.5 + np.abs(values)
        return jnp.asarray(values / np.sqrt(leaf.size / leaf.shape[-1]) if leaf.ndim == 4 else values)

    images = random.normal(size=(batch, *maps.shape[1:])).astype(np.float32)
    return jax.tree_util.tree_map_with_path(draw, variables), jnp.asarray(images)


@pytest.mark.parametrize(
    ("network", "published"),
    [
        (patchgan(), 2_764_737),
        (patchgan(norm="batch"), 2_765_633),
        (patchgan(channels=6), 2_767_809),
        (patchgan(channels=6, norm="batch"), 2_768_705),
        (output_discriminator(19), 2_781_121),
        (lsd_discriminator(19), 1_361_047),
    ],
)
def test_parameters_are_the_published_number(network, published):
    assert parameters(network) == published


def scores_shape(network, height, width):
    maps, variables = abstract(network, height, width)
    return jax.eval_shape(lambda v, x: network.apply(v, x, train=False)[0].logits, variables, maps).shape


@pytest.mark.parametrize(
    ("network", "size", "expected"),
    [
        (output_discriminator(19), (720, 1280), (22, 40)),
        (output_discriminator(19), (512, 1024), (16, 32)),
        (patchgan(), (256, 256), (30, 30)),
        (patchgan(4), (512, 1024), (62, 126)),
    ],
)
def test_sizes_of_the_score_map(network, size, expected):
    assert scores_shape(network, *size) == (1, *expected, network.classes if network.channels == 3 else 1)


def applied(network, variables, maps, train=False):
    return jax.jit(lambda v, x: network.apply(v, x, train=train), compiler_options=QUICK)(variables, maps)


def reach(network, size, place):
    """First and last row and column of the input that moves the score at `place`.

    Instance normalisation sees everything, so networks that have it are asked with batch normalisation at rest.
    """
    variables, maps = drawn(network, *size)

    def score(x):
        return network.apply(variables, x, train=False)[0].logits[0, place[0], place[1], 0]

    moved = np.abs(np.asarray(jax.jit(jax.grad(score))(maps))).sum((0, 3)) > 0
    rows, columns = np.flatnonzero(moved.any(1)), np.flatnonzero(moved.any(0))
    return rows[0], rows[-1], columns[0], columns[-1]


@pytest.mark.parametrize(
    ("network", "side"), [(patchgan(width=4, norm="batch"), 70), (output_discriminator(3, width=4), 94)]
)
def test_a_score_sees_the_published_patch(network, side):
    size = (160, 224)
    height, width = scores_shape(network, *size)[1:3]
    first_row, last_row, first_column, last_column = reach(network, size, (height // 2, width // 2))
    assert (last_row - first_row + 1, last_column - first_column + 1) == (side, side)
    assert min(first_row, first_column) > 0  # nothing is cut off at the border
    assert (last_row, last_column) < (size[0] - 1, size[1] - 1)


def torch_chain(torch, variables, maps, steps, norm):
    """The released chains in torch: `(name, stride)` of convolutions, names of normalisations after them."""
    functional = torch.nn.functional
    variables = jax.tree.map(np.array, variables)
    x = torch.tensor(np.array(maps).transpose(0, 3, 1, 2))
    for index, (name, stride, normalized) in enumerate(steps):
        layer = variables["params"][name]
        bias = torch.tensor(layer["bias"]) if "bias" in layer else None
        x = functional.conv2d(x, torch.tensor(layer["kernel"].transpose(3, 2, 0, 1)), bias, stride, 1)
        if normalized and norm == "instance":
            x = functional.instance_norm(x)
        elif normalized:
            affine, running = variables["params"][normalized], variables["batch_stats"][normalized]
            x = functional.batch_norm(
                x,
                *(
                    torch.tensor(v)
                    for v in (running["mean"], running["var"], affine["scale"], affine["bias"])
                ),
            )
        if index < len(steps) - 1:
            x = functional.leaky_relu(x, 0.2)
    return x.numpy().transpose(0, 2, 3, 1)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_patchgan_is_the_torch_chain_of_the_same_weights(norm):
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    network = patchgan(2, width=4, norm=norm)
    variables, maps = drawn(network, 40, 53, batch=2)
    steps = [
        ("model_0", 2, None),
        ("model_2", 2, "model_3"),
        ("model_5", 2, "model_6"),
        ("model_8", 1, "model_9"),
        ("model_11", 1, None),
    ]
    assert ("bias" in variables["params"]["model_2"]) == (norm == "instance")
    scores = applied(network, variables, maps)[0].logits
    np.testing.assert_allclose(scores, torch_chain(torch, variables, maps, steps, norm), atol=2e-4)


def test_output_discriminator_is_the_torch_chain_of_the_same_weights():
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    network = output_discriminator(5, width=4)
    variables, maps = drawn(network, 64, 101, batch=2)
    names = ["conv1", "conv2", "conv3", "conv4", "classifier"]
    scores = applied(network, variables, maps)[0].logits
    expected = torch_chain(torch, variables, maps, [(name, 2, None) for name in names], None)
    assert expected.shape == (2, 2, 3, 1)
    np.testing.assert_allclose(scores, expected, atol=2e-4)


def test_batch_normalisation_learns_its_statistics_in_training_alone():
    network = patchgan(width=4, norm="batch")
    variables, maps = drawn(network, 32, 32)
    after = applied(network, variables, maps, train=True)[1]
    assert not np.allclose(after["model_3"]["mean"], variables["batch_stats"]["model_3"]["mean"])
    same = applied(network, variables, maps)[1]
    jax.tree.map(np.testing.assert_array_equal, same, variables["batch_stats"])
    without = patchgan(width=4)
    assert abstract(without, 32, 32)[1]["batch_stats"] == {}


def test_kernels_start_as_published():
    key = jax.random.key(0, impl="rbg")
    first = jax.jit(patchgan().init, compiler_options=QUICK)(key, jnp.zeros((1, 32, 32, 3)))["params"]
    assert float(first["model_8"]["kernel"].std()) == pytest.approx(0.02, rel=0.01)
    assert not first["model_8"]["bias"].any()
    second = jax.jit(output_discriminator(19).init, compiler_options=QUICK)(key, jnp.zeros((1, 32, 32, 19)))[
        "params"
    ]
    bound = 1 / np.sqrt(16 * 19)
    assert float(jnp.abs(second["conv1"]["kernel"]).max()) == pytest.approx(bound, rel=0.01)
    assert float(second["conv1"]["kernel"].std()) == pytest.approx(bound / np.sqrt(3), rel=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: patchgan(norm="layer"), "patchgan.norm: 'layer' is not known; use 'instance' or 'batch'"),
        (lambda: patchgan(0), "patchgan.classes: 0; use at least 1"),
        (lambda: patchgan(channels=0), "patchgan.channels: 0; use at least 1"),
        (lambda: output_discriminator(19, width=0), "output_discriminator.width: 0; use at least 1"),
        (lambda: lsd_discriminator(0), "lsd_discriminator.classes: 0; use at least 1"),
    ],
)
def test_unusable_arguments_are_refused_in_words(make, message):
    with pytest.raises(InputError) as error:
        make()
    assert message in str(error.value)


def test_too_small_images_are_refused_and_the_smallest_gives_a_score():
    for network in (patchgan(width=4), output_discriminator(3, width=4), lsd_discriminator(3, width=4)):
        side = network.minimum_size
        network.validate(side, side)
        assert min(scores_shape(network, side, side)[1:3]) >= 1
        with pytest.raises(InputError, match="too small"):
            network.validate(side - 1, side)


def test_lsd_segs_discriminator_is_the_torch_network_of_the_same_weights():
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    functional = torch.nn.functional
    network = lsd_discriminator(5, width=4)
    variables, images = drawn(network, 38, 53, batch=2)
    params = jax.tree.map(np.array, variables["params"])

    def convolved(x, name, stride, padding):
        kernel = torch.tensor(params[name]["kernel"].transpose(3, 2, 0, 1))
        return functional.conv2d(x, kernel, torch.tensor(params[name]["bias"]), stride, padding)

    def active(x):
        return functional.leaky_relu(functional.instance_norm(x), 0.2)

    x = active(convolved(torch.tensor(np.array(images).transpose(0, 3, 1, 2)), "conv", 2, 2))
    for stage in range(3):
        x = functional.max_pool2d(x, 2) if stage else x
        for place in range(3):
            x = x + active(convolved(x, f"unit{stage}_{place}", 1, 1))
    output = applied(network, variables, images)[0]
    for found, name, channels in ((output.logits, "kinds", 4), (output.aux, "classes", 5)):
        expected = convolved(x, name, 1, 1).numpy().transpose(0, 2, 3, 1)
        assert expected.shape == (2, 5, 6, channels)
        np.testing.assert_allclose(found, expected, atol=2e-4)

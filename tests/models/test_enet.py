"""ENet: the published parameter counts, any image size, batch statistics, dropout, and one device against eight."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.errors import InvalidRngError
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxseg.errors import InputError
from jaxseg.models import LinenNetwork, Output, enet

# Correctness needs no optimised code, and compiling takes most of the time here.
quick_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def abstract(network, height=32, width=40, batch=2):
    image = jax.ShapeDtypeStruct((batch, height, width, 3), jnp.float32)
    return image, jax.eval_shape(network.init, jax.random.key(0), image)


def parameters(network):
    return sum(leaf.size for leaf in jax.tree.leaves(abstract(network)[1]["params"]))


def drawn(network, batch=2, height=32, width=40):
    """An image, and variables of the right shapes from NumPy: cheaper than compiling the initialisers."""
    rng = np.random.default_rng(0)
    _, variables = abstract(network, height, width, batch)

    def value(path, leaf):
        name = path[-1].key
        if name == "kernel":
            fan_in = np.prod(leaf.shape[:-1])
            return jnp.asarray(rng.normal(0, np.sqrt(2 / fan_in), leaf.shape), leaf.dtype)
        constant = {"scale": 1.0, "var": 1.0, "slope": 0.25, "bias": 0.1, "mean": 0.0}[name]
        return jnp.full(leaf.shape, constant, leaf.dtype)

    image = jnp.asarray(rng.uniform(-1, 1, (batch, height, width, 3)), jnp.float32)
    return image, jax.tree_util.tree_map_with_path(value, variables)


def forward(network, train=False, seed=None):
    def apply(variables, image):
        rngs = None if seed is None else {"dropout": jax.random.key(seed)}
        return network.apply(variables, image, train=train, rngs=rngs)

    return apply


@pytest.mark.fast
@pytest.mark.parametrize(
    ("variant", "classes", "published"),
    [
        ("original", 12, 363_856),
        ("original", 20, 364_376),
        ("port", 11, 350_508),
        ("port", 12, 350_652),
        ("port", 19, 351_660),
    ],
)
def test_parameter_counts_are_the_published_ones(variant, classes, published):
    assert parameters(enet(classes, variant=variant)) == published


def original_rows(classes):
    """(weights of convolutions, their biases, normalised channels, slopes) of every layer group of the Torch code."""
    yield 3 * 13 * 9, 13, 16, 16

    def encoder(given, n, main, reduce=1):
        i = n // 4
        return given * i * reduce + main * i * i + i * n, i, i + i + n, i + i + n

    yield encoder(16, 64, 9, reduce=4)
    yield from [encoder(64, 64, 9)] * 4
    yield encoder(64, 128, 9, reduce=4)
    yield from [encoder(128, 128, taps) for taps in (9, 9, 10, 9, 9, 9, 10, 9)] * 2
    for given, n, regular in ((128, 64, 2), (64, 16, 1)):
        i = n // 4
        yield given * n + given * i + 9 * i * i + i * n, i, n + i + i + n, 0
        yield from [(n * i + 9 * i * i + i * n, i, i + i + n, 0)] * regular
    yield 16 * classes * 4, classes, 0, 0


def port_rows(classes):
    """The same of the PyTorch port: no biases, and one slope for every PReLU."""
    yield 3 * 13 * 9, 0, 16, 1

    def encoder(given, i, n, main, reduce=1, pairs=1):
        return given * i * reduce + main * i * i + i * n, 0, i + pairs * i + n, pairs + 3

    yield encoder(16, 4, 64, 9, reduce=4)
    yield from [encoder(64, 16, 64, 9)] * 4
    yield encoder(64, 16, 128, 9, reduce=4)
    asymmetric, other = encoder(128, 32, 128, 10, pairs=2), encoder(128, 32, 128, 9)
    yield from [other, other, asymmetric, other, other, other, asymmetric, other] * 2
    for given, i, n, regular in ((128, 32, 64, 2), (64, 16, 16, 1)):
        yield given * n + given * i + 4 * i * i + i * n, 0, n + i + i + n, 0
        yield from [(n * n // 4 + 9 * (n // 4) ** 2 + n * n // 4, 0, n // 4 + n // 4 + n, 0)] * regular
    yield 16 * classes * 9, 0, 0, 0


@pytest.mark.parametrize(("variant", "rows"), [("original", original_rows), ("port", port_rows)])
@pytest.mark.parametrize("classes", [5, 12, 33])
def test_parameter_counts_are_the_sum_over_the_layers(variant, rows, classes):
    expected = sum(
        weights + biases + 2 * channels + slopes for weights, biases, channels, slopes in rows(classes)
    )
    assert parameters(enet(classes, variant=variant)) == expected


def test_width_scales_the_channels_in_multiples_of_four():
    _, variables = abstract(enet(11, width=0.4))
    params = variables["params"]
    assert params["stage1_1"]["BatchNorm_2"]["scale"].shape == (24,)  # 25.6
    assert params["stage2_1"]["BatchNorm_2"]["scale"].shape == (52,)  # 51.2
    assert params["stage5_1"]["BatchNorm_2"]["scale"].shape == (8,)  # 6.4


@pytest.mark.parametrize("variant", ["original", "port"])
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (45, 33), (180, 240), (64, 128), (23, 16)])
def test_logits_have_the_size_of_the_image(variant, size):
    network = enet(7, variant=variant)
    network.validate(*size)
    image, variables = abstract(network, *size)
    output, _ = jax.eval_shape(forward(network), variables, image)
    assert isinstance(output, Output)
    assert output.logits.shape == (2, *size, 7)
    assert output.features.shape == (2, -(-size[0] // 2), -(-size[1] // 2), 16)
    assert output.aux is None


@pytest.mark.parametrize("variant", ["original", "port"])
def test_odd_sizes_run_and_see_the_last_row_and_column(variant):
    network = enet(3, variant=variant, width=0.25)
    image, variables = drawn(network, batch=1, height=17, width=19)
    apply = quick_jit(lambda image: network.apply(variables, image, train=False)[0].logits)
    logits = apply(image)
    assert bool(jnp.isfinite(logits).all())
    assert float(jnp.abs(apply(image.at[0, -1, -1].add(1.0)) - logits).max()) > 1e-4


def test_initialisation():
    network = enet(4, width=0.25)
    image = jnp.zeros((1, 16, 16, 3))
    init = quick_jit(network.init)
    variables, other = init(jax.random.key(0), image), init(jax.random.key(1), image)
    assert set(variables) == {"params", "batch_stats"}
    kernel = variables["params"]["stage2_1"]["Conv_0"]["kernel"]
    assert kernel.shape == (1, 1, 32, 8)
    assert float(kernel.std()) == pytest.approx(np.sqrt(2 / 32), rel=0.2)
    assert bool(jnp.any(kernel != other["params"]["stage2_1"]["Conv_0"]["kernel"]))
    assert bool(jnp.any(kernel != variables["params"]["stage2_2"]["Conv_0"]["kernel"]))
    assert all(bool((leaf == 0.25).all()) for leaf in jax.tree.leaves(variables["params"]["PReLU_0"]))


@pytest.mark.fast
def test_training_step_moves_the_statistics_and_drops_channels_by_the_key():
    network = enet(5, width=0.25)
    image, variables = drawn(network)

    def loss(params, key):
        output, batch_stats = network.apply(
            {**variables, "params": params}, image, train=True, rngs={"dropout": key}
        )
        return jax.nn.logsumexp(output.logits, axis=-1).mean(), batch_stats

    step = quick_jit(jax.value_and_grad(loss, has_aux=True))
    (value, batch_stats), gradient = step(variables["params"], jax.random.key(0))
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))
    assert all(bool(jnp.any(leaf != 0)) for leaf in jax.tree.leaves(gradient["stage1_0"]["Conv_0"]))
    moved = jax.tree.map(lambda new, old: bool(jnp.any(new != old)), batch_stats, variables["batch_stats"])
    assert all(jax.tree.leaves(moved))
    (again, _), _ = step(variables["params"], jax.random.key(0))
    (other, _), _ = step(variables["params"], jax.random.key(1))
    assert again == value
    assert other != value


def test_dropout_asks_for_its_key_and_rests_without_training():
    network = enet(5, width=0.25)
    image, variables = abstract(network)
    with pytest.raises(InvalidRngError, match="dropout"):
        jax.eval_shape(forward(network, train=True), variables, image)
    jax.eval_shape(forward(network, train=False), variables, image)
    without = enet(5, width=0.25, early_dropout=0.0, dropout=0.0)
    jax.eval_shape(forward(without, train=True), variables, image)


def test_frozen_statistics_serve_training_too_and_stay():
    network = enet(5, width=0.25, batch_norm="frozen", early_dropout=0.0, dropout=0.0)
    image, variables = drawn(network)

    def both(variables, image):
        return forward(network, train=True)(variables, image), forward(network)(variables, image)

    (training, batch_stats), (prediction, _) = quick_jit(both)(variables, image)
    np.testing.assert_allclose(training.logits, prediction.logits, rtol=1e-5, atol=1e-5)
    same = jax.tree.map(lambda new, old: bool(jnp.all(new == old)), batch_stats, variables["batch_stats"])
    assert all(jax.tree.leaves(same))


def test_bfloat16_computes_near_float32_from_float32_parameters():
    whole, half = (enet(5, width=0.25, dtype=dtype) for dtype in (jnp.float32, jnp.bfloat16))
    image, variables = drawn(whole)
    _, shapes = abstract(half)
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype("float32")}
    expected, _ = quick_jit(forward(whole))(variables, image)
    output, _ = quick_jit(forward(half))(variables, image)
    assert output.logits.dtype == jnp.bfloat16
    error = jnp.abs(output.logits.astype(jnp.float32) - expected.logits).mean()
    assert float(error / jnp.abs(expected.logits).mean()) < 0.05


def test_eight_devices_compute_what_one_does():
    """Training forward, so that the batch statistics are those of the global batch; image rows split, then images."""
    network = enet(5, width=0.25, early_dropout=0.0, dropout=0.0)
    image, variables = drawn(network, batch=8, height=64, width=24)
    apply = forward(network, train=True)
    expected, statistics = quick_jit(apply)(variables, image)
    mesh = Mesh(np.asarray(jax.devices()).reshape(8), ("devices",), axis_types=(AxisType.Auto,))
    for spec in (PartitionSpec(None, "devices"), PartitionSpec("devices")):
        placed = jax.device_put(image, NamedSharding(mesh, spec))
        everywhere = jax.device_put(variables, NamedSharding(mesh, PartitionSpec()))
        output, batch_stats = quick_jit(apply)(everywhere, placed)
        np.testing.assert_allclose(output.logits, expected.logits, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(output.features, expected.features, rtol=1e-5, atol=1e-5)
        for ours, one in zip(jax.tree.leaves(batch_stats), jax.tree.leaves(statistics), strict=True):
            np.testing.assert_allclose(ours, one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "torch"}, "enet.variant: 'torch' is not known; use 'original' or 'port'"),
        ({"batch_norm": "eval"}, "enet.batch_norm: 'eval' is not known"),
        ({"width": 0.0}, "enet.width: 0.0; use a number above 0"),
        ({"dropout": 1.0}, "enet.dropout: 1.0; use a probability"),
        ({"decoder_dropout": -0.1}, "enet.decoder_dropout: -0.1; use a probability"),
    ],
)
def test_unusable_arguments_are_refused_in_words(arguments, message):
    with pytest.raises(InputError) as error:
        enet(11, **arguments)
    assert message in str(error.value)


def test_too_small_images_are_refused():
    with pytest.raises(InputError, match="12x40"):
        enet(11).validate(12, 40)


def test_the_network_is_static_and_comparable():
    assert isinstance(enet(11), LinenNetwork)
    assert enet(11) == enet(11)
    assert hash(enet(11)) == hash(enet(11))
    assert enet(11) != enet(11, width=0.5)

"""ENet as a program that is traced and not run: parameter counts, image sizes, batch statistics, dropout, errors."""

import functools

import jax
import pytest
from flax.errors import InvalidRngError

from jaxseg.errors import InputError
from jaxseg.models import LinenNetwork, Output, enet
from tests.models import _fresh
from tests.models._fresh import parameters

abstract = functools.cache(_fresh.abstract)


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
@pytest.mark.parametrize("classes", [12, 33])
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
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (180, 240)])
def test_logits_have_the_size_of_the_image(variant, size):
    network = enet(7, variant=variant, width=0.5)
    network.validate(*size)
    image, variables = abstract(network, *size)
    output, _ = jax.eval_shape(forward(network), variables, image)
    assert isinstance(output, Output)
    assert output.logits.shape == (1, *size, 7)
    assert output.features.shape == (1, -(-size[0] // 2), -(-size[1] // 2), 8)
    assert output.aux is None


def test_dropout_asks_for_its_key_and_rests_without_training():
    network = enet(5, width=0.25)
    image, variables = abstract(network)
    with pytest.raises(InvalidRngError, match="dropout"):
        jax.eval_shape(forward(network, train=True), variables, image)
    jax.eval_shape(forward(network, train=False), variables, image)
    without = enet(5, width=0.25, early_dropout=0.0, dropout=0.0)
    jax.eval_shape(forward(without, train=True), variables, image)


def program(network, train):
    image, variables = abstract(network)
    return jax.make_jaxpr(forward(network, train))(variables, image).jaxpr


def test_training_replaces_every_running_statistic():
    network = enet(5, early_dropout=0.0, dropout=0.0)
    statistics = len(jax.tree.leaves(abstract(network)[1]["batch_stats"]))
    jaxpr = program(network, train=True)
    assert not any(variable in jaxpr.invars for variable in jaxpr.outvars[-statistics:])


def test_frozen_statistics_serve_training_too_and_stay():
    network = enet(5, batch_norm="frozen", early_dropout=0.0, dropout=0.0)
    statistics = len(jax.tree.leaves(abstract(network)[1]["batch_stats"]))
    jaxpr = program(network, train=True)
    assert str(jaxpr) == str(program(network, train=False))
    assert all(variable in jaxpr.invars for variable in jaxpr.outvars[-statistics:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "torch"}, "enet.variant: 'torch' is not known; use 'original' or 'port'"),
        ({"batch_norm": "eval"}, "enet.batch_norm: 'eval' is not known"),
        ({"width": 0.0}, "enet.width: 0.0; use a number above 0"),
        ({"dropout": 1.0}, "enet.dropout: 1.0; use a probability"),
        ({"initialization": "xavier"}, "enet.initialization: 'xavier' is not known; use 'torch' or 'he'"),
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

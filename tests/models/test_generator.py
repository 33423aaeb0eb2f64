"""The generator: LSD-seg's size and geometry, its layers against torch, noise, dropout, embeddings that do not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.errors import InvalidRngError

from jaxseg.errors import InputError
from jaxseg.models.generator import generator
from tests.models import oracles
from tests.models._fresh import QUICK

LSD = {"embedding": (4096, 512, 256), "strides": (32, 16, 8), "padding": 100, "noise": 0}


def maps_of(network, *sizes, batch=1):
    return tuple(
        jax.ShapeDtypeStruct((batch, *size, channels), jnp.float32)
        for size, channels in zip(sizes, network.embedding, strict=True)
    )


def abstract(network, *sizes):
    maps = maps_of(network, *sizes)
    return maps, jax.eval_shape(network.init, jax.random.key(0), maps)


def parameters(network, *sizes):
    return sum(leaf.size for leaf in jax.tree.leaves(abstract(network, *sizes)[1]["params"]))


def image_shape(network, *sizes):
    maps, variables = abstract(network, *sizes)
    apply = lambda v, x: network.image(network.apply(v, x, train=False)[0])  # noqa: E731
    return jax.eval_shape(apply, variables, maps).shape


@pytest.mark.fast
def test_lsd_segs_generator_has_its_number_of_parameters():
    assert parameters(generator(19, **LSD), (17, 17), (45, 45), (89, 89)) == 64_221_187


def test_a_noise_channel_adds_one_input_to_the_step_after_each_embedding():
    more = parameters(generator(19, **{**LSD, "noise": 1}), (17, 17), (45, 45), (89, 89))
    assert more - 64_221_187 == 256 * 49 + 256 * 9 + 128 * 25


@pytest.mark.parametrize(
    ("side", "fc7", "pool4", "pool3"),
    [(512, 17, 45, 89), (320, 11, 33, 65), (640, 21, 53, 105), (1024, 33, 77, 153)],
)
def test_padding_100_gives_the_image_its_own_size(side, fc7, pool4, pool3):
    network = generator(19, **LSD, width=4)
    assert image_shape(network, (fc7, 11), (pool4, 33), (pool3, 65)) == (1, side, 320, 3)


@pytest.mark.parametrize("stride", [32, 16, 8, 4, 2])
def test_one_embedding_is_brought_to_stride_1(stride):
    network = generator(7, embedding=(6,), strides=(stride,), width=4)
    assert image_shape(network, (2, 3)) == (1, 2 * stride, 3 * stride, 3)


def test_scores_can_be_the_embedding():
    assert generator(19, embedding=None, strides=(8,)).embedding == (19,)


@pytest.mark.parametrize("pool4", [(5, 6), (6, 5), (6, 6)])
def test_odd_and_even_embeddings_are_joined_at_their_size(pool4):
    network = generator(3, embedding=(4, 5), strides=(32, 16), width=4)
    assert image_shape(network, (3, 3), pool4) == (1, 16 * pool4[0], 16 * pool4[1], 3)


def drawn(network, *sizes, seed=0):
    maps, variables = abstract(network, *sizes)
    random = np.random.default_rng(seed)

    def draw(leaf):
        scale = np.sqrt(leaf.shape[-1] / leaf.size) if leaf.ndim == 4 else 1.0
        return jnp.asarray((scale * random.normal(size=leaf.shape)).astype(np.float32))

    return jax.tree.map(draw, variables), jax.tree.map(draw, maps)


@pytest.mark.parametrize(
    ("padding", "sizes"), [(100, ((11, 8), (33, 28), (65, 55))), (1, ((2, 3), (4, 5), (8, 10)))]
)
def test_it_is_the_torch_network_of_the_same_weights(padding, sizes):
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    functional = torch.nn.functional
    network = generator(3, embedding=(6, 5, 4), strides=(32, 16, 8), padding=padding, width=2, noise=0)
    variables, maps = drawn(network, *sizes)
    output, _ = jax.jit(lambda v, x: network.apply(v, x, train=False), compiler_options=QUICK)(
        variables, maps
    )
    params = jax.tree.map(np.array, variables["params"])
    first, second, third = (torch.tensor(np.array(each).transpose(0, 3, 1, 2)) for each in maps)

    def up(x, name, stride, padding, size=None):
        weight = torch.tensor(params[name]["kernel"].transpose(2, 3, 0, 1).copy())
        bias = torch.tensor(params[name]["bias"]) if "bias" in params[name] else None
        extra = 0
        if size is not None:
            k = weight.shape[-1]
            extra = [
                want - ((n - 1) * stride - 2 * padding + k) for want, n in zip(size, x.shape[2:], strict=True)
            ]
        return functional.conv_transpose2d(x, weight, bias, stride, padding, extra)

    def refined(x, stage, step, stride, padding, size=None):
        x = functional.relu(
            functional.instance_norm(up(x, f"stage{stage}_upsample_{step}", stride, padding, size))
        )
        for place in (step + 3, step + 4):
            kernel = params[f"stage{stage}_upsample_{place}"]["conv_layer"]["kernel"].transpose(3, 2, 0, 1)
            x = x + functional.relu(
                functional.instance_norm(functional.conv2d(x, torch.tensor(kernel), padding=1))
            )
        return x

    def twice(x):
        return None if padding == 100 else [2 * side for side in x.shape[2:]]

    x = refined(first, 1, 0, 1, 0 if padding == 100 else 3)
    x = torch.cat([refined(x, 1, 5, 2, 1, second.shape[2:]), second], 1)
    x = torch.cat([refined(x, 2, 0, 2, 1, third.shape[2:]), third], 1)
    x = refined(x, 3, 0, 2, 2, twice(x))
    x = refined(x, 3, 5, 2, 2, twice(x))
    x = up(x, "stage4_upsample_0", 2, 100 if padding == 100 else 3)
    expected = x.numpy().transpose(0, 2, 3, 1)
    assert expected.shape == output.logits.shape
    np.testing.assert_allclose(output.logits, expected, atol=2e-4)
    np.testing.assert_allclose(network.image(output), 1 / (1 + np.exp(-expected)), atol=1e-4)


def test_noise_and_dropout_are_drawn_in_training_and_rest_otherwise():
    network = generator(3, embedding=(4,), strides=(2,), width=2, noise=3)
    variables, (maps,) = drawn(network, (6, 7))

    @jax.jit
    def trained(noise, dropout):
        rngs = {"noise": jax.random.key(noise), "dropout": jax.random.key(dropout)}
        return network.apply(variables, maps, train=True, rngs=rngs)[0].logits

    once = trained(0, 0)
    np.testing.assert_array_equal(once, trained(0, 0))
    assert jnp.abs(once - trained(1, 0)).max() > 1e-3
    assert jnp.abs(once - trained(0, 1)).max() > 1e-3
    apply = lambda train: network.apply(variables, maps, train=train)[0].logits  # noqa: E731
    with pytest.raises(InvalidRngError, match="noise"):
        jax.eval_shape(lambda: apply(True))
    silent = generator(3, embedding=(4,), strides=(2,), width=2, noise=0)
    without = dict(variables["params"])
    entry = "stage1_upsample_0"
    without[entry] = {"kernel": without[entry]["kernel"][:, :, :4]}
    expected = jax.jit(lambda p: silent.apply({"params": p}, maps, train=False)[0].logits)(without)
    np.testing.assert_allclose(jax.jit(lambda: apply(False))(), expected, atol=1e-5)


def test_recomputing_changes_neither_output_nor_gradient():
    options = {"embedding": (4, 5), "strides": (8, 4), "width": 2, "noise": 1}
    kept, recomputed = (generator(3, **options, remat=remat) for remat in (False, True))
    variables, maps = drawn(kept, (3, 4), (6, 7))
    rngs = {name: jax.random.key(seed) for seed, name in enumerate(("noise", "dropout"))}

    def loss(network):
        def value(params):
            output, _ = network.apply({"params": params}, maps, train=True, rngs=rngs)
            return jnp.square(output.logits).mean(), output.logits

        return jax.value_and_grad(value, has_aux=True)

    assert "remat" in str(jax.make_jaxpr(loss(recomputed))(variables["params"]))
    programs = [jax.jit(loss(network), compiler_options=QUICK) for network in (kept, recomputed)]
    (one, gradient), (other, gradient_too) = (program(variables["params"]) for program in programs)
    oracles.assert_same_tree((other, gradient_too), (one, gradient), 1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embedding": (4, 5)}, "generator.embedding: (4, 5) for strides (32,); give one number a stride"),
        ({"strides": (12,)}, "generator.strides: (12,); use falling ones of (32, 16, 8, 4, 2)"),
        ({"embedding": (4, 5), "strides": (8, 16)}, "generator.strides: (8, 16)"),
        ({"noise": -1}, "generator.noise: -1"),
        ({"dropout": 1.0}, "generator.dropout: 1.0"),
        ({"padding": 100, "strides": (8,)}, "generator.padding: 100 at stride 8"),
        ({"width": 0}, "generator.width: 0; use at least 1"),
    ],
)
def test_unusable_arguments_are_refused_in_words(arguments, message):
    with pytest.raises(InputError) as error:
        generator(19, **arguments)
    assert message in str(error.value)


def test_embeddings_that_do_not_fit_are_refused():
    network = generator(3, embedding=(4, 5), strides=(32, 16), width=4)
    with pytest.raises(InputError, match=r"maps of \(4,\) channels; this generator was made for \(4, 5\)"):
        jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 3, 3, 4)))
    maps = (jnp.zeros((1, 3, 3, 4)), jnp.zeros((1, 9, 6, 5)))
    with pytest.raises(InputError, match="a map of 9x6 pixels does not fit one of half its stride, 3x3"):
        jax.eval_shape(network.init, jax.random.key(0), maps)

"""FCN-8s: published counts and sizes, its three forms against torch operations, domains apart, learning."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxseg.errors import InputError
from jaxseg.models.fcn import BilinearUpscore, fcn8s, unsplit, with_split
from tests.models import oracles
from tests.models._fresh import abstract, parameters

SIZES = {
    512: (710, 355, 178, 89, 45, 23, 17, 36, 74, 600),
    500: (698, 349, 175, 88, 44, 22, 16, 34, 70, 568),
    1024: (1222, 611, 306, 153, 77, 39, 33, 68, 138, 1112),
}
FEATURES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
POOL_AFTER = (2, 7, 14, 21, 28)


@pytest.mark.parametrize("variant", ["modern", "metapix", "original"])
@pytest.mark.parametrize(("classes", "published"), [(11, 134_314_081), (19, 134_353_017), (21, 134_362_751)])
def test_parameter_counts_are_the_published_ones(variant, classes, published):
    assert parameters(fcn8s(classes, variant=variant)) == published


def test_parameters_of_split_networks_are_the_blocks_twice():
    blocks = np.cumsum([0, 38_720, 221_440, 1_475_328, 5_899_776, 7_079_424])
    found = [parameters(fcn8s(19, split=split)) for split in range(6)]
    assert found == [134_353_017 + extra for extra in blocks]
    assert found[1] == 134_391_737
    channels = 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512
    assert parameters(fcn8s(19, trunk="vgg16_bn")) == 134_353_017 + 2 * channels


@pytest.mark.parametrize("side", SIZES)
def test_the_original_has_the_published_sizes_on_its_way(side):
    network = fcn8s(3, variant="original", width=0.05)
    image, variables = abstract(network, side, side)

    def captured(variables, image):
        return network.module.apply(variables, image, train=False, capture_intermediates=True)

    output, state = jax.eval_shape(captured, variables, image)
    found = state["intermediates"]
    pools = [pool.shape[1] for pool in found["trunk"]["__call__"][0]]
    others = [
        found[name]["__call__"][0].shape[1] for name in ("fc6", "upscore2", "upscore_pool4", "upscore8")
    ]
    assert (found["trunk"]["features_0"]["__call__"][0].shape[1], *pools, *others) == SIZES[side]
    assert output.logits.shape == (1, side, side, 3)


def test_metapix_stretches_a_26x10_map_at_1024x512():
    network = fcn8s(3, variant="metapix", width=0.05)
    image, variables = abstract(network, 512, 1024)
    output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, image)
    assert output.features.shape[1:3] == (10, 26)
    assert output.logits.shape == (1, 512, 1024, 3)
    network.validate(193, 193)
    abstract(network, 193, 193)
    with pytest.raises(InputError, match="192x1024"):
        network.validate(192, 1024)


def test_the_skips_are_given_beside_fc7_as_they_are():
    image, variables = abstract(fcn8s(3, width=0.05), 64, 96)
    plain, scaled = (
        jax.eval_shape(lambda v, x, n=network: n.apply(v, x, train=False)[0], variables, image)
        for network in (fcn8s(3, width=0.05), fcn8s(3, width=0.05, skips=True, at_once=True))
    )
    assert [each.shape[1:3] for each in scaled.features] == [(2, 3), (4, 6), (8, 12)]
    assert scaled.features[0].shape == plain.features.shape
    assert [each.shape[-1] for each in scaled.features[1:]] == [24, 12]  # 5% of 512 and 256, in fours


@pytest.mark.parametrize("variant", ["modern", "original"])
@pytest.mark.parametrize("size", [(1, 1), (33, 47), (64, 96)])
def test_any_size_goes_through(variant, size):
    network = fcn8s(3, variant=variant, width=0.05)
    image, variables = abstract(network, *size)
    output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, image)
    assert output.logits.shape == (1, *size, 3)
    assert output.logits.dtype == jnp.float32


@pytest.mark.parametrize("factor", [2, 8])
def test_upscoring_is_the_fixed_transposed_convolution(factor):
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 2)).astype(np.float32)
    weights = 1 - np.abs(np.arange(2 * factor) - (factor - 0.5)) / factor
    expected = np.zeros((2, factor * 4, factor * 5, 2))
    for i in range(3):
        for j in range(4):
            rows, columns = (slice(factor * k, factor * (k + 2)) for k in (i, j))
            kernel = np.outer(weights, weights)[None, :, :, None]
            expected[:, rows, columns] += kernel * x[:, i : i + 1, j : j + 1]
    np.testing.assert_allclose(BilinearUpscore(factor).apply({}, jnp.asarray(x)), expected, atol=1e-6)


def predicted(network, **options):
    return oracles.quick_jit(
        lambda variables, image: network.apply(variables, image, **{"train": False, **options})[0]
    )


def reference(params, x, variant, at_once=False):
    """FCN-8s in torch operations, from our parameters; written for this test from the facts of the released nets."""
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    functional = torch.nn.functional
    size = x.shape[2:]

    def conv(x, layer, padding=0):
        kernel = torch.from_numpy(np.array(layer["kernel"]).transpose(3, 2, 0, 1).copy())
        return functional.conv2d(x, kernel, torch.from_numpy(np.array(layer["bias"])), padding=padding)

    def upscore(x, factor):
        line = 1 - (torch.arange(2 * factor) - factor + 0.5).abs() / factor
        kernel = torch.outer(line, line).expand(x.shape[1], 1, -1, -1)
        return functional.conv_transpose2d(x, kernel, stride=factor, groups=x.shape[1])

    pools = []
    for layer in FEATURES:
        padding = 100 if layer == 0 and variant == "original" else 1
        x = torch.relu(conv(x, params["trunk"][f"features_{layer}"], padding))
        if layer in POOL_AFTER:
            x = functional.max_pool2d(x, 2, ceil_mode=True)
            pools.append(x)
    x = torch.relu(conv(x, params["fc6"], 3 if variant == "modern" else 0))
    score = conv(torch.relu(conv(x, params["fc7"])), params["score_fr"])
    pool4 = conv(pools[3] * (0.01 if at_once else 1), params["score_pool4"])
    pool3 = conv(pools[2] * (0.0001 if at_once else 1), params["score_pool3"])
    if variant == "original":
        score = upscore(score, 2)
        score = upscore(score + pool4[:, :, 5 : 5 + score.shape[2], 5 : 5 + score.shape[3]], 2)
        score = upscore(score + pool3[:, :, 9 : 9 + score.shape[2], 9 : 9 + score.shape[3]], 8)
        return score[:, :, 31 : 31 + size[0], 31 : 31 + size[1]]
    resize = functools.partial(functional.interpolate, mode="bilinear", align_corners=variant == "metapix")
    score = resize(score, pool4.shape[2:]) + pool4
    return resize(resize(score, pool3.shape[2:]) + pool3, size)


@pytest.mark.parametrize(
    ("variant", "size", "at_once"),
    [
        ("modern", (64, 96), False),
        ("modern", (49, 71), False),
        ("metapix", (200, 225), False),
        ("original", (33, 64), False),
        ("original", (32, 47), True),
    ],
)
def test_logits_are_those_of_torch_operations(variant, size, at_once):
    pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    network = fcn8s(5, variant=variant, width=0.05, at_once=at_once)
    image, torch_image = oracles.image(*size)
    variables = oracles.drawn(network.init, image)
    params = variables["params"]
    if at_once:  # so that what is scaled down is still seen
        for name, factor in (("score_pool4", 1e2), ("score_pool3", 1e4)):
            params[name]["kernel"] = params[name]["kernel"] * factor
    output = predicted(network)(variables, image)
    oracles.assert_same(output.logits, reference(params, torch_image, variant, at_once))


def drawn(network, height=33, width=40, batch=2):
    rng = np.random.default_rng(0)
    image = jnp.asarray(rng.standard_normal((batch, height, width, 3)), jnp.float32)
    label = jnp.asarray(rng.integers(0, 3, (batch, height, width)))
    return image, label, oracles.drawn(network.init, image)


def loss_of(network, variables, image, label, train=False, **options):
    def loss(params):
        output, after = network.apply({**variables, "params": params}, image, train=train, **options)
        return optax.softmax_cross_entropy_with_integer_labels(output.logits, label).mean(), after

    return loss


def test_the_target_leaves_the_blocks_of_the_source_alone():
    network = fcn8s(3, width=0.05, split=1)
    image, label, variables = drawn(network, 16, 16)
    loss = loss_of(network, variables, image, label, domain="target")
    gradient = oracles.quick_jit(jax.grad(loss, has_aux=True))(variables["params"])[0]
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient.pop("source")))
    assert all(np.any(leaf) for leaf in jax.tree.leaves(gradient))


def test_batch_statistics_of_the_other_domain_stay():
    network = fcn8s(3, width=0.05, split=1, trunk="vgg16_bn", dropout=0.0)
    image, _, variables = drawn(network)
    _, after = oracles.quick_jit(lambda v, x: network.apply(v, x, train=True, domain="target"))(
        variables, image
    )
    same = jax.tree.map(np.array_equal, dict(variables["batch_stats"]), dict(after))
    assert all(jax.tree.leaves(same["source"]))
    assert not any(jax.tree.leaves(same["target"]))
    assert not any(jax.tree.leaves(same["trunk"]))


@pytest.mark.parametrize("trunk", ["vgg16", "vgg16_bn"])
@pytest.mark.parametrize("split", [0, 1, 5])
def test_a_split_copy_of_one_network_computes_the_same(trunk, split):
    whole, apart = (fcn8s(3, width=0.05, trunk=trunk, split=number) for number in (0, split))
    image, _, variables = drawn(whole)
    both = {collection: with_split(leaves, split) for collection, leaves in variables.items()}
    shapes = jax.eval_shape(apart.init, jax.random.key(0), image)
    assert jax.tree.map(jnp.shape, both) == jax.tree.map(jnp.shape, shapes)
    expected = predicted(whole)(variables, image).logits
    for domain in ("source", "target"):
        np.testing.assert_allclose(predicted(apart, domain=domain)(both, image).logits, expected, rtol=1e-5)
        back = {collection: unsplit(leaves, domain) for collection, leaves in both.items()}
        assert jax.tree.all(jax.tree.map(np.array_equal, back, variables))


@pytest.mark.parametrize("split", [0, 1, 5])
def test_statistics_kept_for_each_domain_are_split_within_each(split):
    whole, apart = (
        fcn8s(3, width=0.05, trunk="vgg16_bn", batch_norm="per_domain", split=number) for number in (0, split)
    )
    numbers = iter(range(1, 1000))
    statistics = jax.tree.map(
        lambda leaf: np.full(leaf.shape, next(numbers)), abstract(whole)[1]["batch_stats"]
    )
    both = with_split(statistics, split)
    assert jax.tree.map(np.shape, both) == jax.tree.map(jnp.shape, abstract(apart)[1]["batch_stats"])
    for kept in ("source", "target"):
        trunk = statistics[kept]["trunk"]
        for domain in ("source", "target"):
            within = both[kept].get(domain, {}) | both[kept].get("trunk", {})
            assert jax.tree.all(jax.tree.map(np.array_equal, within, trunk))
    for domain in ("source", "target"):
        assert jax.tree.all(jax.tree.map(np.array_equal, unsplit(both, domain), statistics))
    if split:
        both["source"]["target"] = jax.tree.map(np.negative, both["source"]["target"])
        assert unsplit(both, "target")["source"]["trunk"]["features_1"]["mean"][0] < 0
        assert jax.tree.all(jax.tree.map(np.array_equal, unsplit(both, "source"), statistics))


def test_the_domains_of_a_split_network_differ():
    network = fcn8s(3, width=0.05, split=2)
    image, _, variables = drawn(network)
    source, target = (
        predicted(network, domain=name)(variables, image).logits for name in ("source", "target")
    )
    assert float(jnp.abs(source - target).max()) > 1e-3
    alone = {"params": unsplit(variables["params"]), "batch_stats": {}}
    deployed = predicted(fcn8s(3, width=0.05))(alone, image).logits
    np.testing.assert_allclose(deployed, target, rtol=1e-5)


def test_score_layers_start_at_zero():
    image = jnp.zeros((1, 8, 8, 3))
    params = oracles.quick_jit(fcn8s(3, width=0.05).init)(jax.random.key(0), image)["params"]
    for name in ("score_fr", "score_pool4", "score_pool3"):
        assert not any(np.any(leaf) for leaf in jax.tree.leaves(params[name]))
    assert all(np.any(params["trunk"][f"features_{layer}"]["kernel"]) for layer in FEATURES)
    assert set(fcn8s(3).head) < set(params)


@pytest.mark.parametrize(("variant", "whole"), [("modern", False), ("metapix", True)])
def test_dropout_drops_numbers_or_in_metapix_channels(variant, whole):
    network = fcn8s(3, width=0.05, variant=variant)
    image, _, variables = drawn(network, 257, 257, batch=1)
    rngs = {"dropout": jax.random.key(0)}
    kept = predicted(network)(variables, image).features[0]
    dropped = predicted(network, train=True, rngs=rngs)(variables, image).features[0]
    lost = (np.asarray(dropped) == 0).all((0, 1)) & (np.asarray(kept) > 0).any((0, 1))
    assert lost.any() == whole


def test_a_few_steps_lower_the_loss():
    network = fcn8s(3, width=0.05, trunk="vgg16_bn", dropout=0.1)
    image, label, variables = drawn(network)

    @oracles.quick_jit
    def step(params, key):
        loss = loss_of(network, variables, image, label, train=True, rngs={"dropout": key})
        (value, _), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        return value, jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient)

    params, losses = variables["params"], []
    for seed in range(8):
        value, params = step(params, jax.random.key(seed))
        losses.append(float(value))
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("remat", [False, True])
def test_the_trunk_is_recomputed_where_asked(remat):
    network = fcn8s(3, width=0.05, remat=remat)
    image, variables = abstract(network, 16, 16)
    loss = jax.grad(lambda v, x: network.apply(v, x, train=False)[0].logits.sum())
    assert ("remat" in str(jax.make_jaxpr(loss)(variables, image))) is remat


def test_rows_on_two_devices_compute_what_one_does():
    network = fcn8s(3, width=0.05)
    image, _, variables = drawn(network, 64, 32)
    expected = predicted(network)(variables, image).logits
    mesh = jax.make_mesh((2, 2), ("data", "space"), axis_types=(AxisType.Auto,) * 2)
    placed = jax.device_put(image, NamedSharding(mesh, PartitionSpec("data", "space")))
    everywhere = jax.device_put(variables, NamedSharding(mesh, PartitionSpec()))
    found = predicted(network)(everywhere, placed).logits
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_bfloat16_keeps_parameters_and_logits_in_float32():
    network = fcn8s(3, width=0.05, split=1, trunk="vgg16_bn", dtype=jnp.bfloat16)
    image, variables = abstract(network, 32, 32)
    output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, image)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype(jnp.float32)}
    assert (output.logits.dtype, output.features.dtype) == (jnp.float32, jnp.bfloat16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "caffe"}, "fcn8s.variant: 'caffe' is not known; use 'modern', 'metapix' or 'original'"),
        ({"trunk": "vgg19"}, "fcn8s.trunk: 'vgg19' is not known; use 'vgg16' or 'vgg16_bn'"),
        ({"batch_norm": "frozen"}, "fcn8s.batch_norm: 'frozen', but trunk 'vgg16' has none"),
        ({"batch_norm": "eval", "trunk": "vgg16_bn"}, "fcn8s.batch_norm: 'eval' is not known"),
        ({"split": 6}, "fcn8s.split: 6; use 0 (nothing twice) to 5"),
        ({"dropout": 1.0}, "fcn8s.dropout: 1.0; use a probability"),
        ({"width": -1.0}, "fcn8s.width: -1.0; use a number above 0"),
        ({"classes": 0}, "fcn8s.classes: 0; use at least 1"),
    ],
)
def test_unusable_arguments_are_refused_in_words(arguments, message):
    with pytest.raises(InputError) as error:
        fcn8s(**{"classes": 11, **arguments})
    assert message in str(error.value)


def test_the_variants_input_is_its_own():
    assert fcn8s(3).normalization.order == "rgb"
    assert fcn8s(3, variant="original").normalization.order == "bgr"
    with pytest.raises(InputError, match="domain: 'both'"):
        unsplit({}, "both")

"""VGG-16's trunk against torchvision's own, its parameter counts, and what recomputing changes: nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.models.vgg import VGG16
from tests.models import oracles


def drawn():
    return jnp.asarray(np.random.default_rng(0).standard_normal((2, 17, 20, 3)), jnp.float32)


def forward(trunk):
    return oracles.quick_jit(lambda variables, image: trunk.apply(variables, image, train=False))


def parameters(trunk):
    variables = jax.eval_shape(
        lambda x: trunk.init(jax.random.key(0), x, train=False), jnp.zeros((1, 32, 32, 3))
    )
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


@pytest.mark.fast
def test_parameter_counts_are_the_published_ones():
    assert [parameters(VGG16(last=last)) for last in (1, 2, 3, 4, 5)] == list(
        np.cumsum([38_720, 221_440, 1_475_328, 5_899_776, 7_079_424])
    )
    assert parameters(VGG16()) == 14_714_688
    channels = 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512
    assert parameters(VGG16(batch_norm="train")) == 14_714_688 + 2 * channels


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("size", [(32, 64), (33, 47)])
def test_features_are_those_of_torchvision(batch_norm, size):
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    vgg = oracles.torchvision().models.vgg
    theirs = torch.nn.Module()
    theirs.features = vgg.make_layers(vgg.cfgs["D"], batch_norm)
    oracles.randomize(theirs)
    for layer in theirs.features:
        if isinstance(layer, torch.nn.MaxPool2d):
            layer.ceil_mode = True  # as in Caffe; at (32, 64) both are the same
    variables = oracles.variables(theirs.state_dict())
    if not batch_norm:
        del variables["batch_stats"]
    ours = VGG16(batch_norm="train" if batch_norm else None)
    image, torch_image = oracles.image(*size)
    with torch.no_grad():
        expected = theirs.features(torch_image)
    oracles.assert_same(forward(ours)(variables, image)[-1], expected)


def test_blocks_apart_are_the_whole():
    image = drawn()
    whole = VGG16(width=0.1, batch_norm="train")
    variables = oracles.drawn(lambda key, x: whole.init(key, x, train=False), image)
    expected = forward(whole)(variables, image)
    first, rest = (VGG16(a, b, "train", 0.1) for a, b in ((1, 2), (3, 5)))
    split = {"first": {}, "rest": {}}
    for collection, layers in variables.items():
        for name, leaves in layers.items():
            part = "first" if int(name.removeprefix("features_")) < 14 else "rest"
            split[part].setdefault(collection, {})[name] = leaves
    found = forward(first)(split["first"], image)
    found += forward(rest)(split["rest"], found[-1])
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_recomputing_changes_neither_names_nor_gradients_nor_statistics():
    image = drawn()

    def result(remat):
        trunk = VGG16(last=2, width=0.1, batch_norm="train", remat=remat)
        variables = oracles.drawn(lambda key, x: trunk.init(key, x, train=False), image)

        def loss(params):
            own = {**variables, "params": params}
            pooled, updated = trunk.apply(own, image, train=True, mutable=["batch_stats"])
            return jnp.square(pooled[-1]).mean(), updated

        program = jax.grad(loss, has_aux=True)
        assert ("remat" in str(jax.make_jaxpr(program)(variables["params"]))) is remat
        return oracles.quick_jit(program)(variables["params"])

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), result(False), result(True)
    )

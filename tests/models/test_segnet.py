"""SegNet against a torch module with the public key layout; its counts, sizes and learning."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxseg.errors import InputError
from jaxseg.models.segnet import segnet
from tests.models import oracles
from tests.models._fresh import abstract


@pytest.mark.fast
@pytest.mark.parametrize(("classes", "published"), [(11, 29_449_355), (19, 29_453_971), (21, 29_455_125)])
def test_parameter_counts_are_the_published_ones(classes, published):
    params = abstract(segnet(classes))[1]["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == published
    without = {name: leaves for name, leaves in params.items() if name.startswith("conv")}
    if classes == 11:
        assert sum(leaf.size for leaf in jax.tree.leaves(without)) == 29_433_483


def torch_segnet(classes, width):
    pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    from experiments.benchmark import torch_networks

    return torch_networks.segnet(classes, width)


@pytest.mark.parametrize(("size", "width"), [((32, 64), 0.25), ((45, 61), 0.25), ((37, 50), 1.0)])
def test_logits_are_those_of_torch(size, width):
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    theirs = oracles.randomize(torch_segnet(7, width))
    variables = oracles.variables(theirs.state_dict())
    image, torch_image = oracles.image(*size)
    with torch.no_grad():
        expected = theirs(torch_image)
    network = segnet(7, width=width)
    logits = oracles.quick_jit(lambda v, x: network.apply(v, x, train=False)[0].logits)(variables, image)
    oracles.assert_same(logits, expected)


def test_pools_at_the_published_size_are_rounded_up():
    network = segnet(11)
    image, variables = abstract(network, 360, 480)

    def captured(variables, image):
        return network.module.apply(variables, image, train=False, capture_intermediates=True)

    output, state = jax.eval_shape(captured, variables, image)
    shapes = {
        name: calls["__call__"][0].shape
        for name, calls in state["intermediates"].items()
        if name != "__call__"
    }
    # The fifth unpooling gives 23x30 back, the fourth 45x60.
    assert shapes["conv51"] == shapes["conv53d"] == (1, 23, 30, 512)
    assert shapes["conv43d"] == (1, 45, 60, 512)
    assert output.logits.shape == (1, 360, 480, 11)


def drawn(network, batch=2, height=19, width=22):
    rng = np.random.default_rng(0)
    image = jnp.asarray(rng.standard_normal((batch, height, width, 3)), jnp.float32)
    label = jnp.asarray(rng.integers(0, 3, (batch, height, width)))
    return image, label, oracles.drawn(network.init, image)


def loss_of(network, batch_stats, image, label):
    def loss(params):
        variables = {"params": params, "batch_stats": batch_stats}
        output, updated = network.apply(variables, image, train=True)
        return optax.softmax_cross_entropy_with_integer_labels(output.logits, label).mean(), updated

    return loss


@pytest.mark.slow
def test_recomputing_changes_neither_loss_nor_gradients_nor_statistics():
    results = []
    for remat in (False, True):
        network = segnet(3, width=0.1, remat=remat)
        image, label, variables = drawn(network)
        program = jax.value_and_grad(loss_of(network, variables["batch_stats"], image, label), has_aux=True)
        assert ("remat" in str(jax.make_jaxpr(program)(variables["params"]))) is remat
        results.append(oracles.quick_jit(program)(variables["params"]))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-4), *results)


@pytest.mark.slow
def test_a_few_steps_lower_the_loss():
    network = segnet(3, width=0.1)
    image, label, variables = drawn(network)
    params, batch_stats = variables["params"], variables["batch_stats"]

    @oracles.quick_jit
    def step(params):
        (loss, _), gradient = jax.value_and_grad(loss_of(network, batch_stats, image, label), has_aux=True)(
            params
        )
        return loss, jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient), gradient

    losses = []
    for _ in range(6):
        loss, params, gradient = step(params)
        losses.append(float(loss))
    assert losses[-1] < 0.9 * losses[0]
    # Batch normalisation takes every shift away, so biases before it have no gradient.
    kernels = {
        path: g for path, g in jax.tree_util.tree_leaves_with_path(gradient) if path[-1].key == "kernel"
    }
    assert all(bool(jnp.abs(g).sum() > 0) for g in kernels.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_norm": "eval"}, "segnet.batch_norm: 'eval' is not known"),
        ({"width": 0.0}, "segnet.width: 0.0; use a number above 0"),
        ({"classes": 0}, "segnet.classes: 0; use at least 1"),
    ],
)
def test_unusable_arguments_are_refused_in_words(arguments, message):
    with pytest.raises(InputError) as error:
        segnet(**{"classes": 11, **arguments})
    assert message in str(error.value)

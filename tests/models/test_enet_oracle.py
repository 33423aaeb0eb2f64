"""The ENet port against a torch module with the public key layout: its logits, and one training step's gradients."""

from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxseg.models import enet
from tests.models import oracles

CLASSES = 7


def torch_enet(*mixed):
    pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    from experiments.benchmark import torch_networks

    return torch_networks.enet(CLASSES, *mixed)


def our_names(state):
    """Our name of each torch module: in a block ours are numbered by kind, in the order of the calls."""
    names = {
        "initial_block.main_branch": "initial",
        "initial_block.batch_norm": "BatchNorm_0",
        "initial_block.out_activation": "PReLU_0",
        "transposed_conv": "last",
    }
    counts = {}
    for key, value in state.items():
        module = key.rpartition(".")[0]
        if module in names:
            continue
        block, _, layer = module.partition(".")
        stage, index = int(block[-3]), int(block[-1])
        if layer == "ext_tconv1":
            kind = "ConvTranspose"
        elif f"{module}.running_mean" in state:
            kind = "BatchNorm"
        else:
            kind = "Conv" if value.ndim == 4 else "PReLU"
        ours = f"stage{stage}_{index + 1 if stage == 3 else index}"
        number = counts[ours, kind] = counts.get((ours, kind), -1) + 1
        names[module] = f"{ours}.{kind}_{number}"
    return names


def converted(state):
    transposed = ("upsample4_0.ext_tconv1", "upsample5_0.ext_tconv1", "transposed_conv")
    return oracles.variables(state, our_names(state).__getitem__, transposed)


def network():
    return enet(CLASSES, variant="port", early_dropout=0.0, dropout=0.0, decoder_dropout=0.0)


@pytest.mark.parametrize("size", [(32, 48), (64, 40)])
def test_logits_are_those_of_torch(size):
    theirs = oracles.randomize(torch_enet())
    image, torch_image = oracles.image(*size)
    logits = oracles.quick_jit(lambda v, x: network().apply(v, x, train=False)[0].logits)
    oracles.assert_same(logits(converted(theirs.state_dict()), image), theirs(torch_image))


def test_a_training_step_has_the_loss_gradients_and_statistics_of_torch(monkeypatch):
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    # Of the eight mixed blocks one of each kind: the program is a third.
    ours = ({}, {"dilation": 4}, {"asymmetric": True})
    monkeypatch.setattr(import_module("jaxseg.models.enet"), "_MIXED", ours)
    theirs = oracles.randomize(torch_enet((("regular", 1), ("dilated", 4), ("asymmetric", 1)))).train()
    variables = converted({key: value.clone() for key, value in theirs.state_dict().items()})
    image, torch_image = oracles.image(64, 64, batch=2)
    label = np.random.default_rng(1).integers(0, CLASSES, (2, 64, 64))
    # In float64, so that only our rounding is seen.
    theirs = theirs.double()
    expected = torch.nn.functional.cross_entropy(theirs(torch_image.double()), torch.from_numpy(label))
    expected.backward()
    state = theirs.state_dict()
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}

    def loss(params):
        output, after = network().apply({**variables, "params": params}, image, train=True)
        return optax.softmax_cross_entropy_with_integer_labels(
            output.logits, jnp.asarray(label)
        ).mean(), after

    step = oracles.quick_jit(jax.value_and_grad(loss, has_aux=True))
    (found, after), gradient = step(variables["params"])
    np.testing.assert_allclose(found, expected.item(), rtol=1e-5)
    means = jax.tree.map(lambda leaf: leaf["mean"], dict(after), is_leaf=lambda leaf: "mean" in leaf)
    torch_means = jax.tree.map(
        lambda leaf: leaf["mean"], converted(state)["batch_stats"], is_leaf=lambda leaf: "mean" in leaf
    )
    oracles.assert_same_tree(means, torch_means, tolerance=1e-4)
    # A slope's gradient is a sum that cancels; one rounded to the other side of a kink shows in it.
    oracles.assert_same_tree(gradient, converted(state | gradients)["params"], tolerance=1e-2)
    flat, torch_flat = (
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])
        for tree in (gradient, converted(state | gradients)["params"])
    )
    assert np.linalg.norm(flat - torch_flat) < 1e-4 * np.linalg.norm(torch_flat)

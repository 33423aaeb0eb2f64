"""Weights of a torch module in the shape of our variables, for tests that run both."""

import functools
import re
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

# Correctness needs no optimised code, and compiling takes most of the time.
quick_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def torchvision():
    """torchvision without its compiled operators, which the model definitions do without."""
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("_meta_registrations"))
    return pytest.importorskip("torchvision", reason="needs torchvision's model definitions")


def randomize(module, seed=0):
    """A torch module in evaluation mode with random weights of He's size and random batch statistics."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    state = module.state_dict()
    for key, value in state.items():
        if value.ndim == 4:
            value.copy_(torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5)
        elif key.endswith(("running_var", ".weight")):
            value.copy_(torch.rand(value.shape, generator=generator) * 0.5 + 0.5)
        elif value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.3)
    return module.eval()


def joined(module):
    """A torch module's name with its numbers joined to the segment before.

    >>> joined("layer1.0.conv1")
    'layer1_0.conv1'
    """
    return re.sub(r"\.(\d+)(?=\.|$)", r"_\1", module)


def variables(state, rename=joined, transposed=()):
    """`{"params": ..., "batch_stats": ...}` of a torch state dict.

    `rename` makes our name of a torch module's; dots separate levels. Modules in `transposed`, by their torch names,
    are transposed convolutions.
    """
    result = {"params": {}, "batch_stats": {}}
    for key, value in state.items():
        module, _, leaf = key.rpartition(".")
        if leaf == "num_batches_tracked":
            continue
        array = value.detach().numpy()
        if leaf == "weight" and array.ndim == 4:
            leaf, array = "kernel", array.transpose((2, 3, 0, 1) if module in transposed else (2, 3, 1, 0))
        elif leaf == "weight":
            leaf = "scale" if f"{module}.running_mean" in state else "slope"
        collection = "batch_stats" if leaf.startswith("running") else "params"
        level = result[collection]
        for segment in rename(module).split("."):
            level = level.setdefault(segment, {})
        level[leaf.removeprefix("running_")] = jnp.array(array)
    return result


def drawn(init, image, seed=0):
    """Variables of the shapes that `init(key, image)` gives, from NumPy: cheaper than compiling the initialisers."""
    rng = np.random.default_rng(seed)

    def value(path, leaf):
        name = path[-1].key
        if name == "kernel":
            scale = np.sqrt(2 / np.prod(leaf.shape[:-1]))
            return jnp.asarray(rng.normal(0, scale, leaf.shape), leaf.dtype)
        return jnp.asarray(
            rng.uniform(0.5, 1.5, leaf.shape) if name in ("scale", "var") else np.zeros(leaf.shape),
            leaf.dtype,
        )

    return jax.tree_util.tree_map_with_path(value, jax.eval_shape(init, jax.random.key(0), image))


def image(height, width, batch=1, seed=0):
    """[B, H, W, 3] numbers around 0, and the same as torch has them, [B, 3, H, W]."""
    import torch

    ours = np.random.default_rng(seed).standard_normal((batch, height, width, 3)).astype(np.float32)
    return jnp.asarray(ours), torch.from_numpy(ours.transpose(0, 3, 1, 2).copy())


def assert_same(ours, theirs, tolerance=1e-4):
    """[B, H, W, C] of ours against [B, C, H, W] of torch's, relative to the largest number."""
    expected = theirs.detach().numpy().transpose(0, 2, 3, 1)
    assert ours.shape == expected.shape
    error = np.abs(np.asarray(ours) - expected).max() / np.abs(expected).max()
    assert error < tolerance, f"relative error {error:.2e}"


def assert_same_tree(ours, theirs, tolerance):
    """Two trees of arrays, leaf by leaf, each relative to its own norm."""
    paths, structure = jax.tree_util.tree_flatten_with_path(ours)
    others, other_structure = jax.tree.flatten(theirs)
    assert structure == other_structure
    for (path, found), expected in zip(paths, others, strict=True):
        error = np.linalg.norm(np.asarray(found) - expected) / np.linalg.norm(expected)
        assert error < tolerance, f"{jax.tree_util.keystr(path)}: relative error {error:.2e}"

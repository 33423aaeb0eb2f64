"""The forward pass through which MetaPix's released code computes its meta-loss."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxseg.models.fcn import fcn8s
from tests.models import oracles


def test_rectified_scores_are_those_of_the_released_forward_pass():
    """ReLU after every score layer: no score is negative, and where none would have been nothing differs."""
    image = jax.random.normal(jax.random.key(1), (1, 225, 225, 3))
    plain, rectified = (fcn8s(3, variant="metapix", width=0.02, rectified=flag) for flag in (False, True))
    variables = oracles.drawn(plain.init, image)

    def run(variables, network):
        return oracles.quick_jit(lambda v: network.apply(v, image, train=False)[0].logits)(variables)

    assert float(run(variables, plain).min()) < 0
    assert float(run(variables, rectified).min()) >= 0
    params = dict(variables["params"])
    for name in ("score_fr", "score_pool4", "score_pool3"):
        params[name] = jax.tree.map(jnp.abs, params[name])
    positive = {**variables, "params": params}
    np.testing.assert_array_equal(run(positive, plain), run(positive, rectified))


def test_rectified_dropout_is_of_numbers():
    image = jnp.ones((1, 225, 225, 3))
    shares = []
    for flag in (False, True):
        network = fcn8s(3, variant="metapix", width=0.02, rectified=flag)
        variables = oracles.drawn(network.init, image)
        rngs = {"dropout": jax.random.key(0)}
        run = oracles.quick_jit(
            lambda v, n=network, r=rngs: n.apply(v, image, train=True, rngs=r)[0].features
        )
        features = np.asarray(run(variables))
        shares.append(((features == 0).any((1, 2)) & (features != 0).any((1, 2))).mean())
    assert shares[0] < shares[1]

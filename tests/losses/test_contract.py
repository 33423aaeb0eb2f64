"""The battery itself: each way a loss goes wrong in practice is caught by the check meant for it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from tests.losses import contract
from tests.losses.cases import case, softmax

SOME = case((2, 3), 4)


def longhand(logits, labels, valid):
    p = softmax(logits)
    return np.array(
        [-np.log(p[n][labels[n]]) if valid[n] else 0.0 for n in np.ndindex(labels.shape)]
    ).reshape(labels.shape)


def naive(logits, labels, where=None):
    """Right in value, but probabilities underflow and the mask comes too late for the gradient."""
    valid = losses.valid_pixels(labels, logits.shape[-1], where)
    p = jax.nn.softmax(logits)
    p = jnp.sum(jnp.where(labels[..., None] == jnp.arange(logits.shape[-1]), p, 0.0), axis=-1)
    return jnp.where(valid, -jnp.log(p), 0.0)


def detached(logits, labels, where=None):
    return jax.lax.stop_gradient(losses.softmax_cross_entropy(logits, labels, where=where))


def halved(logits, labels, where=None):
    return 0.5 * losses.softmax_cross_entropy(logits, labels, where=where)


def low_precision(logits, labels, where=None):
    return losses.softmax_cross_entropy(logits, labels, where=where).astype(logits.dtype)


@jax.custom_vjp
def _reverse_only(logits, labels):
    return losses.softmax_cross_entropy(logits, labels)


_reverse_only.defvjp(
    lambda logits, labels: (_reverse_only(logits, labels), (logits, labels)),
    lambda kept, g: (jax.vjp(lambda x: losses.softmax_cross_entropy(x, kept[1]), kept[0])[1](g)[0], None),
)


def reverse_only(logits, labels, where=None):
    return _reverse_only(logits, labels)


def concrete(logits, labels, scale=1.0, where=None):
    return float(scale) * losses.softmax_cross_entropy(logits, labels, where=where)


@pytest.mark.parametrize(
    ("check", "error", "message"),
    [
        (lambda: contract.check_value(halved, longhand, SOME, {}), AssertionError, "value in float64"),
        (lambda: contract.check_gradient(detached, longhand, SOME, {}), AssertionError, "gradient at logit"),
        (lambda: contract.check_void(naive, SOME, {}), AssertionError, "void logits of nan"),
        (lambda: contract.check_extremes(naive, SOME, {}), AssertionError, "not finite"),
        (lambda: contract.check_extremes(low_precision, SOME, {}), AssertionError, "gave bfloat16 values"),
        (lambda: contract.check_transformations(reverse_only, SOME, {}), TypeError, "custom_vjp"),
        (
            lambda: contract.check_traces(concrete, SOME, {"scale": 2.0}),
            jax.errors.ConcretizationTypeError,
            "float",
        ),
    ],
)
def test_faults_are_caught(check, error, message):
    with pytest.raises(error, match=message):
        check()

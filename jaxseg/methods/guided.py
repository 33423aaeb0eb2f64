"""Multi-level self-produced guidance (Chen, Xue, Cai, ICCV 2019), and training on one's own confident predictions.

On the unlabelled target a network with two heads makes labels for the lower one out of both:

    y_n = argmax_c (p_main^{n,c} + p_aux^{n,c}) / 2
    kept where  max_c p_main^{n,c} > threshold  or  max_c p_aux^{n,c} > threshold
    L = mean over the kept pixels of -log p_aux^{n, y_n}

The labels are constants: no gradient flows through them. Where no pixel is kept the value is 0; the released code
divides by the number of kept pixels and gives NaN.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.losses import Scalar, pytree
from jaxseg.methods.objective import HEADS, Summand, head_of
from jaxseg.methods.optimizer import STATIC
from jaxseg.models import Network, Output

GUIDES = ("both", "own")


def guidance(
    *logits: Float[Array, "*B C"], threshold: Scalar = 0.95
) -> tuple[Int[Array, "*B"], Bool[Array, "*B"]]:
    """Pseudo-labels that several heads agree on in the mean, and where one of them is confident.

        y = argmax_c mean_h p_h,c,    kept where max_h max_c p_h,c > threshold,    p_h = softmax(x_h)

    Args:
      logits: [*B, C] scores x of each head.
      threshold: probability in 0..1 that one head must exceed; the released code has 0.95 from GTA5 and SYNTHIA, 0.98
        across cities.

    Returns:
      labels [*B] int32, kept [*B] bool; without gradient.

    Source: Chen, Xue and Cai, ICCV 2019, Sec. 3.4; threshold and averages as in `tools/solve_gta5.py` of its code.

    >>> main, aux = jnp.log(jnp.array([[0.96, 0.04], [0.6, 0.4]])), jnp.log(jnp.array([[0.5, 0.5], [0.3, 0.7]]))
    >>> guidance(main, aux)
    (Array([0, 1], dtype=int32), Array([ True, False], dtype=bool))
    """
    shares = [jax.nn.softmax(jax.lax.stop_gradient(x).astype(jnp.float32), axis=-1) for x in logits]
    total = shares[0]
    for share in shares[1:]:
        total += share
    highest = jnp.stack([jnp.max(share, axis=-1) for share in shares])
    kept = jnp.max(highest, axis=0) > jnp.asarray(threshold, jnp.float32)
    return jnp.argmax(total, axis=-1).astype(jnp.int32), kept


@pytree
@dataclasses.dataclass(frozen=True)
class Guided(Summand):
    """Cross entropy of a head with labels that the network makes itself, mean over the pixels that it keeps.

    With the default fields it is the paper's self-produced guidance of the auxiliary head; the released code weighs it
    by 0.1 (lambda_seg) times the weight of the main head's target loss, 0.09 from GTA5. `Guided(guide="own",
    head="logits")` is the released code's mode `hard`: the main head learns its own labels.

    Attributes:
      weight: its factor, a leaf.
      threshold: probability that a kept pixel must exceed, a leaf; 0.95 is the released code's from GTA5.
      guide: whose labels, `"both"` heads' or the head's `"own"`.
      domain: `"source"` or `"target"`; no labels are read on either.
      head: the head that learns, `"logits"` (main) or `"aux"`.

    Source: Chen, Xue and Cai, ICCV 2019, Sec. 3.4; threshold and averages as in `tools/solve_gta5.py` of its code.

    >>> scores = jnp.array([[[[9.0, 0.0], [0.1, 0.0]]]])
    >>> batch = {"label": jnp.zeros((1, 1, 2), int), "valid": jnp.ones((1, 1, 2), bool)}
    >>> Guided()(Network(2), Output(logits=scores, aux=jnp.zeros((1, 1, 2, 2))), batch).round(4)
    Array(0.6931, dtype=float32)
    """

    weight: Scalar = 1.0
    threshold: Scalar = 0.95
    guide: str = dataclasses.field(default="both", metadata=STATIC)
    domain: str = dataclasses.field(default="target", metadata=STATIC)
    head: str = dataclasses.field(default="aux", metadata=STATIC)

    def __call__(self, network: Network, output: Output, batch: Mapping[str, Array]) -> Float[Array, ""]:
        """The unweighted value on one domain's output and batch; both heads are brought to the labels' size first."""
        guides = HEADS if self.guide == "both" else (self.head,)
        logits = {head: head_of(network, output, head, batch) for head in guides}
        labels, kept = guidance(*(logits[head] for head in guides), threshold=self.threshold)
        loss = losses.SoftmaxCrossEntropy()
        return loss.average(logits[self.head], labels, where=kept & batch["valid"])

    def validate(self, name: str, domains: Sequence[str]) -> None:
        super().validate(name, domains)
        if self.guide not in GUIDES:
            raise InputError(f"{name}.guide: {self.guide!r}; use 'both' or 'own'")

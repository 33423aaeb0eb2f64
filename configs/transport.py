"""The ground metrics of the Wasserstein experiments, over the importance groups of the classes. Every value is ours.

The paper (Liu et al. 2020) shows its matrix in Figure 2 and prints no number of it, nor tau, the strength of the
regularisation, or the weight of the term. Here

    d_ij = 0 where i = j,    1 where both are of one group,    1 + |g_i - g_j| elsewhere

tau is 2, and every metric f(d) is scaled to a mean of 1, so that one weight means the same for all three functions.
"""

from collections.abc import Callable
from typing import Any

from jaxseg import losses
from jaxseg.labels import LabelSpace
from jaxseg.losses import ground
from jaxseg.methods import Term

TAU = 2.0


def linear(d: Any) -> Any:
    """The distance itself, L_d."""
    return ground.linear(d)


def square(d: Any) -> Any:
    """Its square, L_d2."""
    return ground.power(d, 2.0)


def huber(d: Any) -> Any:
    """Huber's function of it, L_H, with `TAU`."""
    return ground.huber(d, TAU)


def transport(space: LabelSpace, function: Callable[[Any], Any]) -> Term:
    """Sinkhorn's approximation of the Wasserstein loss on the target's soft labels.

    Args:
      space: whose groups make the distances; every class is in one.
      function: of the distance: `linear`, `square` or `huber`.
    """
    return Term(losses.Sinkhorn(ground=_metric(space, function), solver="kernel"), domain="target")


def labelled(space: LabelSpace, function: Callable[[Any], Any]) -> Term:
    """The exact Wasserstein loss on the source's labels.

    Args:
      space, function: as in `transport`.
    """
    return Term(losses.Wasserstein(ground=_metric(space, function)))


def importance(space: LabelSpace) -> Term:
    """The importance-aware loss (IAL) on the source's labels, with the groups that make the distances."""
    assert space.groups is not None
    groups = tuple(group for group in space.groups if group is not None)
    return Term(losses.ImportanceAware(groups=groups))


def _metric(space: LabelSpace, function: Callable[[Any], Any]) -> Any:
    """A function of the distances of the groups, of mean 1."""
    assert space.groups is not None
    metric = function(ground.groups(space.groups))
    return metric / metric.mean()

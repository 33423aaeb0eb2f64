"""A tour of the losses in four figures, and the five lines of the README, run.

`shapes.png`: every pixel-wise loss, and its gradient with respect to the true class's logit, against the probability p
of the true class; two classes, so that p says all. `conservative.png`: the Conservative loss paper's Figures 3 and 5,
and why descending this loss never ascends. `gradients.png`: the MaxSquare poster's plot, the gradient of entropy
against that of maximum squares, and what of both reaches the logits. `structural.png`: the SSL paper's Figure 2 with
our numbers beside its own.
"""

import dataclasses
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments._command import parse_all, run
from jaxseg import losses

POINTS = np.linspace(0.002, 0.998, 499)
BASES = (("2", 2.0), ("e", float(np.e)), ("3", 3.0), ("4", 4.0))
FIGURE_2_LABEL = ((0, 0, 0), (1, 0, 1), (1, 1, 1))
FIGURE_2_P = ((0.1, 0.1, 0.1), (0.8, 0.8, 0.9), (0.8, 0.9, 0.8))

COINCIDENT: dict[str, dict[str, Any]] = {
    "Wasserstein, step metric": {"linewidth": 5, "alpha": 0.35},
    "Sinkhorn, step metric": {"linestyle": ":"},
    "total variation": {"linestyle": "--"},
    "sigmoid cross entropy": {"linestyle": "--"},
}
"""How curves are drawn that lie on each other: on two classes these losses, or their gradients, are one."""

Curve = Callable[[jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Draw the losses and their gradients, and run the README's five lines."""

    out: Path = Path("runs/tour")
    """Folder of the figures."""


def main(arguments: Sequence[str]) -> int:
    """Draws the figures and prints the example; returns the exit status."""
    own = parse_all(Arguments, arguments, "experiments.losses_tour")
    import matplotlib

    matplotlib.use("Agg")
    own.out.mkdir(parents=True, exist_ok=True)
    for draw in (shapes, conservative, gradients, structural):
        figure, name = draw(), draw.__name__
        figure.savefig(own.out / f"{name}.png", dpi=110)
        print(own.out / f"{name}.png", file=sys.stderr)
    lines = example()
    print(lines)
    scope: dict[str, Any] = {}
    exec(lines, scope)  # the example is the README's own text
    print(f"# value = {float(scope['value']):.4f}")
    return 0


def example() -> str:
    """The README's example of a loss, word for word."""
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    found = re.search(r"## A loss in five lines\n\n```python\n(.*?)```", readme, re.DOTALL)
    if found is None:
        raise RuntimeError("README.md has no code block under 'A loss in five lines'")
    return found[1].rstrip()


def two_classes(p: jax.Array) -> jax.Array:
    """Logits [2] whose softmax gives the true class, 1, the probability p."""
    return jnp.stack([jnp.zeros_like(p), jnp.log(p) - jnp.log1p(-p)], axis=-1)


def of_p(loss: losses.Loss) -> Curve:
    """A loss of two classes as a function of the probability of the true one."""
    truth: Any = {"labels": jnp.array(1), "targets": jnp.array([0.0, 1.0]), "logits": None}[loss.takes]

    def curve(p: jax.Array) -> jax.Array:
        return loss(two_classes(p)) if truth is None else loss(two_classes(p), truth)

    return curve


def logit_gradient(loss: losses.Loss) -> Curve:
    """Its derivative with respect to the logit of the true class, at the logits that give p."""
    truth: Any = {"labels": jnp.array(1), "targets": jnp.array([0.0, 1.0]), "logits": None}[loss.takes]

    def value(logits: jax.Array) -> jax.Array:
        return loss(logits) if truth is None else loss(logits, truth)

    return lambda p: jax.grad(value)(two_classes(p))[1]


def sampled(curve: Curve) -> np.ndarray:
    """A curve at `POINTS`."""
    return np.asarray(jax.vmap(curve)(jnp.asarray(POINTS, jnp.float32)))


def supervised() -> dict[str, losses.Loss]:
    """The losses of a label, by the name in the legend."""
    step = 1.0 - jnp.eye(2)
    return {
        "cross entropy": losses.SoftmaxCrossEntropy(),
        "sigmoid cross entropy": losses.SigmoidCrossEntropy(),
        "focal, gamma 2": losses.Focal(),
        "Wasserstein, step metric": losses.Wasserstein(ground=step),
        "Sinkhorn, step metric": losses.Sinkhorn(ground=step, solver="kernel"),
        "total variation": losses.TotalVariation(),
        "conservative, a = e, unscaled": losses.Conservative(scale=1.0),
        "conservative cubic (Eq. 5), 1": losses.ConservativeCubic(scale=1.0),
        "conservative switched (ours)": losses.ConservativeSwitched(scale=1.0),
    }


def unsupervised() -> dict[str, losses.Loss]:
    """The losses of the prediction alone, by the name in the legend."""
    return {
        "entropy / ln 2": losses.Entropy(),
        "robust entropy, eta 2": losses.RobustEntropy(),
        "maximum squares": losses.MaximumSquares(),
    }


def shapes() -> Any:
    """Values above, logit gradients below; supervised losses left, unsupervised right."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 8), sharex=True, layout="constrained")
    for column, (group, limits) in enumerate(((supervised(), (-3.0, 4.0)), (unsupervised(), (-0.6, 1.1)))):
        for name, loss in group.items():
            style = COINCIDENT.get(name, {})
            axes[0, column].plot(POINTS, sampled(of_p(loss)), label=name, **style)
            axes[1, column].plot(POINTS, sampled(logit_gradient(loss)), **style)
        axes[0, column].set(ylim=limits, ylabel="loss")
        axes[0, column].axhline(0.0, color="0.7", linewidth=0.8, zorder=0)
        axes[1, column].set(
            xlabel="probability p of the true class", ylabel="d loss / d logit of the true class"
        )
        axes[1, column].axhline(0.0, color="0.7", linewidth=0.8, zorder=0)
        axes[1, column].legend(*axes[0, column].get_legend_handles_labels(), fontsize=8, loc="lower right")
    axes[0, 0].set_title("with a label: p is that of the true class")
    axes[0, 1].set_title("without a label: p is that of either class")
    axes[1, 0].set(ylim=(-3.5, 1.0))
    axes[1, 1].set(ylim=(-1.3, 0.8))
    return figure


def conservative() -> Any:
    """Figure 3, Figure 5 left, and the slope of the loss."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(14, 4.4), layout="constrained")
    for name, base in BASES:
        curve = of_p(losses.Conservative(base=base, scale=1.0))
        axes[0].plot(POINTS, sampled(curve), label=f"a = {name}")
        slope = sampled(jax.grad(curve))
        if slope.max() > 1e-3:
            raise RuntimeError(f"the conservative loss rises with p somewhere, at a = {name}: {slope.max()}")
        axes[2].plot(POINTS, -slope, label=f"a = {name}")
    axes[0].axhline(0.0, color="0.7", linewidth=0.8, zorder=0)
    axes[0].set(ylim=(-4, 6), title="Figure 3: unscaled, by base a", xlabel="p", ylabel="CL(p)")
    compared: Mapping[str, losses.Loss] = {
        "cross entropy": losses.SoftmaxCrossEntropy(),
        "focal, alpha 5, gamma 2": losses.Focal(alpha=5.0),
        "conservative, scale 5": losses.Conservative(),
        "Loss 1 (Eq. 4), ours: 5": losses.ConservativeCubic(root=0.5, scale=5.0),
        "Loss 2 (Eq. 5), ours: 5 e^3": losses.ConservativeCubic(scale=5.0 * float(np.e) ** 3),
    }
    for name, loss in compared.items():
        axes[1].plot(POINTS, sampled(of_p(loss)), label=name)
    axes[1].axhline(0.0, color="0.7", linewidth=0.8, zorder=0)
    axes[1].set(ylim=(-10, 15), title="Figure 5, and the homogeneous losses", xlabel="p", ylabel="loss")
    axes[2].set(
        yscale="log",
        ylim=(1e-3, 1e4),
        xlabel="p",
        ylabel="-dCL/dp",
        title="-dCL/dp is never negative: no ascent",
    )
    for axis in axes:
        axis.legend(fontsize=8)
    return figure


def unsupervised_gradients() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Sizes of the gradients of entropy and of maximum squares at `POINTS`, in p and in the logit of that class.

    Two classes, as on the poster of MaxSquare (Chen et al., ICCV 2019): H = -p ln p - (1 - p) ln(1 - p), and
    MS = -p^2 - (1 - p)^2, which is twice the loss -1/2 sum p^2.
    """
    found = {}
    for name, loss, scale in (
        ("entropy", losses.Entropy(normalized=False), 1.0),
        ("maximum squares", losses.MaximumSquares(), 2.0),
    ):
        in_p, in_logit = sampled(jax.grad(of_p(loss))), sampled(logit_gradient(loss))
        found[name] = scale * np.abs(in_p), scale * np.abs(in_logit)
    return found


def gradients() -> Any:
    """The poster's plot of both gradients in p, and beside it those in the logit."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    printed = {
        "entropy": np.abs(np.log(POINTS) - np.log1p(-POINTS)),
        "maximum squares": np.abs(4.0 * POINTS - 2.0),
    }
    equations = {"entropy": "|log p - log(1 - p)|", "maximum squares": "|4p - 2|"}
    for name, (in_p, in_logit) in unsupervised_gradients().items():
        if np.abs(in_p - printed[name]).max() > 1e-3:
            raise RuntimeError(f"the gradient of {name} in p is not the poster's {equations[name]}")
        axes[0].plot(POINTS, in_p, label=f"{name}: {equations[name]}")
        axes[1].plot(POINTS, in_logit, label=name)
        axes[1].plot(POINTS[np.argmax(in_logit)], in_logit.max(), "o", color=axes[1].lines[-1].get_color())
    axes[0].set(ylim=(0.0, 6.0), title="in p: entropy grows without bound", ylabel="|dL/dp|")
    axes[1].set(
        ylim=(0.0, 0.3), title="in the logit: both vanish at 0 and 1 (dots: largest)", ylabel="|dL/dlogit|"
    )
    for axis in axes:
        axis.set(xlabel="probability p of one of two classes", xlim=(0.0, 1.0))
        axis.legend(fontsize=8, loc="upper center")
    return figure


def figure_2() -> dict[str, np.ndarray]:
    """The maps of the SSL paper's Figure 2 under its own convention, and as the loss trains on it.

    The figure normalises by one mean and deviation of the whole 3x3 patch, biased, without C4; the loss by a Gaussian
    window around each pixel, with C4 under the root (Eq. 16) and zeros beyond the image.
    """
    y, p = np.array(FIGURE_2_LABEL), np.array(FIGURE_2_P)
    entropy = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    error = np.abs((y - y.mean()) / y.std() - (p - p.mean()) / p.std())
    logits = jnp.asarray(np.stack([np.log((1 - p) / p), np.log(p / (1 - p))], axis=-1), jnp.float32)
    trained = losses.structural_error(logits, jnp.asarray(y))[..., 1]
    values, hard = losses.structural_similarity(logits, jnp.asarray(y))
    return {
        "label y": y,
        "prediction p": p,
        "cross entropy (2.805, centre 57%)": entropy,
        "e x cross entropy (3.060, centre 91%)": error * entropy,
        "e of the loss (Eq. 16)": np.asarray(trained),
        "loss, hard pixels only": np.asarray(values[..., 1] * hard[..., 1]),
    }


def structural() -> Any:
    """The maps of `figure_2` with their numbers, their sum and the share of the centre."""
    from matplotlib import pyplot as plt

    maps = figure_2()
    given = ("label y", "prediction p")
    figure, axes = plt.subplots(2, 3, figsize=(10, 7), layout="constrained")
    for axis, (name, values) in zip(axes.flat, maps.items(), strict=True):
        axis.imshow(values, cmap="Blues", vmin=0.0, vmax=float(values.max()) * 1.4)
        for (row, column), value in np.ndenumerate(values):
            axis.text(
                column, row, f"{value:g}" if name in given else f"{value:.3f}", ha="center", va="center"
            )
        total = float(values.sum())
        facts = "" if name in given else f"\nours: sum {total:.3f}, centre {values[1, 1] / total:.0%}"
        axis.set(title=name + facts, xticks=[], yticks=[])
        axis.title.set_fontsize(10)
    figure.suptitle("SSL, Figure 2: in brackets what the paper prints", fontsize=11)
    return figure


if __name__ == "__main__":
    run(main)

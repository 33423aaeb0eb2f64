"""t-SNE of class features of both domains: `python -m experiments.features RUN [RUN2]`, as before and after adaptation.

The Conservative Loss paper's Figure 4 (Zhu et al., ECCV 2018): features of the last layer, whose channels are the
classes, of 100 images a domain and four classes. Here a point is an image and a class: the mean of the scores over the
image's pixels of that class, true labels telling which, also on the target. Needs scikit-learn:
`pip install -e '.[tsne]'`.

Beside the picture stands a number that t-SNE has no part in: the distance of a class's means in the two domains over
the deviation of its points within them, averaged over the classes. It falls where classes of both domains move
together.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from experiments._command import parse_all, run
from jaxseg.errors import InputError

if TYPE_CHECKING:
    from jaxseg.data import DataSet
    from jaxseg.train import Experiment, RunFolder

DOMAINS = ("source", "target")
MARKERS = {"source": "o", "target": "^"}
PIXELS = 20
PICTURES = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".webp")


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Draw class features of source and target images by t-SNE."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Run folders of networks for one label space, each a panel."""
    out: Path = Path("features.png")
    """The picture."""
    classes: tuple[str, ...] = ()
    """Names of classes; by default the four that most images of both domains show."""
    images: int = 100
    """Images of each domain, at most."""
    perplexity: float = 30.0
    """Of t-SNE."""
    seed: int = 0
    """Which images, and where t-SNE begins."""


@dataclasses.dataclass(frozen=True)
class Points:
    """Class features of a run.

    Attributes:
      features: [N, C] mean scores of an image's pixels of a class.
      classes: [N] that class, a train id.
      domains: [N] 0 source, 1 target.
    """

    features: np.ndarray
    classes: np.ndarray
    domains: np.ndarray

    def of(self, classes: Sequence[int]) -> "Points":
        """The points of some classes."""
        kept = np.isin(self.classes, classes)
        return Points(self.features[kept], self.classes[kept], self.domains[kept])


def main(arguments: Sequence[str]) -> int:
    """Draws; returns the exit status."""
    own = parse_all(Arguments, arguments, "experiments.features")
    if not own.runs:
        raise InputError("runs: none given; name one run folder, or two")
    solver()
    if not own.perplexity > 0:
        raise InputError(f"perplexity: {own.perplexity:g}; it is above 0, and 5 to 50 as a rule")
    if own.out.suffix.lower() not in PICTURES:
        raise InputError(
            f"out: {own.out} is no name of a picture; let it end in one of {', '.join(PICTURES)}"
        )

    from jaxseg.train import RunFolder

    folders = [RunFolder(path) for path in own.runs]
    space = folders[0].experiment().data.labels
    if any(folder.experiment().data.labels.names != space.names for folder in folders):
        raise InputError("runs: their label spaces differ; give runs of one")
    unknown = [name for name in own.classes if name not in space.names]
    if unknown:
        raise InputError(f"classes: {unknown[0]!r} is none of {', '.join(space.names)}")
    found = [points_of(folder, own.images, own.seed) for folder in folders]
    chosen = [space.names.index(name) for name in own.classes] or shown_most(found[0], 4)
    found = [points.of(chosen) for points in found]
    draw(found, [folder.experiment().name for folder in folders], chosen, space, own)
    for folder, points in zip(folders, found, strict=True):
        print(
            f"{folder.path}: {len(points.features)} points, domains apart by {apart(points):.3f} deviations"
        )
    print(own.out)
    return 0


def solver() -> Any:
    """scikit-learn's t-SNE.

    Raises:
      InputError: it is not installed.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise InputError("scikit-learn is not installed; pip install -e '.[tsne]'") from None
    return TSNE


def points_of(folder: "RunFolder", count: int, seed: int) -> Points:
    """Class features of `count` images of each domain of a run, drawn by the seed from val, or else from train."""
    import jax

    from jaxseg.train import variables_of

    experiment = folder.experiment()
    network, (_, variables) = experiment.method.network, variables_of(folder)
    features, classes, domains = [], [], []
    for number, domain in enumerate(DOMAINS):
        data = data_of(experiment, domain)
        if data.task != "segmentation":
            raise InputError(f"run: {folder.path} classifies whole images; give a segmentation run")
        source = data.source("val" if data.has("val") else experiment.train_split)
        seen_as = experiment.domain_of(data)

        @jax.jit
        def scores(image: Any, seen_as: str = seen_as) -> Any:
            ready = network.normalization(image[None])
            logits = network.apply(variables, ready, train=False, domain=seen_as)[0].logits
            return network.upsample(logits, (image.shape[0], image.shape[1]))[0]

        random = np.random.default_rng([seed, number])
        for index in random.permutation(len(source))[:count]:
            example = source[int(index)]
            image, label = resized(example, experiment.evaluation.size)
            values = np.asarray(scores(image.astype(np.float32)))
            for one in np.unique(label[label < network.classes]):
                inside = label == one
                if inside.sum() >= PIXELS:
                    features.append(values[inside].mean(axis=0))
                    classes.append(int(one))
                    domains.append(number)
    return Points(np.array(features), np.array(classes), np.array(domains))


def data_of(experiment: "Experiment", domain: str) -> "DataSet":
    """The data set of a domain.

    Raises:
      InputError: the experiment has no target.
    """
    data = experiment.data if domain == "source" else experiment.target
    if data is None:
        raise InputError(f"run: {experiment.name!r} has no target")
    return data


def resized(example: Any, size: tuple[int, int] | None) -> tuple[np.ndarray, np.ndarray]:
    """Image and label of an example at a size; None keeps theirs."""
    from PIL import Image

    image, label = np.asarray(example["image"]), np.asarray(example["label"])
    if size is None:
        return image, label
    shape = (size[1], size[0])
    return (
        np.asarray(Image.fromarray(image).resize(shape, Image.Resampling.BILINEAR)),
        np.asarray(Image.fromarray(label).resize(shape, Image.Resampling.NEAREST)),
    )


def shown_most(points: Points, count: int) -> list[int]:
    """The classes that most images show, by the domain that shows them less.

    >>> points = Points(np.zeros((5, 1)), np.array([0, 1, 1, 1, 2]), np.array([0, 0, 1, 1, 1]))
    >>> shown_most(points, 1)
    [1]
    """
    present = np.unique(points.classes).tolist()
    rarest = {
        one: min(int(((points.classes == one) & (points.domains == domain)).sum()) for domain in (0, 1))
        for one in present
    }
    return sorted(sorted(present, key=lambda one: (-rarest[one], one))[:count])


def apart(points: Points) -> float:
    """Distance of a class's means in the two domains over its deviation within them, averaged over the classes.

        |m_S - m_T| / sqrt((v_S + v_T) / 2),    v the mean squared distance of a domain's points from their mean

    Classes with fewer than two points in a domain are left out; NaN where none is left.

    >>> features = np.array([[0.0], [2.0], [10.0], [12.0]])
    >>> apart(Points(features, np.zeros(4, int), np.array([0, 0, 1, 1])))
    10.0
    """
    found = []
    for one in np.unique(points.classes):
        parts = [points.features[(points.classes == one) & (points.domains == domain)] for domain in (0, 1)]
        if min(map(len, parts)) < 2:
            continue
        means = [part.mean(axis=0) for part in parts]
        spread = np.mean(
            [((part - mean) ** 2).sum(axis=1).mean() for part, mean in zip(parts, means, strict=True)]
        )
        found.append(np.linalg.norm(means[0] - means[1]) / np.sqrt(max(spread, 1e-12)))
    return float(np.mean(found)) if found else float("nan")


def draw(
    found: Sequence[Points], names: Sequence[str], chosen: Sequence[int], space: Any, own: Arguments
) -> None:
    """A panel a run: classes by colour, domains by marker."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, len(found), figsize=(5.2 * len(found), 5.0), squeeze=False, layout="constrained"
    )
    for axis, points, name in zip(axes[0], found, names, strict=True):
        if len(points.features) < 4:
            raise InputError(
                f"images: {len(points.features)} points of the classes asked for; use more images or others"
            )
        perplexity = min(own.perplexity, (len(points.features) - 1) / 3)
        flat = solver()(perplexity=perplexity, init="pca", random_state=own.seed).fit_transform(
            points.features.astype(np.float64)
        )
        for one in chosen:
            for number, domain in enumerate(DOMAINS):
                kept = (points.classes == one) & (points.domains == number)
                axis.scatter(
                    flat[kept, 0],
                    flat[kept, 1],
                    s=16,
                    marker=MARKERS[domain],
                    color=np.array(space.palette[one]) / 255.0,
                    edgecolors="0.2",
                    linewidths=0.3,
                    alpha=0.9 if domain == "source" else 0.6,
                    label=f"{space.names[one]}, {domain}",
                )
        axis.set(title=f"{name}: apart by {apart(points):.2f}", xticks=[], yticks=[])
    axes[0, 0].legend(fontsize=7, loc="best")
    own.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(own.out, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    run(main)

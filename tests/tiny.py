"""A network and a data set small enough that a test can re-derive what training does with them."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxseg import labels
from jaxseg.data import DataSet, Task
from jaxseg.models import LinenNetwork, Normalization, Output

SPACE = labels.LabelSpace(
    name="tiny",
    names=("left", "right", "top"),
    palette=((255, 0, 0), (0, 255, 0), (0, 0, 255)),
    ids={0: 0, 1: 1, 2: 2, 255: 255},
)


class Pixelwise(nn.Module):
    """Per-pixel linear scores, batch-normalised if asked, with dropout if asked."""

    classes: int
    normalize: bool = False
    dropout: float = 0.0

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(image) if self.normalize else image
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return Output(logits=nn.Dense(self.classes)(x))


class Imagewise(nn.Module):
    """Linear scores of the mean colour of an image, batch-normalised."""

    classes: int

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(image)
        return Output(logits=nn.Dense(self.classes)(jnp.mean(x, axis=(1, 2))))


def classifier(classes: int = 3) -> LinenNetwork:
    return LinenNetwork(classes=classes, module=Imagewise(classes), normalization=Normalization())


def network(classes: int = 3, **fields: object) -> LinenNetwork:
    return LinenNetwork(classes=classes, module=Pixelwise(classes, **fields), normalization=Normalization())


@dataclasses.dataclass(frozen=True)
class Blocks(DataSet):
    """Noise whose colour tells the class; `shift` moves the colours, as another domain would."""

    count: int = 12
    size: tuple[int, int] = (8, 16)
    shift: int = 0

    @property
    def name(self) -> str:
        return f"blocks-{self.shift}"

    @property
    def labels(self) -> labels.LabelSpace:
        return SPACE

    def source(self, split: str) -> list[dict[str, object]]:
        rng = np.random.default_rng([self.shift, len(split)])
        examples = []
        for index in range(self.count):
            label = rng.integers(0, 3, self.size).astype(np.uint8)
            colour = np.array([[200, 50, 50], [50, 200, 50], [50, 50, 200]])[label]
            image = np.clip(colour + rng.normal(self.shift, 40, colour.shape), 0, 255).astype(np.uint8)
            label[rng.random(self.size) < 0.05] = 255
            examples.append({"image": image, "label": label, "id": f"{split}{index}"})
        return examples


@dataclasses.dataclass(frozen=True)
class Patches(DataSet):
    """One colour and noise an image, whose class it tells; class 2 is one image in ten, and the last is unlabelled."""

    count: int = 20
    size: tuple[int, int] = (8, 8)
    shift: int = 0

    @property
    def name(self) -> str:
        return f"patches-{self.shift}"

    @property
    def labels(self) -> labels.LabelSpace:
        return SPACE

    @property
    def task(self) -> Task:
        return "classification"

    def source(self, split: str) -> list[dict[str, object]]:
        rng = np.random.default_rng([self.shift, len(split)])
        examples = []
        for index in range(self.count):
            number = 2 if index % 10 == 5 else index % 2
            colour = np.array([[200, 50, 50], [50, 200, 50], [50, 50, 200]])[number]
            image = np.clip(colour + rng.normal(self.shift, 30, (*self.size, 3)), 0, 255).astype(np.uint8)
            known = np.int32(255 if index == self.count - 1 else number)
            examples.append({"image": image, "label": known, "id": f"{split}{index}"})
        return examples

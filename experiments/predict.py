"""Label pictures with a trained network: `python -m experiments.predict RUN IMAGE... --out DIR`.

Each IMAGE is a picture file of any size, or a folder of them. For every picture `NAME` the folder DIR gets
`NAME_overlay.png` (classes in colour over the picture, with a legend) and `NAME_labels.png` (the label map: pixel
value = class id). A run that classifies whole images prints the likeliest classes instead, and writes nothing.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro
from PIL import Image, ImageOps

from experiments._command import parse_all, run
from jaxseg.errors import InputError

if TYPE_CHECKING:
    from jaxseg.train import Experiment

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm")


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Label pictures with a trained network."""

    run: Annotated[Path, tyro.conf.Positional]
    """Run folder that training wrote."""
    images: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Picture files, or folders of them."""
    out: Path = Path("predictions")
    """Folder for the results; not used by a classifier of whole images, which prints them."""
    flip: bool = False
    """Average with the mirrored picture."""
    size: tuple[int, int] | None = None
    """Height and width at which the network sees a picture; by default those that it is scored or trained at, which a
    segmentation network is given in the picture's own proportions."""


def main(arguments: Sequence[str]) -> int:
    """Predicts; returns the exit status."""
    own = parse_all(Arguments, arguments, "experiments.predict")
    if not own.images:
        raise InputError("images: none given; name picture files or folders of them after the run folder")
    files = pictures(own.images)

    from jaxseg import report
    from jaxseg.train import RunFolder, classify, predict, variables_of
    from jaxseg.train._inputs import image_size

    folder = RunFolder(own.run)
    experiment = folder.experiment()
    _, variables = variables_of(folder)
    domain = experiment.domain_of(experiment.target or experiment.data)
    space = folder.labels()
    if experiment.data.task == "classification":
        size = own.size or experiment.evaluation.size or training_size(experiment)
        for file in files.values():
            shares = classify(experiment.method.network, variables, read(file), size, own.flip, domain)
            print(f"{file}: {likeliest(shares, space.names)}")
        return 0
    for name, file in files.items():
        image = read(file)
        own.out.mkdir(parents=True, exist_ok=True)
        native = (image.shape[0], image.shape[1])
        reference = experiment.evaluation.size or image_size(experiment.augment, native)
        size = own.size or network_size(image, reference)
        labels = predict(experiment.method.network, variables, image, size, own.flip, domain)
        Image.fromarray(np.asarray(report.annotated_overlay(image, labels, space))).save(
            own.out / f"{name}_overlay.png"
        )
        report.save_label_map(own.out / f"{name}_labels.png", labels, space)
        shares = np.bincount(labels.ravel(), minlength=space.classes) / labels.size
        print(
            f"{file} -> {own.out / name}_overlay.png, {name}_labels.png  ({likeliest(shares, space.names)})"
        )
    return 0


def training_size(experiment: "Experiment") -> tuple[int, int]:
    """Height and width of the images that a run was trained on.

    Raises:
      InputError: the data is no longer there.
    """
    from jaxseg.train._inputs import image_size

    try:
        shape = experiment.data.source(experiment.train_split)[0]["image"].shape
    except InputError as error:
        raise InputError(
            f"size: give --size HEIGHT WIDTH, for the training images are not there ({error})"
        ) from error
    return image_size(experiment.augment, (shape[0], shape[1]))


def likeliest(shares: np.ndarray, names: Sequence[str]) -> str:
    """The three largest shares with their names, in percent.

    >>> likeliest(np.array([0.05, 0.7, 0.0, 0.25]), ("cat", "dog", "cow", "hen"))
    'dog 70%, hen 25%, cat 5%'
    """
    return ", ".join(f"{names[index]} {100 * shares[index]:.0f}%" for index in np.argsort(-shares)[:3])


def pictures(paths: Sequence[Path]) -> dict[str, Path]:
    """The picture files that paths name, by the name of their results (a clash gets its folder's name too).

    Raises:
      InputError: a path does not exist, a folder holds no picture, or two results would have one name.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            there = (file for file in path.iterdir() if not file.name.startswith("."))
            inside = sorted(file for file in there if file.suffix.lower() in ENDINGS)
            if not inside:
                raise InputError(f"images: no picture in {path}; known endings are {' '.join(ENDINGS)}")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"images: no file or folder {path}")
    stems = [file.stem for file in files]
    names: dict[str, Path] = {}
    for file in dict.fromkeys(files):
        name = (
            file.stem if stems.count(file.stem) == 1 else f"{file.parent.name}_{file.stem}_{file.suffix[1:]}"
        )
        if name in names:
            raise InputError(
                f"images: the results of {names[name]} and {file} would have one name, {name}; give them one after the "
                "other, with another --out"
            )
        names[name] = file
    return names


def read(file: Path) -> np.ndarray:
    """A picture as uint8 RGB [H, W, 3], turned the way its camera says it was held.

    Raises:
      InputError: the file is no picture that can be read, or has more than 8 bits a channel.
    """
    from jaxseg.data import _images

    encoded, origin = _images.read(file), f"images: {file}"
    image = _images.decode_image(encoded, origin)
    if _images.orientation(encoded, origin) == 1:
        return image
    return _images.rgb(ImageOps.exif_transpose(_images.opened(encoded, origin)), origin)


def network_size(image: np.ndarray, reference: tuple[int, int]) -> tuple[int, int]:
    """The size at which the network sees a picture: its own shape, with about the area of the training images.

    >>> network_size(np.zeros((3024, 4032, 3), np.uint8), (180, 240))
    (176, 240)
    """
    height, width = image.shape[:2]
    scale = (reference[0] * reference[1] / (height * width)) ** 0.5
    return max(16, 8 * round(height * scale / 8)), max(16, 8 * round(width * scale / 8))


if __name__ == "__main__":
    run(main)

"""Panels of a report: image, truth, prediction and error map of evaluated pictures, kept in the page."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace
from jaxseg.report._markup import Markup, join, tag
from jaxseg.report.pictures import error_map, label_png, load_label_map, open_picture
from jaxseg.report.runs import Experiment, Pictures, Run

WIDTH = 480  # pixels; on a phone with three device pixels to a CSS pixel, two columns are still sharp


def panels(experiments: Sequence[Experiment], name: str, limit: int) -> Markup:
    """The panels of one evaluation; runs whose classes differ have panels apart, in their own classes and colours.

    Args:
      experiments: whose predictions to show; of each, the first seed that has the picture.
      name: the evaluation.
      limit: number of pictures at most; those that most experiments have come first.

    Returns:
      HTML; empty where no run has pictures of this evaluation.
    """
    spaces = _spaces(experiments, name)
    having: dict[str, list[tuple[Experiment, Run]]] = {}
    unknown: dict[str, None] = {}
    for experiment in experiments:
        seen: set[str] = set()
        for run in experiment.runs:
            if name in run.pictures and run.path not in spaces:
                unknown[experiment.name] = None
                continue
            for identity in run.pictures.get(name, {}):
                if identity not in seen:
                    seen.add(identity)
                    having.setdefault(identity, []).append((experiment, run))
    chosen = sorted(sorted(having, key=lambda identity: (-len(having[identity]), identity))[:limit])
    shown = {_look(spaces[run.path]): spaces[run.path] for identity in chosen for _, run in having[identity]}
    parts = []
    for look, space in shown.items():
        present: set[int] = set()
        rows = []
        for identity in chosen:
            alike = [(e, run) for e, run in having[identity] if _look(spaces[run.path]) == look]
            if alike:
                rows.append(_panel(identity, alike, len(experiments) > 1, name, space, present))
        told = ", ".join([*([space.name] if space.name else []), f"{space.classes} classes"])
        parts.append(join(tag("h4", told) if len(shown) > 1 else "", _key(space, present), *rows))
    if unknown:
        told = f"Not shown, as the labels are not known: {', '.join(unknown)}."
        parts.append(tag("p", told, class_="note"))
    return join(*parts)


def _look(space: LabelSpace) -> tuple[object, ...]:
    """What a label map's picture depends on."""
    return space.names, space.palette


def _spaces(experiments: Sequence[Experiment], name: str) -> dict[Path, LabelSpace]:
    """The label space of each run's pictures, by its folder: its own, else the one that all others have."""
    own = {
        run.path: run.evaluations[name].labels if name in run.evaluations else run.labels
        for experiment in experiments
        for run in experiment.runs
    }
    known = {_look(space): space for space in own.values() if space is not None}
    common = next(iter(known.values())) if len(known) == 1 else None
    found = {path: common if space is None else space for path, space in own.items()}
    return {path: space for path, space in found.items() if space is not None}


def _panel(
    identity: str,
    having: Sequence[tuple[Experiment, Run]],
    several: bool,
    name: str,
    space: LabelSpace,
    present: set[int],
) -> Markup:
    pictures = [run.pictures[name][identity] for _, run in having]
    try:
        image = _image(_first(pictures, "image"))
    except InputError as error:
        image, image_cell = None, _absent("image", str(error))
    else:
        image_cell = (
            _cell("image", _jpeg(image), f"image {identity}") if image is not None else _absent("image")
        )
    try:
        truth = _labels(_first(pictures, "truth"))
    except InputError as error:
        truth, truth_cell = None, _absent("truth", str(error))
    else:
        truth_cell = (
            _cell("truth", _map(truth, space, present), f"truth of {identity}")
            if truth is not None
            else _absent("truth")
        )
    cells = [image_cell, truth_cell]
    for experiment, run in having:
        cells += _prediction(identity, experiment.name, run, name, several, image, truth, space, present)
    body = tag("div", *cells, class_="many" if several else "one")
    return tag("div", tag("h4", identity), body, class_="card panel")


def _prediction(
    identity: str,
    experiment: str,
    run: Run,
    name: str,
    several: bool,
    image: np.ndarray | None,
    truth: np.ndarray | None,
    space: LabelSpace,
    present: set[int],
) -> list[Markup]:
    """The cells of one prediction: its label map, and its error map."""
    title = experiment if several else "prediction"
    seed = f"seed {run.seed}" if several and run.seed is not None else ""
    try:
        prediction = _labels(run.pictures[name][identity].prediction)
    except InputError as error:
        return [_absent(title, str(error)), _absent("errors")]
    if prediction is None:
        return [_absent(title), _absent("errors")]
    first = _cell(title, _map(prediction, space, present), f"prediction of {experiment} for {identity}", seed)
    if truth is None:
        return [first, _absent("errors", "no truth to compare with")]
    if truth.shape != prediction.shape:
        return [first, _absent("errors", "truth and prediction differ in size")]
    valid = truth < space.classes
    right = float((prediction == truth)[valid].mean()) if valid.any() else float("nan")
    size = _size(truth)
    small = error_map(
        _nearest(prediction, size),
        _nearest(truth, size),
        None if image is None else np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)),
        classes=space.classes,
    )
    told = f"{100 * right:.1f}% of pixels right" if right == right else "all void"
    return [first, _cell("errors", _jpeg(small), f"errors of {experiment} in {identity}", told)]


def _first(pictures: Sequence[Pictures], kind: str) -> Path | None:
    return next((path for path in (getattr(entry, kind) for entry in pictures) if path is not None), None)


def _image(path: Path | None) -> np.ndarray | None:
    if path is None:
        return None
    picture = open_picture(path).convert("RGB")
    height = max(1, round(picture.height * WIDTH / picture.width))
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    return np.array(picture)


def _labels(path: Path | None) -> np.ndarray | None:
    return None if path is None else load_label_map(path)


def _size(labels: np.ndarray) -> tuple[int, int]:
    """Width and height at which a label map is shown."""
    height, width = labels.shape
    shown = min(width, WIDTH)
    return shown, max(1, round(height * shown / width))


def _nearest(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.array(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))


def _map(labels: np.ndarray, space: LabelSpace, present: set[int]) -> str:
    present.update(int(i) for i in np.unique(labels) if i < space.classes)
    return _data("image/png", label_png(_nearest(labels, _size(labels)), space))


def _jpeg(image: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=80, subsampling=0, optimize=True)
    return _data("image/jpeg", buffer.getvalue())


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _cell(title: str, source: str, described: str, detail: str = "") -> Markup:
    caption = tag("figcaption", tag("b", title), f" {detail}" if detail else "")
    return tag("figure", tag("img", src=source, alt=described, decoding="async"), caption)


def _absent(title: str, reason: str = "missing") -> Markup:
    return tag("figure", tag("div", reason, class_="absent"), tag("figcaption", tag("b", title)))


def _key(space: LabelSpace, present: set[int]) -> Markup:
    entries = []
    for index in sorted(present):
        red, green, blue = space.palette[index]
        entries.append(tag("li", tag("i", style=f"background:rgb({red},{green},{blue})"), space.names[index]))
    entries.append(tag("li", tag("i", style="background:rgb(0,0,0)"), "void"))
    entries.append(tag("li", tag("i", style="background:rgb(255,68,56)"), "wrong (in error maps)"))
    return tag("ul", *entries, class_="key")

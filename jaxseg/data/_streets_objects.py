"""Crops of the things in street scenes: the pictures behind the `streetobjects` data set."""

import dataclasses
import itertools
from typing import Any

import numpy as np
from scipy import ndimage

from jaxseg.data import _images
from jaxseg.data import _streets_scene as scene
from jaxseg.data import _streets_style as st
from jaxseg.data import _streets_weather as weather
from jaxseg.data._streets_draw import Canvas
from jaxseg.data._streets_style import Dice

CLASSES = (
    *(st.LIGHT, st.SIGN, st.PERSON, st.RIDER, st.CAR),
    *(st.TRUCK, st.BUS, st.TRAIN, st.MOTORCYCLE, st.BICYCLE),
)
"""The Cityscapes train ids of the things, in the order of their class numbers."""

_VERSION = 1  # part of every seed: a change of what is cropped raises it
_SCENE = (256, 512)
_SHORTEST = 26  # side of a crop in pixels, at least
_MARGIN = 1.15  # side of a crop, in sides of what it shows
_COVERED = 0.12  # share of a crop that is the thing, at least
_JOIN = {st.MOTORCYCLE: 7, st.BICYCLE: 7}  # pixels

# What makes sure that a scene has some of a class.
_WANTED: dict[int, dict[str, Any]] = {
    st.LIGHT: {"light": 1.0},
    st.SIGN: {"sign": 1.0},
    st.RIDER: {"motorcycle": 1.0, "bicycle": 1.0},
    st.TRUCK: {"truck": 1.0},
    st.BUS: {"bus": 1.0},
    st.TRAIN: {"train": 1.0},
    st.MOTORCYCLE: {"motorcycle": 1.0},
    st.BICYCLE: {"bicycle": 1.0},
}


def crop(index: int, *, domain: str, split: str, side: int = 48) -> tuple[np.ndarray, int]:
    """One thing of a street scene, a function of (index, domain, split, side) alone.

    Scenes that hold the class wanted are drawn until one shows it large enough and not cut by the frame; of what is
    connected, one piece is drawn by lot and cut out as a square around it.

    Args:
      index: number of the image in its split; its class is `index % 10`.
      domain: a domain of `streets`.
      split: "train", "val" or "test".
      side: height and width of the crop in pixels.

    Returns:
      ([side, side, 3] uint8 image, RGB; class 0..9, the position in `CLASSES`).
    """
    number = index % len(CLASSES)
    style = dataclasses.replace(weather.STYLES[domain], **_WANTED.get(CLASSES[number], {}))
    place = (list(weather.STYLES).index(domain), scene.SPLITS.index(split), index)
    for attempt in itertools.count():
        seed = (_VERSION, *place, attempt, len(CLASSES))  # longer than a scene's: never the same world
        canvas = Canvas(Dice(*seed, 0), style, _SCENE)
        scene._compose(canvas)
        windows = _windows(canvas.layers()[1] == CLASSES[number], _JOIN.get(CLASSES[number], 0))
        if windows:
            top, left, length = Dice(*seed, 2).pick(windows)
            image, _ = weather.take(canvas, seed)
            return _images.resize(image[top : top + length, left : left + length], (side, side)), number
    raise AssertionError  # count() has no end


def _windows(mask: np.ndarray, join: int) -> list[tuple[int, int, int]]:
    """Squares (top, left, side) around the connected pieces of a mask that are large enough and whole.

    Pieces up to twice `join` pixels apart count as one: a leg that parts a bicycle does not make it two.
    """
    near = ndimage.binary_dilation(mask, iterations=join) if join else mask
    pieces, _ = ndimage.label(near, structure=np.ones((3, 3)))
    pieces = pieces * mask
    found = []
    for number, box in enumerate(ndimage.find_objects(pieces), start=1):
        rows, columns = box
        high, wide = rows.stop - rows.start, columns.stop - columns.start
        length = min(int(_MARGIN * max(high, wide)), *mask.shape)
        cut = columns.start == 0 or columns.stop == mask.shape[1] or rows.stop == mask.shape[0]
        if cut or length < _SHORTEST or np.count_nonzero(pieces[box] == number) < _COVERED * length**2:
            continue
        corner = [
            min(max((part.start + part.stop - length) // 2, 0), whole - length)
            for part, whole in zip(box, mask.shape, strict=True)
        ]
        found.append((corner[0], corner[1], length))
    return found

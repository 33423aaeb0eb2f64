"""A camera over a paint map, and the movable things of a street.

A scene is drawn once, into a map of paint numbers. Colour, class and depth are then looked up by number, so
image and label map cannot disagree about a single pixel. What is called thousands of times a picture is spared the
tests' run-time type checks, which would take ten times as long as the drawing.
"""

import math
from collections.abc import Iterable, Sequence
from typing import no_type_check

import numpy as np
from PIL import Image, ImageDraw

from jaxseg.data import _streets_style as st
from jaxseg.data._streets_style import Color, Dice

CIRCLE = tuple((math.cos(math.tau * k / 14), math.sin(math.tau * k / 14)) for k in range(14))
_TURNS = (3.0, 4.5, 7.0, 10.0, 15.0, 22.0, 35.0, 60.0, 120.0, 400.0)  # depths where a strip may bend
Spot = tuple[float, float]
Place = tuple[float, float, float]


@no_type_check
def tone(color: Color, factor: float) -> Color:
    """A lighter or darker shade of a colour."""
    return (color[0] * factor, color[1] * factor, color[2] * factor)


@no_type_check
class Canvas:
    """A pinhole camera and what it has seen so far.

    The world is in metres: x to the right, y up from the ground, z ahead of the camera. Later paint covers
    earlier paint, so a scene is drawn from back to front.
    """

    def __init__(self, dice: Dice, style: st.DomainStyle, size: tuple[int, int]) -> None:
        self.dice, self.style, self.size = dice, style, size
        self.palette = st.materials(style)
        self.horizon, self.vanish = dice(*style.horizon), dice(*style.vanish)
        self.focal, self.eye = dice(*style.focal), dice(*style.eye)
        self.bend = dice(-style.bend, style.bend)
        self.sun = dice.side()
        self.near = 0.8 * self.focal * self.eye / (1 - self.horizon)
        self._zoom, self._level = size[0] * self.focal, size[0] * self.horizon
        self._middle = 0.5 * size[1] + size[0] * self.vanish
        self._map = Image.new("I", (size[1], size[0]), 0)
        self.pen = ImageDraw.Draw(self._map)
        self._shade = Image.new("L", (size[1], size[0]), 0)
        self._shade_pen = ImageDraw.Draw(self._shade)
        self._colors: list[Color] = []
        self._labels: list[int] = []
        self._depths: list[float] = []
        self.paint((0, 0, 0), st.SKY, 1e4)

    def color(self, material: str) -> Color:
        """One of a material's colours, varied a little."""
        red, green, blue = self.dice.pick(self.palette[material])
        spread = self.style.jitter
        common = self.dice(-spread, spread)
        hue = self.dice(-spread, spread) / 2
        return (red + common + hue, green + common, blue + common - hue)

    def paint(self, color: Color, label: int, depth: float) -> int:
        """A new paint; depth 0 is for the ground, whose depth follows from the row."""
        self._colors.append(color)
        self._labels.append(label)
        self._depths.append(depth)
        return len(self._colors) - 1

    def spot(self, x: float, y: float, z: float) -> tuple[int, int]:
        """The pixel where a point of the world is seen."""
        column = self._middle + self._zoom * (x / z + self.bend * z)
        return math.floor(column), math.floor(self._level + self._zoom * (self.eye - y) / z)

    def nearest(self, x: float) -> float:
        """The depth from which on x is in the frame of an image twice as wide as high."""
        room = 1.0 - self.vanish if x > 0 else 1.0 + self.vanish
        return max(self.near / 0.8, self.focal * abs(x) / room)

    def polygon(self, points: Sequence[Place], color: Color, label: int, ground: bool = False) -> None:
        depth = 0.0 if ground else sum(p[2] for p in points) / len(points)
        self.fill(points, self.paint(color, label, depth))

    def fill(self, points: Sequence[Place], paint: int) -> None:
        self.pen.polygon([self.spot(*p) for p in points], fill=paint)

    def front(self, x0: float, x1: float, y0: float, y1: float, z: float, color: Color, label: int) -> None:
        """A rectangle that faces the camera."""
        self.pen.rectangle([self.spot(x0, y1, z), self.spot(x1, y0, z)], fill=self.paint(color, label, z))

    def along(self, x: float, y0: float, y1: float, z0: float, z1: float, color: Color, label: int) -> None:
        """An upright rectangle that recedes from the camera."""
        self.polygon([(x, y0, z0), (x, y1, z0), (x, y1, z1), (x, y0, z1)], color, label)

    def flat(self, x0: float, x1: float, z0: float, z1: float, color: Color, label: int) -> None:
        """A rectangle on the ground."""
        self.polygon([(x0, 0, z0), (x0, 0, z1), (x1, 0, z1), (x1, 0, z0)], color, label, ground=True)

    def strip(self, x0: float, x1: float, color: Color, label: int) -> None:
        """A strip of ground from under the camera to the horizon, following the bend of the street."""
        depths = [self.near, *(z for z in _TURNS if z > self.near)]
        edge = [(x0, 0.0, z) for z in depths] + [(x1, 0.0, z) for z in reversed(depths)]
        self.polygon(edge, color, label, ground=True)

    def shadow(self, points: Iterable[Spot], darkness: float = 1.0) -> None:
        """A shadow on the ground, at (x, z) points: it changes colours but no labels."""
        self._shade_pen.polygon([self.spot(x, 0, z) for x, z in points], fill=int(255 * darkness))

    def shadow_under(self, x: float, half: float, z0: float, z1: float) -> None:
        self.shadow([(x - half, z0), (x + half, z0), (x + half, z1), (x - half, z1)])

    def open_side(self, x0: float, x1: float, z: float) -> float | None:
        """Which side plane of a box from x0 to x1 the camera sees, if any."""
        shift = self.bend * z * z
        return x0 if x0 + shift > 0 else x1 if x1 + shift < 0 else None

    def box(self, x: Spot, y: Spot, z: Spot, color: Color, label: int) -> None:
        """A box from x[0] to x[1], y[0] to y[1], z[0] to z[1]: the faces that the camera sees."""
        side = self.open_side(*x, z[0])
        if side is not None:
            lit = (side == x[0]) == (self.sun > 0)
            self.along(side, *y, *z, tone(color, 0.92 if lit else 0.74), label)
        if y[1] < self.eye:
            lid = [(x[0], y[1], z[0]), (x[0], y[1], z[1]), (x[1], y[1], z[1]), (x[1], y[1], z[0])]
            self.polygon(lid, tone(color, 1.08), label)
        self.front(*x, *y, z[0], color, label)

    def pair(self, x: float, inner: float, outer: float, y: Spot, z: float, color: Color, label: int) -> None:
        """Two rectangles that face the camera, from inner to outer on either side of x."""
        self.front(x - outer, x - inner, *y, z, color, label)
        self.front(x + inner, x + outer, *y, z, color, label)

    def wheel(self, x: float, z: float, radius: float, label: int) -> None:
        for size, color in ((1.0, "dark"), (0.5, "pole")):
            hub = [(x, radius * (1 + size * v), z + radius * size * u) for u, v in CIRCLE]
            self.polygon(hub, self.palette[color][0], label)

    def layers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What is drawn: colours [3, H, W], train ids [H, W], depth in metres [H, W], shade 0..1 [H, W]."""
        paints = np.asarray(self._map)
        depth = np.array(self._depths, np.float32)[paints]
        rows = (np.arange(self.size[0], dtype=np.float64)[:, None] + 0.5) / self.size[0] - self.horizon
        ground = (self.focal * self.eye / np.maximum(rows, 0.004)).astype(np.float32)
        return (
            np.stack([np.array(plane, np.float32)[paints] for plane in zip(*self._colors, strict=True)]),
            np.array(self._labels, np.uint8)[paints],
            np.where(depth == 0, ground, depth),
            np.asarray(self._shade, np.float32) / np.float32(255),
        )


@no_type_check
class Stand:
    """A flat figure that faces the camera, in metres from where it touches the ground; `turn` narrows it.

    A part takes the figure's class unless it names its own.
    """

    def __init__(
        self, c: Canvas, x: float, z: float, label: int, turn: float = 1.0, scale: float = 1.0
    ) -> None:
        self._canvas, self._label, self._x, self._z = c, label, x, z
        self._across, self._up = turn * scale, scale

    def _place(self, spot: Spot) -> Place:
        return (self._x + self._across * spot[0], self._up * spot[1], self._z)

    def polygon(self, points: Sequence[Spot], color: Color, label: int | None = None) -> None:
        self._canvas.polygon([self._place(p) for p in points], color, self._label if label is None else label)

    def rectangle(self, x: Spot, y: Spot, color: Color, label: int | None = None) -> None:
        self.polygon([(x[0], y[0]), (x[0], y[1]), (x[1], y[1]), (x[1], y[0])], color, label)

    def oval(self, center: Spot, rx: float, ry: float, color: Color, label: int | None = None) -> None:
        c, (x, y, z) = self._canvas, self._place(center)
        wide, high = abs(self._across) * rx, self._up * ry
        paint = c.paint(color, self._label if label is None else label, z)
        c.pen.ellipse((*c.spot(x - wide, y + high, z), *c.spot(x + wide, y - high, z)), fill=paint)

    def line(self, points: Sequence[Spot], width: float, color: Color, label: int | None = None) -> None:
        c = self._canvas
        paint = c.paint(color, self._label if label is None else label, self._z)
        pixels = max(1, math.floor(self._up * width * c.focal * c.size[0] / self._z + 0.5))
        c.pen.line([c.spot(*self._place(p)) for p in points], fill=paint, width=pixels, joint="curve")


def car(c: Canvas, x: float, z: float, away: bool) -> None:
    """A car whose near end is at depth z, driving away from the camera or towards it."""
    d, label = c.dice, st.CAR
    half, length, height = 0.9, d(3.9, 4.7), d(1.42, 1.8)
    color, glass, dark = c.color("car"), c.palette["window"][0], c.palette["dark"][0]
    waist, narrow = 0.46 * height + 0.16, half * d(0.72, 0.86)
    c.shadow_under(x, 1.15, z - 0.3, z + length + 0.3)
    c.front(x - half * 0.95, x + half * 0.95, 0.06, 0.4, z + 0.05, dark, label)
    c.box((x - half, x + half), (0.28, waist), (z, z + length), color, label)
    hood, roof, back = d(0.04, 0.26) * length, d(0.3, 0.36) * length, d(0.72, 0.86) * length
    side = c.open_side(x - half, x + half, z)
    if side is not None:
        top, middle, end = x + (side - x) * narrow / half, (waist + height) / 2, (side, waist, z + length)
        shape = [(side, waist, z + hood), (top, height, z + roof), (top, height, z + back), end]
        center = sum(p[2] for p in shape) / 4
        pane = [(u, middle + 0.72 * (v - middle), center + 0.8 * (w - center)) for u, v, w in shape]
        c.polygon(shape, tone(color, 0.8), label)
        c.polygon(pane, tone(glass, 0.8), label)
        for spot in (0.19, 0.8):
            c.wheel(side, z + spot * length, 0.33, label)
    if height < c.eye:
        lid = [(x - narrow, z + roof), (x - narrow, z + back), (x + narrow, z + back), (x + narrow, z + roof)]
        c.polygon([(u, height, v) for u, v in lid], tone(color, 1.08), label)
    for shrink, paint in ((1.0, tone(color, 0.95)), (0.84, glass)):
        low, high = waist + (1 - shrink) * 0.3, height - (1 - shrink) * 0.7
        ends = [(-half * shrink, low, hood), (-narrow * shrink, high, roof), (narrow * shrink, high, roof)]
        c.polygon([(x + u, v, z + w) for u, v, w in [*ends, (half * shrink, low, hood)]], paint, label)
    lamp = c.palette["red" if away else "lamp"][0]
    c.pair(x, 0.54, 0.86, (waist - 0.28, waist - 0.1), z, lamp, label)
    c.front(x - 0.28, x + 0.28, 0.42, 0.54, z, c.palette["white"][0], label)


def coach(c: Canvas, x: float, z: float, away: bool, label: int) -> None:
    """A bus or a tram: a long box with a band of windows."""
    d, half, tram = c.dice, 1.25, label == st.TRAIN
    color, length, height = c.color("train" if tram else "bus"), d(9, 13), d(2.9, 3.3)
    length, height = (2.4 * length, height + 0.4) if tram else (length, height)
    glass, dark, lamp = (c.palette[name][0] for name in ("window", "dark", "red" if away else "lamp"))
    band = c.color("livery") if tram else tone(color, 0.7)
    c.shadow_under(x, 1.6, z - 0.4, z + length)
    c.box((x - 1.2, x + 1.2), (0.1, 0.4), (z, z + length), dark, label)
    c.box((x - half, x + half), (0.32, height), (z, z + length), color, label)
    side = c.open_side(x - half, x + half, z)
    if side is not None:
        c.along(side, 0.32, 1.1, z, z + length, tone(band, 0.85), label)
        for k in range(int(length / 1.6)):
            low, start = 0.55 if k % 4 == 1 else 1.4, z + 1.6 * k
            c.along(side, low, height - 0.6, start + 0.2, start + 1.45, tone(glass, 0.85), label)
        for spot in () if tram else (0.2, 0.78):
            c.wheel(side, z + spot * length, 0.48, label)
    c.front(x - half, x + half, 0.32, 1.1, z, band, label)
    c.front(x - 1.08, x + 1.08, 1.3, height - 0.55, z, glass, label)
    board = c.palette["dark" if away else "yellow"][0]
    c.front(x - 0.88, x + 0.88, height - 0.42, height - 0.14, z, board, label)
    c.pair(x, 0.78, 1.12, (0.65, 0.9), z, lamp, label)
    if tram:
        c.front(x - 0.1, x + 0.1, 1.2, height - 0.5, z, tone(color, 0.9), label)
        arm = [(-0.5, height), (0.5, height + 0.9), (-0.5, height + 1.7), (0.9, height + 1.7)]
        Stand(c, x, z + 4, label).line(arm, 0.14, dark)


def truck(c: Canvas, x: float, z: float, away: bool) -> None:
    """A truck: a closed box on a visible chassis, with a cab on its front end."""
    d, label, half = c.dice, st.TRUCK, 1.22
    length, height = d(6.5, 9), d(3.0, 3.7)
    load, cab, dark, glass = c.color("truck"), c.color("car"), c.palette["dark"][0], c.palette["window"][0]
    c.shadow_under(x, 1.5, z - 0.4, z + length)
    parts = [
        ((z + length - 2.1, z + length), (0.55, 2.5), cab),
        ((z, z + length - 2.2), (1.05, height), load),
    ]
    if not away:
        parts = [((z + 2.2, z + length), (1.05, height), load), ((z, z + 2.1), (0.55, 2.5), cab)]
    side = c.open_side(x - half, x + half, z)
    c.box((x - 1.0, x + 1.0), (0.5, 1.05), (z + 0.1, z + length), dark, label)
    c.pair(x, 0.6, 1.16, (0.0, 0.95), z + 0.4, dark, label)
    for depths, heights, color in parts:
        c.box((x - half, x + half), heights, depths, color, label)
        if side is not None and color is cab:
            c.along(side, 1.6, 2.25, depths[0] + 0.4, depths[1] - 0.5, glass, label)
    if side is not None:
        for spot in (0.14, 0.3, 0.85):
            c.wheel(side, z + (spot if away else 1 - spot) * length, 0.5, label)
    if away:
        c.front(x - 0.05, x + 0.05, 1.1, height - 0.1, z, tone(load, 0.6), label)
        c.front(x - half, x + half, 0.8, 1.08, z, c.palette["red"][0], label)
    else:
        c.front(x - 1.08, x + 1.08, 1.45, 2.25, z, glass, label)
        c.pair(x, 0.6, 1.1, (0.6, 0.85), z, c.palette["lamp"][0], label)


def person(c: Canvas, x: float, z: float) -> None:
    d, figure = c.dice, Stand(c, x, z, st.PERSON, turn=c.dice.side(), scale=c.dice(0.86, 1.08))
    coat, legs, skin = c.color("clothes"), c.color("trousers"), c.color("skin")
    stride, wide, hem = d(0.02, 0.34), d(0.23, 0.3), d(0.62, 0.9)
    c.shadow_under(x, 0.3, z - 0.1, z + 0.25)
    for way, shade in ((-1, 0.8), (1, 1.0)):
        foot = way * stride
        figure.polygon([(-0.15, 0.92), (0.15, 0.92), (foot + 0.1, 0.0), (foot - 0.1, 0.0)], tone(legs, shade))
    figure.polygon([(-wide, 1.45), (wide, 1.45), (wide * 0.85, hem), (-wide * 0.85, hem)], coat)
    for way in (-1, 1):
        hand = (way * (wide + 0.08 + stride / 2), 0.82)
        figure.line([(way * wide * 0.9, 1.38), hand], 0.13, tone(coat, 0.82))
    figure.oval((0, 1.43), wide * 0.9, 0.08, coat)
    figure.oval((0, 1.64), 0.12, 0.15, skin)
    figure.oval((0, 1.71), 0.13, 0.09, c.palette["trunk"][0] if d.chance(0.6) else c.palette["dark"][0])


def cycle(c: Canvas, x: float, z: float, label: int, turn: float) -> Stand:
    """A bicycle or a motorcycle; turn 1 shows it from the side heading right, -1 heading left."""
    motor = label == st.MOTORCYCLE
    figure = Stand(c, x, z, label, turn=turn, scale=c.dice(1.0, 1.15))
    color = c.color("motorcycle" if motor else "bicycle")
    dark, metal = c.palette["dark"][0], c.palette["pole"][0]
    radius, reach = (0.34, 0.72) if motor else (0.36, 0.56)
    c.shadow_under(x, abs(turn), z - 0.15, z + 0.3)
    for way in (-1, 1):
        for size, paint in ((1.0, dark), (0.74, metal if motor else tone(metal, 1.25)), (0.2, dark)):
            figure.oval((way * reach, radius), radius * size, radius * size, paint)
    if motor:
        tank = [(-0.75, 0.62), (-0.62, 0.92), (0.05, 0.86), (0.35, 1.06), (0.62, 0.98), (0.5, 0.6)]
        figure.polygon([*tank, (0.2, 0.3), (-0.4, 0.3)], color)
        figure.polygon([(-0.3, 0.6), (0.3, 0.6), (0.22, 0.26), (-0.3, 0.26)], tone(metal, 0.8))
        figure.polygon([(-0.72, 0.92), (0.05, 0.86), (0.05, 0.96), (-0.68, 1.0)], dark)
        figure.line([(0.72, 0.34), (0.5, 1.14), (0.34, 1.16)], 0.12, dark)
        figure.oval((0.64, 0.92), 0.11, 0.12, c.palette["lamp"][0])
    else:
        figure.line([(-0.56, 0.36), (-0.12, 0.36), (0.4, 0.86), (-0.18, 0.86), (-0.56, 0.36)], 0.1, color)
        figure.line([(-0.24, 1.0), (-0.12, 0.36)], 0.1, color)
        figure.line([(0.56, 0.36), (0.38, 1.06), (0.24, 1.08)], 0.1, color)
        figure.line([(-0.36, 1.0), (-0.1, 1.0)], 0.12, dark)
    return figure


def ride(c: Canvas, x: float, z: float, away: bool, label: int, turn: float) -> None:
    """A bicycle or a motorcycle with its rider."""
    figure, motor = cycle(c, x, z, label, turn if away else -turn), label == st.MOTORCYCLE
    helmet = c.palette["dark" if motor else "blue"][0]
    coat, legs, skin = c.color("clothes"), c.color("trousers"), c.color("skin")
    knee, wide, rider = (0.22, 0.72 if motor else 0.66), max(turn, 0.5), st.RIDER
    figure.line([(-0.2, 0.98), knee, (0.06, 0.28)], 0.22, legs, rider)
    figure.polygon([(-0.4, 0.92), (-0.06, 0.92), (0.26, 1.5), (-0.1, 1.56), (-0.3, 1.3)], coat, rider)
    figure.line([(0.1, 1.44), (0.24, 1.16), (0.42, 1.1)], 0.15, tone(coat, 0.85), rider)
    figure.oval((0.14, 1.7), 0.15 / wide, 0.17, skin, rider)
    figure.oval((0.12, 1.78), 0.16 / wide, 0.1, helmet, rider)


def tree(c: Canvas, x: float, z: float, height: float) -> None:
    d, figure = c.dice, Stand(c, x, z, st.VEGETATION)
    leaf, wide = c.color("vegetation"), height * d(0.24, 0.4)
    crown = height * d(0.3, 0.45)
    patch = ((0.2, -0.2), (wide, -0.8), (1.4 * wide, 0.8), (0.2, 0.3))
    c.shadow([(x + c.sun * u, z + v) for u, v in patch], 0.8)
    figure.polygon([(-0.17, 0), (0.17, 0), (0.11, crown * 1.2), (-0.11, crown * 1.2)], c.color("trunk"))
    for shade in (0.72, 0.94, 1.18):
        for _ in range(4):
            lift = (shade - 0.72) * 0.45
            spot = (d(-0.55, 0.55) * wide, crown + (d(0.15, 0.62) + lift) * (height - crown))
            size = wide * d(0.3, 0.55) * (1.5 - 0.55 * shade)
            figure.oval(spot, size, size * d(0.7, 1.0), tone(leaf, shade + d(-0.06, 0.06)))

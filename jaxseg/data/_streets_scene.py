"""Procedural street scenes with the 19 Cityscapes classes: the pictures behind the `streets` data set.

`render` draws one scene and its label map from an index alone. The domains share a world (perspective,
classes, shapes) and differ in the numbers of `_streets_weather.STYLES`. Scenes and numbers are ours.
"""

from collections.abc import Callable
from functools import partial
from operator import itemgetter

import numpy as np

from jaxseg.data import _streets_draw as draw
from jaxseg.data import _streets_style as st
from jaxseg.data import _streets_weather as weather
from jaxseg.data._streets_draw import CIRCLE, Canvas, Stand, tone
from jaxseg.data._streets_style import Dice
from jaxseg.errors import InputError

SPLITS = ("train", "val", "test")
_VERSION = 1  # part of every seed: a change of the drawing that changes labels raises it

Lane = tuple[float, bool, float]  # its middle, whether it leads away from the camera, where it starts
Thing = tuple[float, Callable[[], object]]  # its depth, what draws it
Picture = tuple[np.ndarray, np.ndarray]  # image and label map


def _post(c: Canvas, x: float, z: float) -> None:
    """A lamp post, or a bare pole."""
    d, figure = c.dice, Stand(c, x, z, st.POLE)
    height, color = d(4.5, 7.5), c.color("pole")
    figure.rectangle((-0.11, 0.11), (0, height), color)
    if d.chance(0.7):
        reach = -1.6 if x > 0 else 1.6
        figure.line([(0, height), (reach, height + 0.3)], 0.12, color)
        figure.line([(reach, height + 0.26), (reach * 0.7, height + 0.2)], 0.24, tone(color, 0.8))


def _light(c: Canvas, x: float, z: float) -> None:
    """A traffic light: lamps beside the road and, sometimes, more on a mast arm over it."""
    d, figure = c.dice, Stand(c, x, z, st.LIGHT)
    color, housing, lit = c.color("pole"), c.color("light"), d.whole(0, 2)
    spots = [(0.0, d(2.5, 3.1))]
    if d.chance(0.5):
        reach, top = (-1 if x > 0 else 1) * d(2.2, 3.6), d(5.0, 5.6)
        figure.line([(0, top), (reach, top)], 0.16, color, st.POLE)
        spots += [(reach, top), (reach * 0.45, top)][: d.whole(1, 2)]
    figure.rectangle((-0.12, 0.12), (0, 5.6 if len(spots) > 1 else spots[0][1] + 0.9), color, st.POLE)
    for u, v in spots:
        figure.rectangle((u - 0.34, u + 0.34), (v - 0.72, v + 0.72), housing)
        for k, name in enumerate(("red", "yellow", "green")):
            shade = 1.25 if k == lit else 0.4
            figure.oval((u, v + 0.44 * (1 - k)), 0.2, 0.19, tone(c.palette[name][0], shade))


# Outlines of a sign's parts, to be scaled; a sign is its parts from back to front: outline, size, colour.
_TRIANGLE = ((-1.0, -0.6), (1.0, -0.6), (0.0, 1.0))
_DIAMOND = ((-1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, -1.0))
_SQUARE = ((-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (1.0, -1.0))
_BAR = ((-0.3, -1.0), (-0.3, 1.0), (0.3, 1.0), (0.3, -1.0))
_BOARD = ((-1.0, -0.3), (-1.0, 0.85), (1.0, 0.85), (1.0, -0.3))
_LOW_TEXT = ((-0.8, 0.0), (-0.8, 0.15), (0.5, 0.15), (0.5, 0.0))
_HIGH_TEXT = ((-0.8, 0.4), (-0.8, 0.55), (0.5, 0.55), (0.5, 0.4))
_SIGNS = (
    ((CIRCLE, 0.46, "red"), (CIRCLE, 0.32, "white"), (CIRCLE, 0.12, "dark")),
    ((CIRCLE, 0.46, "blue"), (_BAR, 0.28, "white")),
    ((_TRIANGLE, 0.56, "red"), (_TRIANGLE, 0.34, "white")),
    ((_DIAMOND, 0.5, "white"), (_DIAMOND, 0.38, "yellow")),
    ((_SQUARE, 0.44, "blue"), (_TRIANGLE, 0.3, "white")),
    ((_BOARD, 0.95, "blue"), (_LOW_TEXT, 0.95, "white"), (_HIGH_TEXT, 0.95, "white")),
    ((_BOARD, 0.95, "green"), (_LOW_TEXT, 0.95, "white"), (_HIGH_TEXT, 0.95, "white")),
)


def _sign(c: Canvas, x: float, z: float) -> None:
    d, figure = c.dice, Stand(c, x, z, st.SIGN, scale=c.dice(1.0, 1.3))
    high, tilt = d(2.2, 2.7), d(0.85, 1.0)
    figure.rectangle((-0.07, 0.07), (0, high + 0.3), c.color("pole"), st.POLE)
    for outline, size, name in d.pick(_SIGNS):
        figure.polygon([(tilt * size * u, high + size * v) for u, v in outline], c.palette[name][0])


def _clutter(c: Canvas, x: float, z: float) -> None:
    """A bin or a crate: something no class has."""
    c.box((x - 0.35, x + 0.35), (0.0, c.dice(0.7, 1.2)), (z, z + 0.6), tone(c.color("clothes"), 0.7), st.VOID)


def _building(c: Canvas, side: int, x: float, z0: float, z1: float, low: float = 0.0) -> None:
    """A house front along the street, with windows, and the gable end that faces the camera."""
    d, storey, label = c.dice, c.dice(2.9, 3.5), st.BUILDING
    floors = max(1, d.whole(*c.style.storeys) - (1 if low else 0))
    color, glass, height = c.color("building"), c.color("window"), floors * storey + 0.9
    inner, outer = sorted((x, x + side * d(9, 14)))
    c.front(inner, outer, 0, height, z0, tone(color, 0.86), label)
    if d.chance(0.4):
        gable = [(inner, height, z0), (outer, height, z0), ((inner + outer) / 2, height + 3.2, z0)]
        c.polygon(gable, tone(color, 0.8), label)
    for column in range(2):
        for floor in range(floors):
            left, base = inner + (outer - inner) * (0.2 + 0.4 * column), floor * storey + 1.1
            c.front(left, left + 1.5, base, base + 1.5, z0, tone(glass, 0.9), label)
    c.along(x, 0, height, z0, z1, tone(color, 1.02 if side == c.sun else 0.78), label)
    c.along(x, height - 0.6, height, z0, z1, tone(color, 0.68), label)
    shop = d.chance(0.45)
    if shop:
        c.along(x, 0, 0.8 * storey, z0, z1, tone(c.color("building"), 0.7), label)
    if z0 > 70:
        return
    count = max(2, min(6, int((z1 - z0) / 2.6)))
    pane, rail = c.paint(tone(glass, 0.95), label, z0), c.paint(tone(color, 0.6), label, z0)
    step, share, tall = (z1 - z0) / count, d(0.2, 0.28), d(1.3, 1.8)
    for floor in range(floors):
        base = floor * storey + (0.4 if shop and floor == 0 else 1.0)
        for k in range(count):
            a, b = z0 + (k + 0.5 - share) * step, z0 + (k + 0.5 + share) * step
            c.fill([(x, base, a), (x, base + tall, a), (x, base + tall, b), (x, base, b)], pane)
            if z0 < 25:
                c.fill([(x, base - 0.16, a), (x, base, a), (x, base, b), (x, base - 0.16, b)], rail)


def _barrier(c: Canvas, side: int, x: float, z0: float, z1: float, label: int) -> None:
    """A wall or a fence along the street, with something behind it."""
    d = c.dice
    if d.chance(0.4):
        _building(c, side, x + side * 6, z0, z1, low=1.0)
    else:
        _greenery(c, side, x + side * 3, z0, z1, hedge=False)
    height, color = d(1.8, 3.2), c.color("wall" if label == st.WALL else "fence")
    base = tone(color, 0.96 if side == c.sun else 0.8)
    c.along(x, 0, height, z0, z1, base, label)
    inner, outer = sorted((x, x + side * (0.4 if label == st.WALL else 0.12)))
    c.front(inner, outer, 0, height, z0, color, label)
    if label == st.WALL:
        c.along(x, height - 0.22, height, z0, z1, tone(color, 1.15), label)
        for course in range(1, int(height / 0.6)):
            c.along(x, 0.6 * course, 0.6 * course + 0.07, z0, z1, tone(base, 0.82), label)
        return
    slat = c.paint(tone(base, 0.66), label, z0)
    count = min(28, int((z1 - z0) / 0.55))
    for k in range(count):
        a = z0 + (z1 - z0) * (k + 0.25) / count
        b = a + 0.4 * (z1 - z0) / count
        c.fill([(x, 0.12, a), (x, height - 0.1, a), (x, height - 0.1, b), (x, 0.12, b)], slat)
    for level in (0.28, height - 0.35):
        c.along(x, level, level + 0.16, z0, z1, tone(color, 1.18), label)


def _greenery(c: Canvas, side: int, x: float, z0: float, z1: float, hedge: bool = True) -> None:
    """A row of trees, with a hedge in front of it."""
    d, height = c.dice, c.dice(1.0, 2.2)
    count = max(2, min(4, int((z1 - z0) / 5)))
    for k in range(count):
        draw.tree(c, x + side * d(1.5, 3.5), max(z1 - (z1 - z0) * (k + d(0.2, 0.8)) / count, 2.0), d(5, 10))
    if hedge:
        leaf = tone(c.color("vegetation"), 0.9 if side == c.sun else 0.72)
        inner, outer = sorted((x, x + side * 1.2))
        c.along(x, 0, height, z0, z1, leaf, st.VEGETATION)
        c.front(inner, outer, 0, height, z0, tone(leaf, 1.1), st.VEGETATION)
        for k in range(5):
            bush = z1 - (z1 - z0) * (k + 0.5) / 5
            Stand(c, x, bush, st.VEGETATION).oval((0, height), 0.7, 0.3, tone(leaf, d(0.9, 1.15)))


def _frontage(c: Canvas, side: int, x: float) -> None:
    """Everything along one side of the street, from far to near."""
    d, z = c.dice, c.dice(-7.0, -1.0)
    pieces: list[tuple[int, float, float]] = []
    while z < 130.0:
        length = d(9, 20)
        kind = d.pick((st.BUILDING, st.WALL, st.FENCE, st.VEGETATION), c.style.facades)
        pieces.append((kind, max(z, 1.2), z + length))
        z += length + (d(1, 5) if d.chance(0.3) else 0.0)
    for kind, z0, z1 in reversed(pieces):
        if kind == st.BUILDING:
            _building(c, side, x, z0, z1)
        elif kind == st.VEGETATION:
            _greenery(c, side, x, z0, z1)
        else:
            _barrier(c, side, x, z0, z1, kind)


def _traffic(c: Canvas, lanes: list[Lane]) -> list[Thing]:
    """Vehicles in lanes, rare kinds first, nowhere one inside another."""
    d, style = c.dice, c.style
    things: list[Thing] = []
    taken: list[list[tuple[float, float]]] = [[] for _ in lanes]
    moving = [k for k, lane in enumerate(lanes) if lane[2] > 0]

    def place(act: partial[None], length: float, low: float, high: float) -> None:
        for _ in range(8):
            k = d.whole(0, len(lanes) - 1) if act.func is draw.car else d.pick(moving)
            x, away, start = lanes[k]
            z = max(low, start) + (high - low) * d(0.0, 1.0) ** 2
            if all(z + length + 1.5 < a or z > b + 1.5 for a, b in taken[k]):
                taken[k].append((z, z + length))
                things.append((z, partial(act, x, z, away)))
                return

    if d.chance(style.train):
        place(partial(draw.coach, c, label=st.TRAIN), 30.0, 9.0, 26.0)
    if d.chance(style.bus):
        place(partial(draw.coach, c, label=st.BUS), 13.0, 8.0, 26.0)
    if d.chance(style.truck):
        place(partial(draw.truck, c), 9.0, 7.0, 26.0)
    for chance, label in ((style.motorcycle, st.MOTORCYCLE), (style.bicycle, st.BICYCLE)):
        for _ in range(d.whole(1, 2) if d.chance(chance) else 0):
            place(partial(draw.ride, c, label=label, turn=d(0.45, 1.0)), 1.5, 5.5, 14.0)
    for _ in range(d.whole(*style.cars)):
        place(partial(draw.car, c), 4.8, 5.0, 45.0)
    return things


def _pavement(c: Canvas, walks: dict[int, tuple[float, float]]) -> list[Thing]:
    """What stands and walks on the sidewalks, walks being their inner and outer edges."""
    d, style = c.dice, c.style
    things: list[Thing] = []

    def beside(
        count: int, act: Callable[[float, float], object], far: float, inner: float, outer: float
    ) -> None:
        """Put things at inner..outer of a sidewalk's width, from where they come in sight to far times that."""
        for _ in range(count):
            side = d.side()
            a, b = walks[side]
            x = side * (a + (b - a) * d(inner, outer))
            z = max(4.0, c.nearest(x)) * (1.05 + (far - 1.05) * d(0.0, 1.0) ** 2)
            things.append((z, partial(act, x, z)))

    beside(d.whole(*style.people), partial(draw.person, c), 4.0, 0.2, 0.9)
    beside(d.whole(*style.trees), partial(draw.tree, c, height=d(5, 8.5)), 6.0, -0.1, 0.1)
    beside(d.whole(*style.posts), partial(_post, c), 4.0, 0.04, 0.12)
    beside(d.whole(1, 2) if d.chance(style.light) else 0, partial(_light, c), 2.2, 0.05, 0.15)
    beside(d.whole(1, 3) if d.chance(style.sign) else 0, partial(_sign, c), 2.4, 0.05, 0.3)
    beside(d.whole(1, 2) if d.chance(style.clutter) else 0, partial(_clutter, c), 4.0, 0.6, 0.95)
    for chance, label in ((0.6 * style.bicycle, st.BICYCLE), (0.4 * style.motorcycle, st.MOTORCYCLE)):
        parked = partial(draw.cycle, c, label=label, turn=d.side() * d(0.5, 1.0))
        beside(d.whole(1, 3) if d.chance(chance) else 0, parked, 2.2, 0.1, 0.4)
    return things


def _ground(c: Canvas) -> tuple[list[Lane], dict[int, tuple[float, float]], dict[int, float]]:
    """Paint the ground; return the lanes, and for each side the sidewalk's edges and where the fronts stand."""
    d, style = c.dice, c.style
    lane = d(*style.lane)
    lanes: list[Lane] = [(0.0, True, 9.0), (-lane, False, 5.0)]  # parking lanes start at 0
    grass, paving, asphalt, line = (c.color(name) for name in ("terrain", "sidewalk", "road", "marking"))
    walks, fronts, curbs, marks = {}, {}, {}, [-lane / 2]
    c.flat(-900, 900, c.near, 900, tone(grass, 0.95), st.TERRAIN)
    for side in (-1, 1):
        edge = lane / 2 + (lane if side < 0 else 0.0)
        if d.chance(style.extra_lane):
            lanes.append((side * (edge + lane / 2), side > 0, 4.0))
            marks.append(side * edge)
            edge += lane
        curb = edge + (2.2 if d.chance(style.parking) else 0.0)
        if curb > edge:
            lanes.append((side * (edge + 1.1), side > 0 or d.chance(0.3), 0.0))
        walk, verge = d(*style.sidewalk), d(1.5, 4.0) if d.chance(style.verge) else 0.0
        inner = curb + (verge if d.chance(0.5) else 0.0)
        walks[side], fronts[side], curbs[side] = (inner, inner + walk), side * (curb + walk + verge), curb
        c.strip(side * curb, fronts[side], grass, st.TERRAIN)
        c.strip(side * inner, side * (inner + walk), paving, st.SIDEWALK)
        c.strip(side * curb, side * (curb + 0.25), tone(paving, 1.12), st.SIDEWALK)
        c.strip(0.0, side * curb, asphalt, st.ROAD)
        c.strip(side * (edge - 0.12), side * edge, line, st.ROAD)
    for mark in marks:
        for k in range(12):
            z = c.near + 6.0 * k + 2.0
            c.flat(mark - 0.08, mark + 0.08, z, z + 3.0, line, st.ROAD)
    if d.chance(0.3):
        z = d(7, 16)
        for k in range(int((curbs[-1] + curbs[1]) / 1.1)):
            x = 1.1 * k + 0.3 - curbs[-1]
            c.flat(x, x + 0.55, z, z + 3, line, st.ROAD)
    return lanes, walks, fronts


def _compose(c: Canvas) -> None:
    """Draw a whole scene, from back to front."""
    d = c.dice
    x = -220.0
    while x < 220.0:
        wide = d(10, 30)
        if d.chance(0.6):
            c.front(x, x + wide, 0, d(6, 26), 160.0, c.color("building"), st.BUILDING)
        else:
            leaf, figure = tone(c.color("vegetation"), 0.9), Stand(c, x + wide / 2, 160.0, st.VEGETATION)
            figure.oval((0, 2), wide * 0.7, d(6, 16), leaf)
        x += wide
    lanes, walks, fronts = _ground(c)
    for side in (-1, 1):
        _frontage(c, side, fronts[side])
    things = _traffic(c, lanes) + _pavement(c, walks)
    for _ in range(d.whole(1, 3) if d.chance(0.5) else 0):
        z = d(9, 18)
        things.append((z, partial(draw.person, c, d(-walks[-1][0], walks[1][0]), z)))
    for _, act in sorted(things, key=itemgetter(0), reverse=True):
        act()
    if d.chance(c.style.hood):
        z, high = c.near * 1.25, d(0.03, 0.05)
        top = c.eye - (1 - high - c.horizon) * z / c.focal
        rim = ((-4, -9.0), (-1.2, -0.03), (0, 0.0), (1.2, -0.03), (4, -9.0))
        c.polygon([(u * z, top + v * z, z) for u, v in rim], tone(c.color("car"), 0.5), st.VOID)
    # Last, so that the number of shadows leaves the layout alone.
    for _ in range(d.whole(0, c.style.long_shadows)):
        z, wide, start, span = d(3, 40), d(2, 9), fronts[-c.sun], fronts[1] - fronts[-1]
        end = start + c.sun * d(0.3, 0.9) * span
        c.shadow([(start, z), (end, z + 2), (end, z + 2 + wide), (start, z + wide)], 0.75)


def render(index: int, *, domain: str, split: str, size: tuple[int, int] = (128, 256)) -> Picture:
    """One street scene and its label map, a function of (index, domain, split) alone.

    The world does not depend on the size: the same index at another size is the same scene, seen more finely.

    Args:
      index: number of the image in its split, 0 or more.
      domain: "synthetic", "real", "crowded", "night" or "rain".
      split: "train", "val" or "test"; the three are independent draws of the same distribution.
      size: height and width in pixels, each from 32 to 4096.

    Returns:
      ([H, W, 3] uint8 image, RGB; [H, W] uint8 Cityscapes train ids 0..18, 255 where no class applies).

    Raises:
      InputError: unknown domain or split, an index or a size out of range.

    >>> image, label = render(0, domain="synthetic", split="train", size=(64, 128))
    >>> image.shape, label.shape, str(image.dtype), str(label.dtype)
    ((64, 128, 3), (64, 128), 'uint8', 'uint8')
    """
    if domain not in weather.STYLES:
        raise InputError(f"streets: unknown domain {domain!r}; use one of {', '.join(weather.STYLES)}")
    if split not in SPLITS:
        raise InputError(f"streets: unknown split {split!r}; use one of {', '.join(SPLITS)}")
    if index < 0:
        raise InputError(f"streets: index {index} is negative; images are numbered from 0")
    if len(size) != 2 or not all(32 <= side <= 4096 for side in size):
        raise InputError(f"streets: size {size} is unusable; give (height, width), each from 32 to 4096")
    seed = (_VERSION, list(weather.STYLES).index(domain), SPLITS.index(split), index)
    return _render(weather.STYLES[domain], seed, (int(size[0]), int(size[1])))


def _render(style: st.DomainStyle, seed: tuple[int, ...], size: tuple[int, int]) -> Picture:
    """A scene in any style, such as a `dataclasses.replace` of a domain's, for tuning."""
    canvas = Canvas(Dice(*seed, 0), style, size)
    _compose(canvas)
    return weather.take(canvas, seed)

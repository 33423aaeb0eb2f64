"""How the two domains of `streets` differ: layout statistics, palettes and the camera's photography.

Everything that makes the gap between the domains is a number of `DomainStyle`, and `STYLES` is the one place to
tune it. No paper states any of these numbers: all are ours.

The photography uses only + - * / and table look-ups on float32, never exp or pow, so that it does not depend on a
platform's mathematics library.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, no_type_check

import numpy as np
from PIL import Image

from jaxseg.labels import VOID as VOID

# The Cityscapes train ids.
ROAD, SIDEWALK, BUILDING, WALL, FENCE, POLE, LIGHT, SIGN, VEGETATION, TERRAIN = range(10)
SKY, PERSON, RIDER, CAR, TRUCK, BUS, TRAIN, MOTORCYCLE, BICYCLE = range(10, 19)

Range = tuple[float, float]
Color = tuple[float, float, float]
T = TypeVar("T")


@dataclass(frozen=True)
class DomainStyle:
    """The numbers that make a domain. Lengths are in metres; pairs are the ends of a uniform distribution.

    Layout:
      horizon: height of the horizon, from the top, as a share of the image height.
      vanish: sideways offset of the vanishing point, in image heights.
      focal: focal length in image heights.
      eye: height of the camera.
      bend: curvature of the street (sideways metres for each metre of depth, squared).
      lane: width of a lane.
      extra_lane, parking, verge: chance, on each side, of a second lane, a parking lane, a grass strip.
      sidewalk: width of a sidewalk.
      facades: weights of building, wall, fence and vegetation along a side.
      storeys: storeys of a building.
      cars, people, trees, posts: how many in a scene (posts: bare poles and lamps).
      truck, bus, train, motorcycle, bicycle, light, sign: chance that a scene has some of these.
      clutter, hood: chance of unlabelled objects, of the ego vehicle's hood (both void).

    Appearance:
      palette: 0 takes the clean colour of every material, 1 the weathered one.
      jitter: spread of a colour from object to object, in 0..255.
      saturation: factor on the distance from grey.
      exposure: factor on brightness, one draw an image.
      cast: colour cast: half-width of the factor on each of red and blue, one draw an image.
      warmth: mean of that cast (red up, blue down).
      contrast: 0 none; positive values steepen the middle of the tone curve, negative ones flatten it.
      texture: amplitude of the multi-scale surface texture, relative to the brightness.
      uneven: amplitude of slow changes of illumination over the image.
      haze: how strongly distance fades into the haze colour (0 none; 1: half gone at 60 m).
      shadow: depth of cast shadows.
      long_shadows: how many shadows of buildings lie across the street, at most.
      clouds: how much of the sky is cloud.
      vignette: darkening in the corners.
      blur: standard deviation of the lens blur, in image heights.
      noise: standard deviation of the sensor noise, in 0..255.
    """

    horizon: Range
    vanish: Range
    focal: Range
    eye: Range
    bend: float
    lane: Range
    extra_lane: float
    parking: float
    verge: float
    sidewalk: Range
    facades: tuple[float, float, float, float]
    storeys: tuple[int, int]
    cars: tuple[int, int]
    people: tuple[int, int]
    trees: tuple[int, int]
    posts: tuple[int, int]
    truck: float
    bus: float
    train: float
    motorcycle: float
    bicycle: float
    light: float
    sign: float
    clutter: float
    hood: float
    palette: float
    jitter: float
    saturation: float
    exposure: Range
    cast: float
    warmth: float
    contrast: float
    texture: float
    uneven: float
    haze: float
    shadow: float
    long_shadows: int
    clouds: float
    vignette: float
    blur: float
    noise: float


STYLES: dict[str, DomainStyle] = {
    "synthetic": DomainStyle(
        horizon=(0.40, 0.46), vanish=(-0.08, 0.08), focal=(1.00, 1.15), eye=(1.55, 1.75), bend=0.0010,
        lane=(3.3, 3.7), extra_lane=0.45, parking=0.25, verge=0.5, sidewalk=(2.0, 3.2),
        facades=(0.46, 0.17, 0.17, 0.20), storeys=(2, 6),
        cars=(1, 5), people=(2, 6), trees=(1, 4), posts=(1, 4),
        truck=0.30, bus=0.28, train=0.26, motorcycle=0.55, bicycle=0.65, light=0.60, sign=0.75,
        clutter=0.05, hood=0.0,
        palette=0.0, jitter=8.0, saturation=1.12, exposure=(0.98, 1.06), cast=0.01, warmth=0.0, contrast=0.10,
        texture=0.03, uneven=0.0, haze=0.10, shadow=0.35, long_shadows=0, clouds=0.25,
        vignette=0.0, blur=0.0, noise=0.0,
    ),
    "real": DomainStyle(
        horizon=(0.34, 0.47), vanish=(-0.20, 0.20), focal=(1.05, 1.35), eye=(1.35, 1.60), bend=0.0020,
        lane=(2.9, 3.3), extra_lane=0.25, parking=0.65, verge=0.45, sidewalk=(1.5, 2.8),
        facades=(0.48, 0.16, 0.16, 0.20), storeys=(3, 7),
        cars=(4, 10), people=(2, 9), trees=(2, 6), posts=(2, 7),
        truck=0.36, bus=0.28, train=0.28, motorcycle=0.55, bicycle=0.65, light=0.60, sign=0.70,
        clutter=0.35, hood=0.6,
        palette=0.45, jitter=14.0, saturation=0.92, exposure=(0.90, 1.12), cast=0.06, warmth=0.03,
        contrast=-0.10,
        texture=0.09, uneven=0.08, haze=0.45, shadow=0.50, long_shadows=3, clouds=0.5,
        vignette=0.14, blur=0.004, noise=6.0,
    ),
}  # fmt: skip

# A few colours of each material (RGB, hexadecimal): clean, and weathered. `DomainStyle.palette` blends the two.
_MATERIALS = {
    "road": ("686870 706e74", "5c5a58 76716a"),
    "marking": ("f0f0e8", "b2b0a8"),
    "sidewalk": ("c4b2a8 b8b0b2", "8c847c 988c80"),
    "building": ("cc7458 e2be86 96a0be d6cec4 b25c54 cea6a0", "886254 a69276 7a7a7c aca69c 78564e 968074"),
    "window": ("466892 5c84a8", "363e46 586268"),
    "wall": ("a89884 968c96 baa078", "80766c 74706c 8c7c68"),
    "fence": ("a06c3c 407660 8a604a", "705844 4e5c50 685e54"),
    "pole": ("545a64 6e7074", "4e4e4c 6a6862"),
    "light": ("2c2e2a ecbe28", "222222 b0923e"),
    "vegetation": ("34882c 4ea036 246e34", "3e5428 5c6434 36462c"),
    "trunk": ("704e30", "4c3e32"),
    "terrain": ("8cc454 a6be5c", "767a48 887c54"),
    "skin": ("e8b896 966446", "c0967c 785440"),
    "clothes": (
        "d2323c 2846aa f0d246 3c3c42 e6e6e6 288c6e 963c96",
        "863636 363e5c 98885c 28282a b0aeaa 3e564c 5c4254",
    ),
    "trousers": ("242a50 463c34 1e1e22", "2c303e 423c36 222224"),
    "car": (
        "c41e24 2246aa e4e4e8 282a30 969ca4 248060 f0c428",
        "7e2828 303e5c bebebc 28282a 7c7e80 3a4c48 92825a",
    ),
    "truck": ("ecece4 3c82be 5aa05a", "bebcb4 52687c 68745c"),
    "bus": ("eeac18 d62c2c", "bc9238 963a34"),
    "train": ("f0ece0 e2e2ec", "beb8a8 b2b2b2"),
    "livery": ("14786e be1e3c", "2c625a 8a2e38"),
    "motorcycle": ("d85414 1e1e24 78141e", "8e502c 262628 5c2626"),
    "bicycle": ("78283c 1e6e82 323238", "60383e 38545c 323234"),
    "red": ("d81e28", "a43432"),
    "blue": ("1854c8", "345084"),
    "green": ("148c50", "2e684c"),
    "yellow": ("f8ce28", "c2a64a"),
    "white": ("f4f4f4", "ceccc6"),
    "lamp": ("fff4be", "f0e6c4"),
    "dark": ("202228", "222222"),
    "sky": ("4c92e8", "6e94be"),
    "cloud": ("f8fafe", "dededc"),
    "haze": ("cee2f6", "c2cad2"),
}

# Share of coarse, middle and fine texture of each class; ground classes stretch theirs sideways.
_TEXTURE = np.full((3, 256), 0.5, np.float32)
_TEXTURE.T[[ROAD, SIDEWALK]] = (0.7, 0.7, 0.6)
_TEXTURE.T[[BUILDING, WALL]] = (0.8, 0.5, 0.5)
_TEXTURE.T[FENCE] = (0.4, 0.6, 0.9)
_TEXTURE.T[VEGETATION] = (0.8, 1.5, 1.8)
_TEXTURE.T[TERRAIN] = (1.0, 1.1, 1.3)
_TEXTURE.T[SKY] = (0.0, 0.0, 0.0)
_TEXTURE.T[[CAR, TRUCK, BUS, TRAIN, SIGN, LIGHT]] = (0.5, 0.3, 0.2)
_GROUND = np.isin(np.arange(256), [ROAD, SIDEWALK, TERRAIN])


@no_type_check
class Dice:
    """Random numbers from the raw words of Philox: the same on every platform and with every numpy.

    >>> Dice(1, 2)(0.0, 1.0) == Dice(1, 2)(0.0, 1.0)
    True
    """

    def __init__(self, *entropy: int) -> None:
        self._bits = np.random.Philox(np.random.SeedSequence(entropy))
        self._left: list[float] = []

    def __call__(self, low: float, high: float) -> float:
        if not self._left:
            words = self._bits.random_raw(1024) >> np.uint64(11)
            self._left = (words.astype(np.float64) * 2.0**-53).tolist()
        return low + (high - low) * self._left.pop()

    def chance(self, probability: float) -> bool:
        return self(0.0, 1.0) < probability

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both possible."""
        return low + int(self(0.0, 1.0) * (high - low + 1))

    def side(self) -> int:
        return 1 if self.chance(0.5) else -1

    def pick(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        if weights is None:
            return options[self.whole(0, len(options) - 1)]
        mark = self(0.0, sum(weights))
        for option, weight in zip(options, weights, strict=True):
            mark -= weight
            if mark < 0:
                return option
        return options[-1]


@functools.cache
def materials(style: DomainStyle) -> dict[str, list[Color]]:
    """The colours of every material in a domain.

    >>> materials(STYLES["synthetic"])["marking"]
    [(240.0, 240.0, 232.0)]
    """
    t = style.palette
    blended: dict[str, list[Color]] = {}
    for name, (clean, weathered) in _MATERIALS.items():
        pairs = zip(map(bytes.fromhex, clean.split()), map(bytes.fromhex, weathered.split()), strict=True)
        mixed = [[(1 - t) * a + t * b for a, b in zip(*pair, strict=True)] for pair in pairs]
        blended[name] = [(red, green, blue) for red, green, blue in mixed]
    return blended


def _bell(bits: np.random.Philox, *shape: int) -> np.ndarray:
    """Nearly normal numbers of variance 1: each is the sum of four bytes of the raw words.

    Unlike `Generator.normal`, the raw words of Philox are promised to stay the same in every numpy.
    """
    count = math.prod(shape)
    parts = bits.random_raw((count + 1) // 2).astype("<u8").view(np.uint8).reshape(-1, 4)[:count]
    total = parts[:, 0].astype(np.float32)
    for k in (1, 2, 3):
        total += parts[:, k]
    return ((total - np.float32(510)) * np.float32(1 / 147.8)).reshape(shape)


def _smooth(bits: np.random.Philox, size: tuple[int, int], rows: int, columns: int) -> np.ndarray:
    """Noise of [rows, columns] cells over the whole image, [H, W]."""
    grid = Image.fromarray(_bell(bits, rows, columns))
    return np.asarray(grid.resize((size[1], size[0]), Image.Resampling.BICUBIC))


def _blur(image: np.ndarray, deviation: float) -> np.ndarray:
    """The planes [3, H, W] under a separable biweight kernel of the given standard deviation in pixels."""
    reach = deviation * 7.0**0.5
    radius = int(reach)
    weights = [(1 - (k / reach) ** 2) ** 2 for k in range(-radius, radius + 1)]
    for axis in (1, 2):
        pad = [(radius, radius) if k == axis else (0, 0) for k in range(3)]
        wide, length = np.pad(image, pad, mode="edge"), image.shape[axis]
        image = np.zeros_like(image)
        for k, weight in enumerate(weights):
            part = wide[:, k : k + length] if axis == 1 else wide[:, :, k : k + length]
            image += part * np.float32(weight / sum(weights))
    return image


def photograph(
    bits: np.random.Philox,
    style: DomainStyle,
    planes: np.ndarray,
    label: np.ndarray,
    depth: np.ndarray,
    shade: np.ndarray,
    horizon: float,
) -> np.ndarray:
    """The picture a domain's camera takes of a painted scene; no step moves an edge away from the label's.

    Args:
      bits: raw random words.
      style: the domain.
      planes: [3, H, W] float32 painted colours, 0..255.
      label: [H, W] uint8 train ids.
      depth: [H, W] float32 metres.
      shade: [H, W] float32, 0 lit to 1 in the shadow of something (meant for the ground).
      horizon: row of the horizon, as a share of the height.

    Returns:
      [H, W, 3] uint8 image.
    """
    height, width = size = label.shape
    single = np.float32
    rows = (np.arange(height, dtype=np.float32)[:, None] + single(0.5)) / single(height)
    columns = (np.arange(width, dtype=np.float32)[None, :] + single(0.5)) / single(width)
    draw = ((bits.random_raw(4) >> np.uint64(11)).astype(np.float64) * 2.0**-53).tolist()
    blue, cloud, haze = (
        np.array(materials(style)[name][0], np.float32)[:, None, None] for name in ("sky", "cloud", "haze")
    )

    # Sky: paler towards the horizon, with clouds.
    open_air = label == SKY
    climb = np.clip(rows / single(horizon), 0, 1)
    cover = _smooth(bits, size, 12, 6) * single(0.5) + _smooth(bits, size, 28, 20) * single(0.25)
    cover = np.clip(cover + single(2.0 * style.clouds - 0.9), 0, 1) * single(0.85)
    image = np.where(open_air, ((1 - climb) * blue + climb * haze) * (1 - cover) + cloud * cover, planes)

    # Surfaces and light.
    ground = _GROUND[label]
    light = 1 - single(style.shadow) * shade * ground
    if style.texture > 0:
        share = _TEXTURE[:, label] * single(style.texture)
        pattern = share[0] * _smooth(bits, size, 8, 16) + share[2] * _smooth(bits, size, 64, 128)
        pattern += share[1] * np.where(ground, _smooth(bits, size, 72, 24), _smooth(bits, size, 24, 48))
        light = light * (1 + pattern)
    if style.uneven > 0:
        slope = _smooth(bits, size, 3, 5) + single(2 * draw[3] - 1) * (columns - single(0.5))
        light = light * (1 + single(style.uneven) * slope * ~open_air)
    fade = single(style.haze) * depth / (depth + single(60.0)) * ~open_air
    image = image * (light * (1 - fade)) + haze * fade

    # The lens and the sensor.
    grey = single(0.299) * image[0] + single(0.587) * image[1] + single(0.114) * image[2]
    image = grey + single(style.saturation) * (image - grey)
    tilt = (style.warmth + style.cast * (2 * draw[0] - 1), 0.0, style.cast * (2 * draw[1] - 1) - style.warmth)
    exposure = style.exposure[0] + (style.exposure[1] - style.exposure[0]) * draw[2]
    gains = np.array([(1 + t) * exposure / 255 for t in tilt], np.float32)[:, None, None]
    corner = (rows - single(0.5)) ** 2 + (columns - single(0.5)) ** 2
    unit = np.clip(image * gains * (1 - single(2 * style.vignette) * corner), 0, 1)
    image = single(255) * (unit + single(style.contrast) * unit * (1 - unit) * (2 * unit - 1))
    if style.blur > 0:
        image = _blur(image, style.blur * height)
    if style.noise > 0:
        image += single(style.noise) * (single(0.5) + image / single(255)) * _bell(bits, 3, height, width)
    return np.ascontiguousarray((np.clip(image, 0, 255) + single(0.5)).astype(np.uint8).transpose(1, 2, 0))

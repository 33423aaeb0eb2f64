"""More domains of `streets`: crowded layouts, night, and rain; each is the `real` domain with other numbers.

Night and rain need photography of their own, on top of that of `_streets_style`: lamps and what they light, wet ground
that mirrors, streaks of rain. All numbers are ours. Labels are never touched.
"""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from jaxseg.data import _streets_style as st

if TYPE_CHECKING:
    from jaxseg.data._streets_draw import Canvas

_VEHICLES = (st.CAR, st.TRUCK, st.BUS, st.TRAIN, st.MOTORCYCLE)
_MOONLIGHT = np.array((0.80, 0.90, 1.15), np.float32)[:, None, None]
_HEADLIGHT = np.array((1.08, 1.00, 0.82), np.float32)[:, None, None]
_DROP = np.float32(205.0)


@dataclasses.dataclass(frozen=True)
class WeatherStyle(st.DomainStyle):
    """A domain with weather or darkness.

    Attributes:
      darkness: share of the daylight that is missing.
      lamps: strength of headlights, street lamps and lit windows.
      wet: strength of reflections in the ground.
      drops: streaks of rain in a picture, at most.
    """

    darkness: float = 0.0
    lamps: float = 0.0
    wet: float = 0.0
    drops: int = 0


_REAL = vars(st.STYLES["real"])

STYLES: dict[str, st.DomainStyle] = {
    **st.STYLES,
    "crowded": st.DomainStyle(
        **{
            **_REAL,
            "horizon": (0.28, 0.50), "vanish": (-0.35, 0.35), "eye": (1.20, 2.20), "bend": 0.0060,
            "lane": (2.6, 3.0), "extra_lane": 0.55, "parking": 0.85, "sidewalk": (1.4, 4.0),
            "cars": (9, 18), "people": (8, 20), "trees": (4, 10), "posts": (5, 12),
            "truck": 0.60, "bus": 0.50, "train": 0.45, "motorcycle": 0.85, "bicycle": 0.90, "light": 0.85,
            "sign": 0.90, "clutter": 0.70,
        }
    ),
    "night": WeatherStyle(
        **{
            **_REAL,
            "saturation": 0.85, "exposure": (0.80, 1.00), "haze": 0.15, "shadow": 0.0, "long_shadows": 0,
            "clouds": 0.2, "vignette": 0.20, "blur": 0.005, "noise": 11.0,
        },
        darkness=0.84, lamps=1.0, wet=0.15,
    ),
    "rain": WeatherStyle(
        **{
            **_REAL,
            "saturation": 0.70, "exposure": (0.72, 0.92), "warmth": -0.03, "contrast": -0.30, "haze": 1.1,
            "shadow": 0.12, "long_shadows": 0, "clouds": 0.95, "blur": 0.006, "noise": 5.0,
        },
        wet=0.75, drops=160,
    ),
}  # fmt: skip


def take(canvas: "Canvas", seed: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The picture that a domain's camera takes of a drawn scene, and its label map.

    Args:
      canvas: the scene; its style is the domain.
      seed: of what is random in the picture.

    Returns:
      ([H, W, 3] uint8 image, [H, W] uint8 train ids).
    """
    bits = np.random.Philox(np.random.SeedSequence((*seed, 1)))
    style, layers = canvas.style, canvas.layers()
    if not isinstance(style, WeatherStyle):
        return st.photograph(bits, style, *layers, canvas.horizon), layers[1]
    planes, label, depth, _ = layers
    height = label.shape[0]
    clean = dataclasses.replace(style, blur=0.0, noise=0.0)
    image = st.photograph(bits, clean, *layers, canvas.horizon).transpose(2, 0, 1).astype(np.float32)
    if style.darkness > 0:
        image = _night(bits, style, image, planes, label, depth)
    if style.wet > 0:
        image = _wet(bits, style, image, label, canvas.horizon)
    if style.drops > 0:
        streaks = _streaks(bits, style.drops, label.shape)
        image = image * (1 - streaks) + _DROP * streaks
    image = st._blur(image, style.blur * height)
    image += (
        np.float32(style.noise) * (np.float32(0.5) + image / np.float32(255)) * st._bell(bits, *image.shape)
    )
    rounded = (np.clip(image, 0, 255) + np.float32(0.5)).astype(np.uint8)
    return np.ascontiguousarray(rounded.transpose(1, 2, 0)), label


def _night(
    bits: np.random.Philox,
    style: WeatherStyle,
    image: np.ndarray,
    planes: np.ndarray,
    label: np.ndarray,
    depth: np.ndarray,
) -> np.ndarray:
    """Little daylight, the cone of the headlights, pools of street light, and what shines by itself."""
    height, width = size = label.shape
    single = np.float32
    columns = (np.arange(width, dtype=np.float32)[None, :] + single(0.5)) / single(height) - single(
        width / height / 2
    )
    far = depth / single(14.0)
    beam = 1 / ((1 + far * far) * (1 + 2 * columns * columns)) * (1 + 1.5 * (label == st.SIGN))
    pools = np.clip(st._smooth(bits, size, 5, 9), 0, 1) * single(0.35)
    sky = label == st.SKY
    lamps = single(style.lamps) * (beam * single(0.6) + pools) * ~sky
    ambient = single(1 - style.darkness) * np.where(sky, single(0.45), single(1.0))
    dark = image * (ambient * _MOONLIGHT + lamps.astype(np.float32) * _HEADLIGHT)
    shining = single(style.lamps) * _shining(bits, style, planes, label)
    glow = st._blur(shining, 0.02 * height) + st._blur(shining, 0.005 * height)
    return np.maximum(dark, shining) + single(0.7) * glow


def _shining(
    bits: np.random.Philox, style: WeatherStyle, planes: np.ndarray, label: np.ndarray
) -> np.ndarray:
    """Colours [3, H, W] of lamps of vehicles, lit traffic lights and some of the windows; zero elsewhere."""
    palette = st.materials(style)
    light = np.zeros_like(planes)

    def add(name: str, factor: float, reach: float, where: np.ndarray, color: tuple[int, int, int]) -> None:
        for paint in palette[name]:
            wanted = np.array(paint, np.float32)[:, None, None] * np.float32(factor)
            there = where & (np.abs(planes - wanted) < np.float32(reach)).all(axis=0)
            light[:, there] = np.array(color, np.float32)[:, None]

    vehicle, signal = np.isin(label, _VEHICLES), label == st.LIGHT
    add("lamp", 1.0, 0.5, vehicle, (255, 246, 214))
    add("red", 1.0, 0.5, vehicle, (255, 40, 30))
    for name, color in (("red", (255, 50, 40)), ("yellow", (255, 205, 60)), ("green", (60, 240, 150))):
        add(name, 1.25, 0.5, signal, color)
    occupied = (label == st.BUILDING) & (st._smooth(bits, label.shape, 16, 32) > np.float32(0.3))
    add("window", 0.93, 16.0, occupied, (225, 178, 104))
    return light


def _wet(
    bits: np.random.Philox, style: WeatherStyle, image: np.ndarray, label: np.ndarray, horizon: float
) -> np.ndarray:
    """Darker ground, which mirrors in patches what lies above the horizon."""
    height = label.shape[0]
    single = np.float32
    rows = np.clip(int(2 * horizon * height) - 1 - np.arange(height), 0, height - 1)
    mirrored = st._blur(image[:, rows], 0.012 * height)
    puddles = np.clip(st._smooth(bits, label.shape, 20, 10) * single(0.5) + single(0.5), 0, 1)
    share = single(0.6 * style.wet) * puddles * np.isin(label, (st.ROAD, st.SIDEWALK))
    return (
        image
        * (1 - single(0.35 * style.wet) * np.isin(label, (st.ROAD, st.SIDEWALK, st.TERRAIN)))
        * (1 - share)
        + mirrored * share
    )


def _streaks(bits: np.random.Philox, most: int, size: tuple[int, ...]) -> np.ndarray:
    """Opacity [H, W] of slanted streaks of rain, all in one direction."""
    height, width = size
    draws = ((bits.random_raw(4 * most + 2) >> np.uint64(11)).astype(np.float64) * 2.0**-53).tolist()
    slant, count = 0.5 * draws.pop() - 0.25, int(most * (0.5 + 0.5 * draws.pop()))
    layer = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(layer)
    for k in range(count):
        x, y, long, strong = draws[4 * k : 4 * k + 4]
        top, tall = (1.2 * y - 0.1) * height, (0.03 + 0.09 * long) * height
        left = (1.2 * x - 0.1) * width
        line = [(int(left), int(top)), (int(left + slant * tall), int(top + tall))]
        pen.line(line, fill=int(50 + 70 * strong), width=max(1, height // 200))
    return np.asarray(layer, np.float32) / np.float32(255)

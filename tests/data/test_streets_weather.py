"""The harder domains of the street scenes, and crops of the things in them: what they add and leave alone."""

import dataclasses
import hashlib

import numpy as np
import pytest

from jaxseg import labels
from jaxseg.data import StreetObjects, Streets, streets
from jaxseg.data import _streets_objects as objects
from jaxseg.data import _streets_scene as scene
from jaxseg.data import _streets_style as style
from jaxseg.data import _streets_weather as weather
from jaxseg.data._streets_objects import CLASSES, crop
from jaxseg.data._streets_scene import render
from jaxseg.errors import InputError

SMALL = (64, 128)
NEW = ("crowded", "night", "rain")

# As in `test_streets_scene`: of the labels only. The first two domains are pinned there.
PINNED = {"crowded": "8db65ebcbcdc9b3d", "night": "7fa5972d692a3128", "rain": "1c8af98857c11791"}


@pytest.fixture(scope="module")
def pictures() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """30 images and label maps of each domain."""
    found = {}
    for domain in weather.STYLES:
        pairs = [render(index, domain=domain, split="train", size=SMALL) for index in range(30)]
        found[domain] = (np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs]))
    return found


def test_the_first_domains_keep_their_place() -> None:
    """The place is part of every seed: measured tables rest on it."""
    assert list(weather.STYLES) == ["synthetic", "real", *NEW]
    assert all(weather.STYLES[name] is style.STYLES[name] for name in ("synthetic", "real"))


@pytest.mark.fast
@pytest.mark.parametrize("domain", NEW)
def test_labels_are_pinned(domain: str) -> None:
    _, label = render(5, domain=domain, split="val", size=(96, 192))
    assert hashlib.sha256(label.tobytes()).hexdigest()[:16] == PINNED[domain]


@pytest.mark.parametrize("domain", NEW)
def test_the_same_index_is_the_same_bytes_and_weather_leaves_labels_alone(domain: str) -> None:
    first, again = (render(3, domain=domain, split="test", size=SMALL) for _ in range(2))
    assert first[0].tobytes() == again[0].tobytes()
    bare = style.DomainStyle(
        **{f.name: getattr(weather.STYLES[domain], f.name) for f in dataclasses.fields(style.DomainStyle)}
    )
    image, label = scene._render(bare, (1, list(weather.STYLES).index(domain), 2, 3), SMALL)
    np.testing.assert_array_equal(label, first[1])
    assert (image.tobytes() == first[0].tobytes()) == (domain == "crowded")


def test_night_is_dark_with_lights_and_rain_is_pale(
    pictures: dict[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    means = {domain: image.mean() for domain, (image, _) in pictures.items()}
    assert means["night"] < 0.5 * means["real"]
    bright = (pictures["night"][0].max(-1) > 230).mean(axis=(1, 2))
    assert (bright > 0.001).mean() > 0.8  # lamps and windows
    sky = pictures["night"][1] == style.SKY
    assert pictures["night"][0][sky].mean() < 30

    def spread(domain: str) -> tuple[float, float]:
        image = pictures[domain][0].astype(float)
        return float((image.max(-1) - image.min(-1)).mean()), float(image.mean(-1).std())

    assert spread("rain")[0] < 0.75 * spread("real")[0]
    assert spread("rain")[1] < 0.85 * spread("real")[1]


def test_crowded_scenes_are_fuller(pictures: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    def movable(domain: str) -> float:
        return float((np.isin(pictures[domain][1], CLASSES)).mean())

    def kinds(domain: str) -> float:
        return float(np.mean([len(set(CLASSES) & set(np.unique(one))) for one in pictures[domain][1]]))

    assert movable("crowded") > 1.3 * movable("real")
    assert kinds("crowded") > kinds("real") + 1


def test_every_class_occurs_in_every_domain(pictures: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    for domain in NEW:
        image, label = pictures[domain]
        assert image.dtype == label.dtype == np.uint8
        assert set(np.unique(label)) == {*range(19), 255}
        assert np.mean(label == 255) < 0.06


def test_wet_ground_mirrors_and_other_surfaces_do_not() -> None:
    image = np.zeros((3, 40, 60), np.float32)
    image[:, :16] = 200.0  # above the horizon
    label = np.full((40, 60), style.ROAD, np.uint8)
    label[:, 30:] = style.CAR
    bits = np.random.Philox(1)
    wet = weather._wet(bits, weather.STYLES["rain"], image, label, 0.5)
    assert wet[:, 24:38, :30].mean() > 10
    np.testing.assert_array_equal(wet[:, :, 30:], image[:, :, 30:])


@pytest.mark.parametrize("domain", NEW)
def test_streets_takes_the_domain(domain: str) -> None:
    data = Streets(domain=domain, size=(32, 64), images=(1, 1, 1))
    assert data.name == f"streets-{domain}"
    image, _ = render(0, domain=domain, split="val", size=(32, 64))
    np.testing.assert_array_equal(data.source("val")[0]["image"], image)


@pytest.mark.fast
def test_street_objects_stores_what_is_cropped() -> None:
    data = StreetObjects(domain="real", size=24, images=(12, 1, 1))
    assert (data.name, data.task, data.labels.classes) == ("streetobjects-real", "classification", 10)
    assert [labels.CITYSCAPES.names[k] for k in CLASSES] == list(data.labels.names)
    source = data.source("train")
    assert [int(example["label"]) for example in source] == [*range(10), 0, 1]
    for index in (0, 11):
        image, number = crop(index, domain="real", split="train", side=24)
        np.testing.assert_array_equal(source[index]["image"], image)
        assert number == index % 10
    assert source[0]["image"].shape == (24, 24, 3)


def test_crops_differ_by_index_split_and_domain() -> None:
    keys = [(i, d, s) for i in (4, 14) for d in ("synthetic", "night") for s in scene.SPLITS]
    found = {crop(i, domain=d, split=s, side=16)[0].tobytes() for i, d, s in keys}
    assert len(found) == len(keys)


def test_windows_hold_the_thing_and_lie_inside() -> None:
    mask = np.zeros((60, 100), bool)
    mask[10:40, 20:30] = True  # 30 x 10: a square of int(1.15 * 30) = 34, its middle at (25, 25)
    mask[0:50, 99] = True  # cut by the frame
    mask[50:52, 40:42] = True  # too small
    assert objects._windows(mask, 0) == [(8, 8, 34)]
    apart = np.zeros((60, 100), bool)
    apart[20:50, 30:48] = apart[20:50, 60:78] = True  # twelve pixels between them
    assert len(objects._windows(apart, 0)) == 2
    assert objects._windows(apart, 7) == [(5, 26, 55)]  # int(1.15 * 48), moved up to lie inside


def test_another_drawing_is_prepared_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    before = StreetObjects().recipe().ingredients
    monkeypatch.setattr(streets, "_drawing", lambda: {"_streets_scene.py": "changed"})
    assert StreetObjects().recipe().ingredients != before


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"domain": "fog"}, "domain: 'fog' is not known"),
        ({"size": 4}, "size: 4; "),
        ({"images": (1, 0, 1)}, "images: "),
    ],
)
def test_bad_fields_are_named(fields: dict[str, object], says: str) -> None:
    data = StreetObjects()
    for name, value in fields.items():
        object.__setattr__(data, name, value)  # past the run-time type check, as a config file may
    with pytest.raises(InputError, match=says):
        data.source("train")

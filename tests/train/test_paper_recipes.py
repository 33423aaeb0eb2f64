"""The recipes of the papers say what the papers and their released codes say, number for number.

`published.TABLE` is the published side; a test reads each of its numbers back from the experiment that a config builds.
"""

import fnmatch
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jaxseg.train import Experiment, load_config, with_arguments
from tests.train.published import TABLE

ROOT = Path(__file__).resolve().parents[2] / "configs"
PAPERS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*/*_paper.py", "gta5/*.py", "cityscapes/*.py")
    for path in ROOT.glob(pattern)
    if path.name != "__init__.py"
)

WARM_STARTED = [
    name
    for name in PAPERS
    if name.startswith("max_squares/") and "office" not in name and "source" not in name
]


@functools.cache
def built(name: str) -> Experiment:
    return load_config(ROOT / name)


def _counted(optimizer: Any, steps: int) -> int:
    """To how many steps a schedule counts."""
    return round(optimizer.schedule.stretch * steps)


def _native_scale(crop: Any, image: tuple[int, int]) -> tuple[float, ...]:
    """The scales of a crop as factors of an image's own size: its are relative to the image that just covers it."""
    covers = max(side / length for side, length in zip(crop.size, image, strict=True))
    return tuple(round(factor * covers, 9) for factor in crop.scale)


NATIVE = {"synthia": (760, 1280), "cityscapes": (1024, 2048)}
"""Height and width of the images as they are."""
IMAGES = {"cityscapes": 2975, "cross_city": 3200}
"""Images for training, of one city."""

DERIVED = {
    "counted.main": lambda e: _counted(e.method.optimizer, e.method.steps),
    "counted.warm_start": lambda e: _counted(e.method.warm_start.optimizer, e.method.warm_start.steps),
    "counted.discriminator": lambda e: _counted(e.method.discriminator_optimizer, e.method.steps),
    # The released loss is the paper's over C, its image-wise one twice the paper's over C (at alpha 0).
    "released.max_squares": lambda e: e.method.objective["target"].weight * e.method.network.classes,
    "released.image_wise": lambda e: e.method.objective["target"].weight * e.method.network.classes / 2,
    "rate.head": lambda e: e.method.optimizer.learning_rate * e.method.optimizer.groups.head,
    "decay.per_step": lambda e: e.method.optimizer.schedule.rise / e.method.steps,
    "teachers": lambda e: tuple(path.parent.name.rpartition("beta")[2] for path in e.method.teachers),
    "native.source": lambda e: _native_scale(e.augment["source_crop"], e.data.resize or NATIVE[e.data.name]),
    "native.crop": lambda e: _native_scale(e.augment["crop"], e.data.resize or NATIVE[e.data.name]),
    "native.target": lambda e: _native_scale(e.augment["target_crop"], (1024, 2048)),
    "native.canvas": lambda e: _native_scale(e.augment["crop"], e.data.canvas),
    "passes.target": lambda e: e.method.steps * e.batch / IMAGES[e.target.name],
    "images.step": lambda e: len(e.method.needs()) * e.batch,
    "labelled.widths": lambda e: tuple(round(scale * 2048) for scale in e.method.scales),
    "augmentations": lambda e: tuple(name for name in e.augment if name != "resize"),
    "terms": lambda e: tuple(e.method.objective),
    "levels": lambda e: tuple(e.method.levels),
}
"""What is not a field but follows from some."""

HELD_BY = {
    "rate.head": "method.optimizer.learning_rate",
    "passes.target": "method.steps",
    "images.step": "batch",
    "labelled.widths": "method.scales",
    "native.crop": "augment.crop.scale",
    "native.canvas": "augment.crop.scale",
    "native.source": "augment.source_crop.scale",
    "native.target": "augment.target_crop.scale",
}
"""The field that is held by what follows from it."""

SETTINGS = (
    "batch",
    "method.steps",
    "method.scales",
    *(
        f"{phase}.optimizer.{field}"
        for phase in ("method", "method.warm_start")
        for field in (
            "learning_rate",
            "momentum",
            "b1",
            "b2",
            "weight_decay",
            "schedule.power",
            "schedule.warmup",
        )
    ),
    *(
        f"augment.{name}.{field}"
        for name in ("resize", "crop", "source_crop", "target_crop")
        for field in ("size", "scale")
    ),
    "evaluation.size",
)
"""What a recipe has a row for, or is named below."""

TRANSPORT = ("ial", "linear", "square", "huber")
OURS = {
    "conservative/*_source_paper.py": {"method.steps"},
    "conservative/*_cold_paper.py": {"method.steps"},
    "metapix/*_fine_tuned_paper.py": {"method.steps"},
    "metapix/cityscapes_target_only_paper.py": {"method.steps"},
    "self_training/*_cbst*_paper.py": {"evaluation.size"},
    "*/office31_paper.py": {"evaluation.size"},
    "wasserstein/*_enet_ce_paper.py": {"method.optimizer.b1", "method.optimizer.b2"},
    **{
        f"wasserstein/*_{loss}_paper.py": {"method.steps", "method.optimizer.learning_rate"}
        for loss in TRANSPORT
    },
    **{
        f"wasserstein/*_enet_{loss}_paper.py": {
            f"{phase}.optimizer.{beta}" for phase in ("method", "method.warm_start") for beta in ("b1", "b2")
        }
        for loss in TRANSPORT
    },
}
"""Settings that nobody states, or that a recipe says it has otherwise, by the recipes' names."""


def read(experiment: Experiment, path: str) -> Any:
    """The value that a path of the table names."""
    if path in DERIVED:
        return DERIVED[path](experiment)
    value: Any = experiment
    for part in path.split("."):
        if part == "type":
            value = type(value).__name__
        else:
            value = value[part] if isinstance(value, Mapping) else getattr(value, part)
    return value


def test_every_recipe_of_a_paper_is_in_the_table() -> None:
    assert sorted(TABLE) == PAPERS


@pytest.mark.parametrize("name", TABLE)
def test_every_published_number_is_in_the_recipe(name: str) -> None:
    experiment = built(name)
    experiment.validate()
    differ = []
    for path, published, source in TABLE[name]:
        found = read(experiment, path)
        number = isinstance(published, float) and isinstance(found, int | float)
        if not (found == pytest.approx(published, rel=1e-9) if number else found == published):
            differ.append(f"{path} is {found}, published {published} ({source})")
    assert differ == []


@pytest.mark.parametrize("name", TABLE)
def test_a_setting_without_a_row_is_named_as_ours(name: str) -> None:
    def there(path: str) -> bool:
        try:
            read(built(name), path)
        except (AttributeError, KeyError):
            return False
        return True

    held = {HELD_BY.get(path, path) for path, _, _ in TABLE[name]}
    ours = [paths for pattern, paths in OURS.items() if fnmatch.fnmatch(name, pattern)]
    assert {path for path in SETTINGS if there(path)} - held == set().union(*ours)


def test_heads_are_those_of_the_paper() -> None:
    for name in PAPERS:
        network: Any = built(name).method.network
        if "office" in name:
            assert network.head == ("bottleneck_0", "bottleneck_1", "head")
            continue
        if name.startswith(("wasserstein/", "structural/")):  # their heads learn as the rest does
            continue
        if name.startswith(("conservative/", "metapix/")):
            assert network.head == ("score_fr", "score_pool4", "score_pool3")
            continue
        single = ("_single", "_least_squares", "fda/", "mean_teacher/")
        multi = "multi" in name or name.split("/")[0] in ("min_ent", "adapt_seg_net", "advent")
        multi = multi and not any(part in name for part in single)
        assert network.head == (("layer5", "layer6") if multi else ("layer5",)), name
        assert network.module.active == 4, name  # the paper's head; the released two branches are an option
        if name.startswith(
            "self_training/"
        ):  # CRST code: RGB / 255 less (.485, .456, .406), over (.229, .224, .225)
            assert network.normalization.mean == pytest.approx((255 * 0.485, 255 * 0.456, 255 * 0.406))
            assert network.normalization.std == pytest.approx((255 * 0.229, 255 * 0.224, 255 * 0.225))
            assert network.normalization.order == "rgb"
            continue
        assert network.normalization.mean == (104.00698793, 116.66876762, 122.67891434), name
        assert network.normalization.order == "bgr", name


@pytest.mark.parametrize("name", WARM_STARTED)
def test_maximum_squares_pretrains_on_the_source_and_begins_afresh(name: str) -> None:
    method: Any = built(name).method
    assert [phase.name for phase in method.phases] == ["warm_start", "train"]
    assert {term.domain for term in method.warm_start.objective.values()} == {"source"}
    assert {term.domain for term in method.objective.values()} == {"source", "target"}
    assert all(method.objective[key] == term for key, term in method.warm_start.objective.items())


def test_what_the_released_code_of_maximum_squares_has_is_there_by_name() -> None:
    words = ["--objective.target.loss.variant", "released", "--objective.target.weight", "0.1"]
    words += ["--network.module.active", "2", "--target.resize", "512", "1024", "--evaluation.flip"]
    for name in ("max_squares/gta5_to_cityscapes_paper.py", "max_squares/gta5_to_cityscapes_iw_paper.py"):
        released: Any = with_arguments(built(name), words)
        term = released.method.objective["target"]
        assert (term.loss.variant, term.weight) == ("released", 0.1)
        assert released.method.network.module.active == 2
        assert released.target.resize == (512, 1024)
        assert released.evaluation.flip


def test_synthia_is_scored_on_16_and_on_13_classes() -> None:
    space = built("max_squares/synthia_to_cityscapes_paper.py").scored["cityscapes"].labels
    assert space.classes == 16
    assert len(space.subsets["13"]) == 13
    assert set(space.names) - set(space.subsets["13"]) == {"wall", "fence", "pole"}

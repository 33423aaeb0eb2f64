"""Every config file: it loads, its fields fit together, and without its data it is refused in one line."""

from pathlib import Path

import pytest

from jaxseg.data import AsCamVid, Planted, Streets
from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace
from jaxseg.train import check, load_config, with_arguments
from jaxseg.train.experiment import resolved

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = [
    path for path in sorted((ROOT / "configs").glob("*/*.py")) if "def experiment()" in path.read_text()
]
OPTIONS = {"folder/compact.py": ["--data.dir", "{mine}", "--network.classes", "1"]}
CLASSES = "name = 'tracks'\n[[classes]]\nname = 'rail'\ncolour = [230, 150, 140]\n"


def identity(path: Path) -> str:
    return path.relative_to(ROOT / "configs").as_posix()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAXSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("path", CONFIGS, ids=identity)
def test_every_config_builds_and_its_fields_fit_together(path: Path, tmp_path: Path) -> None:
    (tmp_path / "classes.toml").write_text(CLASSES)
    words = [word.format(mine=tmp_path) for word in OPTIONS.get(identity(path), [])]
    experiment = load_config(path)
    if words:
        experiment = with_arguments(experiment, words)
    experiment.validate()
    assert isinstance(experiment.data.labels, LabelSpace)
    assert resolved(experiment)["name"] == experiment.name
    assert f"python -m experiments.train configs/{identity(path)}" in path.read_text()


def test_no_two_configs_share_a_name() -> None:
    """Their runs would share a folder."""
    names = [load_config(path).name for path in CONFIGS]
    assert sorted(names) == sorted(set(names))


def is_drawn(path: Path) -> bool:
    data = load_config(path).data
    inner = data.clean if isinstance(data, Planted) else data.given if isinstance(data, AsCamVid) else data
    return isinstance(inner, Streets)


@pytest.mark.parametrize("path", [path for path in CONFIGS if not is_drawn(path)], ids=identity)
def test_a_config_without_its_data_is_one_line_that_says_which_option_to_give(
    path: Path, tmp_path: Path
) -> None:
    experiment = load_config(path)
    given = ["--data.dir", str(tmp_path / "nowhere")]
    if experiment.target is not None:
        given += ["--target.dir", str(tmp_path / "nowhere")]
    cases = [(experiment, "no folder given")]
    if not path.name.endswith(
        "_paper.py"
    ):  # these share the data sets of others, and reading options takes a second
        cases.append((with_arguments(experiment, given), "nowhere is not a folder"))
    for case, expected in cases:
        with pytest.raises(
            InputError, match=rf"{expected}; set --data.dir \(a target's is --target.dir\)"
        ) as caught:
            check(case)
        assert "\n" not in str(caught.value)

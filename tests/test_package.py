"""Importing the package is quick and light, and its floors hold."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import jaxseg

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "module",
    [
        "jaxseg",
        "jaxseg.losses",
        pytest.param("jaxseg.train", marks=pytest.mark.fast),
        "jaxseg.report",
        "jaxseg.data",
    ],
)
def test_no_import_brings_in_another_framework(module: str) -> None:
    unwanted = {"tensorflow", "torch", "ott", "jaxopt"}
    code = (
        f"import sys, {module}; found = {unwanted} & set(sys.modules); sys.exit(str(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.fast
def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, jaxseg; heavy = {'jax', 'numpy', 'flax', 'optax', 'orbax', 'grain'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.fast
def test_every_part_of_the_package_is_reached_by_its_name() -> None:
    parts = {path.stem for path in (ROOT / "jaxseg").iterdir() if not path.stem.startswith("_")}
    assert parts <= set(dir(jaxseg))
    assert all(getattr(jaxseg, part).__name__ == f"jaxseg.{part}" for part in parts)


def test_a_file_imports_only_from_its_own_floor_and_below() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_floors_can_fail(tmp_path: Path) -> None:
    package = tmp_path / "upside"
    for name in ("low", "high"):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").write_text("import upside.high\n" if name == "low" else "")
    (package / "__init__.py").write_text("")
    (tmp_path / "setup.cfg").write_text(
        "[importlinter]\nroot_package = upside\n\n[importlinter:contract:floors]\nname = floors\ntype = layers\n"
        "layers =\n    upside.high\n    upside.low\n"
    )
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "upside.low -> upside.high" in done.stdout


def test_what_is_to_be_installed_is_named_as_it_can_be() -> None:
    files = [
        path for part in ("jaxseg", "experiments", "configs", "tests") for path in (ROOT / part).rglob("*.py")
    ]
    texts = {str(path): path.read_text() for path in (*files, ROOT / "README.md")}
    on_no_index = {path: re.findall(r"\bjaxseg\[\w+\]", text) for path, text in texts.items()}
    assert {path: found for path, found in on_no_index.items() if found} == {}
    named = {extra for text in texts.values() for extra in re.findall(r"'\.\[(\w+)\]'", text)}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"cuda", "torch", "tsne"} <= named <= set(extras)


def test_the_version_is_said_once() -> None:
    import jaxseg

    assert jaxseg.__version__.count(".") == 2
    assert set(dir(jaxseg)) >= {"losses", "labels", "train"}
    with pytest.raises(AttributeError, match="no attribute 'loses'"):
        _ = jaxseg.loses

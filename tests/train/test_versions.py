import shutil
import subprocess
from pathlib import Path

import pytest

from jaxseg.train.versions import commit_of, versions

pytestmark = [pytest.mark.fast, pytest.mark.skipif(shutil.which("git") is None, reason="needs git")]


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    said = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True)
    return said.stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in a checkout with one commit."""
    place = tmp_path / "checkout" / "package"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text("")
    (place.parent / "README.md").write_text("read\n")
    git(place.parent, "init", "-q")
    git(place.parent, "add", ".")
    git(place.parent, "commit", "-qm", "first")
    return place


def test_the_commit_of_a_checkout(package: Path) -> None:
    whole = git(package, "rev-parse", "HEAD")
    found = commit_of(package)
    assert found is not None
    assert len(found) == 12
    assert whole.startswith(found)


def test_files_that_differ_are_told_and_new_ones_are_not(package: Path) -> None:
    (package.parent / "runs.txt").write_text("new\n")
    assert "modified" not in (commit_of(package) or "modified")
    commit_of.cache_clear()
    (package.parent / "README.md").write_text("changed\n")
    assert (commit_of(package) or "").endswith(", modified")


def test_a_package_installed_into_anothers_checkout_has_no_commit(package: Path) -> None:
    installed = package.parent / ".venv" / "package"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    assert commit_of(installed) is None


def test_without_a_checkout_or_without_git_there_is_none(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert commit_of(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert commit_of(package) is None


def test_versions_name_the_code_and_the_machine() -> None:
    found = versions()
    assert {"python", "jax", "numpy", "devices", "processor", "processors"} <= found.keys()
    assert all(found.values())

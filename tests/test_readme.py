"""What the README shows is true: its code runs, its files exist, its commands are there."""

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()


def test_the_code_blocks_run_one_after_another() -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) >= 3
    namespace: dict[str, Any] = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    assert float(namespace["value"]) > 0
    network = namespace["network"]
    image = jnp.zeros((1, 16, 24, 3))
    variables = jax.eval_shape(network.init, jax.random.key(0), image)
    output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, image)
    assert output.logits.shape == (1, 8, 12, 19)


def anchor(heading: str) -> str:
    """What a heading is linked by where Markdown is shown as pages."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.M)}


@pytest.mark.fast
@pytest.mark.parametrize("page", ["README.md", "experiments/results/README.md"])
def test_every_file_that_is_linked_exists(page: str) -> None:
    place = ROOT / page
    links = re.findall(r"\]\(([^)#]*)(#[^)]*)?\)", place.read_text())
    assert links
    assert "@@" not in place.read_text()
    here = [(place.parent / link if link else place, anchor) for link, anchor in links if "://" not in link]
    assert [str(file) for file, _ in here if not file.exists()] == []
    assert [anchor for file, anchor in here if anchor and anchor[1:] not in anchors(file)] == []


def test_the_contents_of_the_results_name_every_section_in_order() -> None:
    page = ROOT / "experiments/results/README.md"
    sections = re.findall(r"^## (.+)$", page.read_text(), re.M)
    contents = page.read_text().split("## ")[0]
    assert re.findall(r"^- \[(.+)\]\(#", contents, re.M) == sections
    assert re.findall(r"^- .*\(#([^)]+)\)", contents, re.M) == [anchor(section) for section in sections]


def test_every_config_and_command_that_is_named_exists() -> None:
    assert [name for name in re.findall(r"configs/[\w/]+\.py", TEXT) if not (ROOT / name).exists()] == []
    commands = re.findall(r"python -m (experiments\.\w+)", TEXT)
    assert commands
    places = {name: ROOT / name.replace(".", "/") for name in commands}
    missing = [
        name
        for name, at in places.items()
        if not (at.with_suffix(".py").exists() or (at / "__main__.py").exists())
    ]
    assert missing == []
    makefile = (ROOT / "Makefile").read_text()
    assert [name for name in re.findall(r"`?make (\w+)", TEXT) if f"\n{name}:" not in makefile] == []

"""What configs and the list say was measured is what the committed files hold."""

import ast
import json
import re
import statistics
from pathlib import Path

import pytest

from experiments.reproduce import _measured
from experiments.reproduce._listing import listed
from experiments.reproduce._measured import header, lines
from experiments.reproduce.items import ITEMS

ROOT = Path(__file__).resolve().parents[2]
NAMES = [item.name for item in ITEMS]


@pytest.mark.fast
def test_headers_of_configs_say_what_was_measured_and_nothing_else() -> None:
    told, differ = 0, []
    for config in sorted(ROOT.glob("configs/*/*.py")):
        words = " ".join((ast.get_docstring(ast.parse(config.read_text())) or "").split())
        wanted = header(config.relative_to(ROOT), NAMES)
        found = re.findall(r"Measured: .*?\)\.", words)
        told += wanted is not None
        if found != ([wanted] if wanted else []):
            differ.append(f"{config.relative_to(ROOT)}: {wanted}")
    assert told > 50
    assert differ == []


def test_the_list_tells_the_mean_and_interval_of_a_row() -> None:
    table = json.loads((_measured.RESULTS / "wasserstein/table1.json").read_text())
    row = next(row for row in table["rows"] if row["row"] == "ial")
    scores = [100 * seed["scores"]["streets-real/test"]["mean_iou"] for seed in row["seeds"].values()]
    mean, spread = statistics.mean(scores), 4.303 * statistics.stdev(scores) / 3**0.5
    (line,) = [line for line in lines("wasserstein.table1") if line.startswith("ial ")]
    assert line.split(maxsplit=1)[1] == f"{mean:.1f} ± {spread:.1f} % mIoU on streets-real/test, 3 seeds"
    item = next(item for item in ITEMS if item.name == "wasserstein.table1")
    assert f"    {line}" in listed(item).splitlines()


def test_what_was_not_run_has_no_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert header(Path("configs/max_squares/gta5_to_cityscapes_paper.py"), NAMES) is None
    monkeypatch.setattr(_measured, "RESULTS", tmp_path)
    _measured.committed.cache_clear()
    assert lines("wasserstein.table1") == []
    assert not any("measured here" in line for line in listed(ITEMS[0]).splitlines())
    _measured.committed.cache_clear()

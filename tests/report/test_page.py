"""The page: self-contained, well formed, escaped, and there even where a run is not whole."""

import base64
import html.parser
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from jaxseg import report
from jaxseg.errors import InputError
from jaxseg.labels import CAMVID, CITYSCAPES, CITYSCAPES_16
from jaxseg.report import _facts
from jaxseg.report._sections import phases
from jaxseg.report.runs import Experiment

MakeRun = Callable[..., Path]


class Page(html.parser.HTMLParser):
    """Collects what a browser would: text, ids, references; and complains where tags do not nest."""

    empty = frozenset({"img", "meta", "wbr"})

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tags: Counter[str] = Counter()
        self.text = ""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            assert not name.startswith("on")
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.references.append(value or "")
            self.references += (
                re.findall(r"url\((.*?)\)", value or "") if name in ("style", "clip-path") else []
            )
        if tag not in self.empty:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.empty:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def written(out: Path) -> tuple[str, Page]:
    source = out.read_text(encoding="utf-8")
    page = Page(source)
    assert len(set(page.ids)) == len(page.ids)
    for reference in page.references:
        assert reference.startswith(("#", "data:image/png;base64,", "data:image/jpeg;base64,")), reference
        if reference.startswith("#"):
            assert reference[1:] in page.ids, reference
    assert not re.search(r"https?:|//cdn|@import|<script|<link", source)
    return source, page


@pytest.mark.fast
def test_a_group_of_runs_gives_one_self_contained_page(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [
        make_run(
            name,
            seed,
            mean_iou=m + 0.01 * seed,
            config={"weight": m},
            pictures=("x", "y") if seed == 0 else (),
            rich=True,
        )
        for name, m in (("source-only", 0.4), ("max-squares", 0.5))
        for seed in (0, 1)
    ]
    out = report.write(runs, tmp_path / "new" / "report.html", title="Demo", notes="One.\n\nTwo.")
    assert out == tmp_path / "new" / "report.html"
    assert [entry.name for entry in out.parent.iterdir()] == ["report.html"]
    source, page = written(out)
    for words in ("Demo", "One.", "Two.", "source-only", "max-squares", "2 experiments, 4 runs, seeds 0, 1."):
        assert words in page.text
    for words in (
        "+10.0 ± 0.0",
        "native label size, last checkpoint",
        "weight",
        "0.10.2",
        "What differs",
        "bicyclist",
    ):
        assert words in page.text
    assert "python -m experiments.train configs/demo.py --seed 0" in page.text
    assert "prefers-color-scheme: dark" in source
    assert "width=device-width" in source
    assert page.tags["img"] == 2 * (2 + 2 * 2)
    assert "Please note" not in page.text
    assert source.count('class="plot"') == source.count('viewBox="0 0 352')


@pytest.mark.fast
def test_one_run_gives_a_page(make_run: MakeRun, tmp_path: Path) -> None:
    _, page = written(report.write([make_run(pictures=("x",))], tmp_path / "report.html"))
    assert "One run, seed 0, configs/demo.py." in page.text
    assert "one seed, so no interval" in page.text
    assert page.tags["img"] == 4
    # 24 x 32 with two void rows, and the left quarter of the other 22 rows wrong
    assert "75.0% of pixels right" in page.text


HOSTILE = '<script>alert(\'1\')</script> & "$x_1$" ]]> é \x00 #fedd00 id="z"'


def test_hostile_names_are_text(make_run: MakeRun, tmp_path: Path) -> None:
    names = [HOSTILE, "_hidden", "$\\frac{", "道路", "a\nb", *CAMVID.names[5:]]
    palette = [list(colour) for colour in CAMVID.palette]
    labels = {"name": HOSTILE, "names": names, "palette": palette, "groups": None}
    runs = [
        make_run(HOSTILE, seed, labels=labels, on=HOSTILE, config={HOSTILE: [HOSTILE]}) for seed in (0, 1)
    ]
    runs.append(
        make_run("$other|", 0, labels=labels, on=HOSTILE, config={HOSTILE: None}, pictures=("a & <b>",))
    )
    lines = (runs[0] / "metrics.jsonl").read_text().replace('"source"', json.dumps(HOSTILE))
    (runs[0] / "metrics.jsonl").write_text(lines.replace("target/val", "<i>val</i>"))
    source, page = written(report.write(runs, tmp_path / "report.html", title=HOSTILE, notes=HOSTILE))
    assert page.tags["script"] == page.tags["i"] - source.count("<i style=") == 0
    assert "<script>alert('1')</script>" in page.text
    assert "道路" in page.text
    assert "_hidden" in page.text
    assert HOSTILE.replace("\x00", "\ufffd") in page.text
    report.summary_table(runs)
    report.summary_table(runs, "markdown")


@pytest.mark.parametrize("missing", ["metrics", "evaluations", "pictures", "everything", "half"])
def test_a_run_that_is_not_whole_gives_a_page_that_says_so(
    make_run: MakeRun, tmp_path: Path, missing: str
) -> None:
    run = make_run(
        mean_iou=None if missing in ("evaluations", "everything") else 0.4,
        pictures=("x",) * (missing == "half"),
    )
    expected = {"evaluations": "No run has an evaluation yet", "pictures": "No pictures"}.get(missing, "")
    if missing in ("metrics", "everything"):
        (run / "metrics.jsonl").unlink()
        expected = "No run has logged a training step yet"
    if missing == "everything":
        (run / "config.json").write_text("{}")
    if missing == "half":
        with open(run / "metrics.jsonl", "a") as file:
            file.write('{"kind": "train"')
        expected = "is cut off and left out"
    _, page = written(report.write([run], tmp_path / "report.html"))
    assert expected in page.text
    assert "Please note" in page.text


def test_damaged_and_odd_pictures_leave_a_note_in_their_place(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run("a", pictures=("cut", "lone", "size")), make_run("b", pictures=("cut",))]
    folder = runs[0] / "pictures" / "target-test"
    whole = (folder / "cut.prediction.png").read_bytes()
    (folder / "cut.prediction.png").write_bytes(whole[:40])
    (folder / "lone.truth.png").unlink()
    (folder / "lone.image.png").unlink()
    report.save_label_map(folder / "size.prediction.png", np.zeros((5, 6), np.uint8), CAMVID)
    _, page = written(report.write(runs, tmp_path / "report.html"))
    for words in (
        "cut.prediction.png: cannot be decoded",
        "no truth to compare with",
        "differ in size",
        "missing",
    ):
        assert words in page.text


def test_number_of_pictures_is_limited_to_those_most_experiments_have(
    make_run: MakeRun, tmp_path: Path
) -> None:
    runs = [
        make_run("a", pictures=("street-1", "street-2", "street-3")),
        make_run("b", pictures=("street-3", "street-2")),
    ]
    _, page = written(report.write(runs, tmp_path / "report.html", pictures=2))
    assert "street-2" in page.text
    assert "street-3" in page.text
    assert "street-1" not in page.text


@pytest.mark.parametrize("order", [1, -1])
def test_pictures_of_runs_whose_classes_differ_are_shown_in_their_own(
    make_run: MakeRun, tmp_path: Path, order: int
) -> None:
    runs = []
    for space in (CITYSCAPES, CITYSCAPES_16):
        run = make_run(f"{space.classes} classes", labels=space.description(), pictures=("x",))
        labels = np.full((8, 16), space.names.index("sky"), np.uint8)
        labels[4:] = space.names.index("car")
        for kind in ("truth", "prediction"):
            report.save_label_map(run / "pictures" / "target-test" / f"x.{kind}.png", labels, space)
        runs.append(run)
    source, page = written(report.write(runs[::order], tmp_path / "report.html"))
    assert page.text.count("100.0% of pixels right") == 2
    maps = re.findall(r'src="data:image/png;base64,([^"]+)" alt="(?:truth|prediction) of ', source)
    assert len(maps) == 4
    for content in maps:
        colours = np.array(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))
        assert colours[0, 0].tolist() == [70, 130, 180]
        assert colours[-1, 0].tolist() == [0, 0, 142]
    pictures = source[source.index('id="pictures"') : source.index('id="measured"')]
    keys = re.findall(r'<ul class="key">(.*?)</ul>', pictures)
    assert [re.findall(r"</i>(\w+)", key) for key in keys] == [["sky", "car", "void", "wrong"]] * 2


def test_pictures_of_a_run_without_labels_are_shown_in_those_of_the_others(
    make_run: MakeRun, tmp_path: Path
) -> None:
    runs = [make_run("a", pictures=("x",)), make_run("b", mean_iou=None, pictures=("x",))]
    (runs[1] / "config.json").write_text('{"name": "b"}')
    _, page = written(report.write(runs, tmp_path / "report.html"))
    assert page.text.count("75.0% of pixels right") == 2
    other = make_run("c", labels=CITYSCAPES.description(), pictures=("x",))
    _, page = written(report.write([*runs, other], tmp_path / "report.html"))
    assert page.text.count("75.0% of pixels right") == 2
    assert "Not shown, as the labels are not known: b." in page.text


def test_large_pictures_are_made_smaller(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(pictures=("x",))
    folder = run / "pictures" / "target-test"
    noise = np.random.default_rng(0).integers(0, 256, (600, 1000, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "x.image.png")
    for kind in ("truth", "prediction"):
        report.save_label_map(folder / f"x.{kind}.png", np.zeros((600, 1000), np.uint8), CAMVID)
    source, _ = written(report.write([run], tmp_path / "report.html"))
    assert len(source) < 700_000


def test_seeds_whose_configs_differ_are_told_but_paths_with_the_seed_are_not(make_run: MakeRun) -> None:
    runs = [
        make_run("a", seed, config={"warm_start": f"runs/source-only/seed-{seed}"}, pictures=("x",))
        for seed in (0, 1)
    ]
    assert _facts.remarks(report.group(report.read_runs(runs))[0]) == []
    runs.append(make_run("a", 2, config={"warm_start": "runs/source-only/seed-2", "rate": 0.5}))
    (told,) = _facts.remarks(report.group(report.read_runs(runs))[0])
    assert told.startswith("The runs of a differ in more than their seed: rate.")


def test_a_loss_that_is_not_finite_is_told(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    with open(run / "metrics.jsonl", "a") as file:
        file.write(
            json.dumps({"kind": "train", "step": 9, "loss": float("nan"), "terms": {"source": None}}) + "\n"
        )
    _, page = written(report.write([run], tmp_path / "report.html"))
    assert "The loss is not finite at step 9." in page.text


def test_many_experiments_and_classes_fit(make_run: MakeRun, tmp_path: Path) -> None:
    names = [f"class {index}" for index in range(30)]
    labels = {"name": "many", "names": names, "palette": [[i, i, i] for i in range(30)], "groups": None}
    runs = [make_run(f"e{index}", mean_iou=0.3, labels=labels) for index in range(9)]
    source, page = written(report.write(runs, tmp_path / "report.html"))
    assert "Bars show the first 7 experiments; the table has all." in page.text
    assert "e0, e1, e2 and 6 more" in page.text
    assert "stroke-dasharray:4 2" in source


def test_nothing_is_left_behind_where_the_page_cannot_be_written(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="out: cannot be written"):
        report.write([run], tmp_path / "out")
    assert not list(tmp_path.glob(".out*"))
    assert not list((tmp_path / "out").iterdir())
    with pytest.raises(InputError, match="there is no such folder"):
        report.write([tmp_path / "nowhere"], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_importing_report_does_not_import_matplotlib() -> None:
    code = "import sys; from jaxseg import report; report.write; sys.exit('matplotlib' in sys.modules)"
    root = Path(report.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu"}
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, cwd=root, check=False).returncode == 0
    )


def test_phases_that_agree_are_told_together() -> None:
    def trained(name: str, **starts: int) -> Any:
        records = [{"phase": phase, "step": step} for phase, step in starts.items()]
        experiment = mock.Mock(spec=Experiment, runs=[SimpleNamespace(train=records)])
        experiment.name = name  # as an argument it would name the mock
        return experiment

    told = phases([trained("a", warm=1, main=51), trained("b", warm=1, main=51), trained("c", main=1)])
    assert told == ["Phases of a, b: warm from step 1, main from step 51."]

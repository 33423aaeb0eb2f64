"""Sections of a report on what was run: runs, protocols, configs, versions."""

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxseg.report import table
from jaxseg.report._evaluations import as_list
from jaxseg.report._markup import Markup, join, tag
from jaxseg.report._sections import grid, speed
from jaxseg.report.runs import Experiment, Run, number


def flattened(value: object, prefix: str = "") -> dict[str, str]:
    """A nested config as dotted fields, which is how the command line names them.

    >>> flattened({"optimizer": {"rate": 0.1, "decay": []}, "crop": [96, 192], "steps": 5})
    {'optimizer.rate': '0.1', 'optimizer.decay': '[]', 'crop': '[96, 192]', 'steps': '5'}
    """
    fields: Mapping[object, object] = {}
    if isinstance(value, Mapping):
        fields = value
    elif isinstance(value, list) and any(isinstance(entry, Mapping | list) for entry in value):
        fields = dict(enumerate(value))
    if fields:
        return {
            name: text
            for key, inner in fields.items()
            for name, text in flattened(inner, f"{prefix}.{key}" if prefix else str(key)).items()
        }
    return {prefix: value if isinstance(value, str) else json.dumps(value, default=str)}


def runs(experiments: Sequence[Experiment]) -> Markup:
    """The runs: seed, folder, steps, time, speed."""
    everyone = [(e.name, run) for e in experiments for run in e.runs]
    rows = []
    for name, run in everyone:
        steps = f"{run.train[-1]['step']:,}" if run.train else table.MISSING
        seconds = [s for record in run.train if (s := number(record.get("seconds"))) is not None]
        rate = speed(run)
        facts = [
            table.MISSING if run.seed is None else str(run.seed),
            steps,
            duration(max(seconds)) if seconds else table.MISSING,
            table.MISSING if rate is None else f"{rate:.3g}",
        ]
        numbers = [tag("td", fact, class_="number") for fact in facts]
        rows.append(
            tag(
                "tr",
                tag("th", name, scope="row"),
                *numbers,
                tag("td", tag("code", place(run, everyone)), class_="path"),
            )
        )
    heads = ["experiment", "seed", "steps", "time", "images/s"]
    head = [tag("th", title, scope="col", class_="number" if i else None) for i, title in enumerate(heads)]
    head.append(tag("th", "folder", scope="col"))
    content = tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows))
    return tag("div", content, class_="card scroll", tabindex="0")


def place(run: Run, everyone: Sequence[tuple[str, Run]]) -> str:
    """The folder of a run, as short as tells it from the others."""
    if len(everyone) == 1:
        return run.path.resolve().name
    shared = os.path.commonpath([other.path.resolve().parent for _, other in everyone])
    return Path(os.path.relpath(run.path.resolve(), shared)).as_posix()


def duration(seconds: int | float) -> str:
    """
    >>> duration(42.3), duration(605), duration(7500)
    ('42 s', '10 min', '2 h 05 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def protocols(experiments: Sequence[Experiment]) -> Markup:
    """How every figure was measured, one card for each different way."""
    ways: dict[tuple[str, str, str], dict[str, set[int | None]]] = {}
    for experiment in experiments:
        for run in experiment.runs:
            for name, evaluation in run.evaluations.items():
                steps = ways.setdefault((name, evaluation.on, table.protocol(evaluation)), {})
                steps.setdefault(experiment.name, set()).add(evaluation.step)
    if not ways:
        return tag("p", "There are no evaluations yet.", class_="lead")
    cards = [
        tag(
            "div",
            tag("b", on),
            f" ({name})" if name != on else "",
            tag("p", f"{text}. {_checkpoints(steps)}"),
            class_="card",
        )
        for (name, on, text), steps in ways.items()
    ]
    every = (e for experiment in experiments for run in experiment.runs for e in run.evaluations.values())
    told = [*dict.fromkeys(e.words.made for e in every), *_ensembles(experiments)]
    return join(*cards, *(tag("p", words, class_="note") for words in told))


def _ensembles(experiments: Sequence[Experiment]) -> list[str]:
    """Which experiments are the mean of several runs, or one that was scored apart from its own scores."""
    told = []
    for experiment in experiments:
        ensemble = experiment.runs[0].ensemble
        members = [record for record in as_list(ensemble.get("members")) if isinstance(record, dict)]
        if members:
            names = ", ".join(f"{record.get('name')} (seed {record.get('seed')})" for record in members)
            several = " and of other seeds likewise" if len(experiment.runs) > 1 else ""
            mean = f"the mean of the {ensemble.get('average')} of " if len(members) > 1 else ""
            apart = ", scored apart" if len(members) == 1 else ""
            told.append(f"{experiment.name} is {mean}{names}{several}{apart}.")
    return told


def _checkpoints(steps: Mapping[str, set[int | None]]) -> str:
    """
    >>> _checkpoints({"a": {600}, "b": {600}}), _checkpoints({"a": {600}, "b": {900}})
    ('Checkpoint of step 600.', 'Checkpoint of step 600 (a), 900 (b).')
    """
    words = {
        name: " and ".join(f"{step:,}" for step in sorted(s for s in known if s is not None)) or "unknown"
        for name, known in steps.items()
    }
    if len(set(words.values())) == 1:
        return f"Checkpoint of step {next(iter(words.values()))}."
    return f"Checkpoint of step {', '.join(f'{word} ({name})' for name, word in words.items())}."


def configs(experiments: Sequence[Experiment]) -> Markup:
    """What differs between the experiments, and every experiment's whole config behind a fold."""
    flat = {e.name: flattened(e.runs[0].config) if e.runs[0].config else {} for e in experiments}
    trained = {e.name: flat[e.name] for e in experiments if not e.runs[0].ensemble}
    return join(_differences(trained), *(_config(e, flat[e.name]) for e in experiments))


def _dotted(name: str) -> Markup:
    """A field's name, which may break behind its dots."""
    first, *others = name.split(".")
    return tag("code", first, *(join(".", tag("wbr"), part) for part in others))


def _differences(flat: Mapping[str, Mapping[str, str]]) -> Markup:
    configs_ = [fields for fields in flat.values() if fields]
    if len(configs_) < 2:
        return Markup()
    names = dict.fromkeys(name for fields in configs_ for name in fields)
    differing = [
        n for n in names if len({fields.get(n) for fields in configs_}) > 1 and n not in ("seed", "name")
    ]
    if not differing:
        return tag("p", "The configs of these experiments do not differ.", class_="lead")
    rows = []
    for name in differing:
        cells = [tag("td", tag("code", fields.get(name, table.MISSING))) for fields in flat.values()]
        rows.append(tag("tr", tag("th", _dotted(name), scope="row"), *cells))
    return join(tag("h3", "What differs"), grid(["field", *flat], rows, numbers_from=10**6))


def _config(experiment: Experiment, fields: Mapping[str, str]) -> Markup:
    run = experiment.runs[0]
    rows = [
        tag("tr", tag("th", _dotted(name), scope="row"), tag("td", tag("code", text)))
        for name, text in fields.items()
    ]
    if run.ensemble:
        rows = [
            tag("tr", tag("th", _dotted(name), scope="row"), tag("td", tag("code", text)))
            for name, text in flattened(run.ensemble).items()
        ]
    if run.config_file:
        command = shlex.join(["python", "-m", "experiments.train", run.config_file, *run.arguments])
        rows.insert(0, tag("tr", tag("th", "command", scope="row"), tag("td", tag("code", command))))
    if not rows:
        return tag("p", f"{experiment.name} has no resolved config.", class_="lead")
    seed = f", seed {run.seed}" if run.seed is not None and len(experiment.runs) > 1 else ""
    return tag(
        "details",
        tag("summary", f"Config of {experiment.name}{seed}"),
        grid(["field", "value"], rows, numbers_from=9, card=False),
    )


def versions(experiments: Sequence[Experiment]) -> Markup:
    """Versions of the software; where runs differ, all of them."""
    found: dict[str, dict[str, None]] = {}
    for experiment in experiments:
        for run in experiment.runs:
            for package, version in run.versions.items():
                found.setdefault(package, {})[version] = None
    if not found:
        return tag("p", "The runs name no versions.", class_="lead")
    rows = [
        tag("tr", tag("th", package, scope="row"), tag("td", ", ".join(each)))
        for package, each in sorted(found.items())
    ]
    return tag(
        "details", tag("summary", "Versions"), grid(["package", "version"], rows, numbers_from=9, card=False)
    )


def remarks(experiments: Sequence[Experiment]) -> list[str]:
    """What a reader should know about single runs, and about seeds that are not repetitions of one config."""
    told: dict[str, list[str]] = {}
    everyone = [(e.name, run) for e in experiments for run in e.runs]
    for _, run in everyone:
        for remark in [*run.remarks, *_diverged(run)]:
            told.setdefault(remark, []).append(place(run, everyone))
    found = [f"{_some(places)}: {remark}" if len(everyone) > 1 else remark for remark, places in told.items()]
    unseen = [e.name for e in experiments if not any(run.pictures or _of_images(run) for run in e.runs)]
    if unseen:
        found.append(f"No pictures of {_some(unseen)}.")
    for experiment in experiments:
        differing = _beside_seed(experiment)
        if differing:
            found.append(
                f"The runs of {experiment.name} differ in more than their seed: {_some(differing)}. "
                "Their interval is not one over seeds alone."
            )
    packages = {tuple(sorted(run.versions.items())) for _, run in everyone if run.versions}
    if len(packages) > 1:
        found.append("The runs were made with different versions of the software.")
    return found


def _of_images(run: Run) -> bool:
    """Whether all that was evaluated are labels of whole images, of which there are no pictures."""
    tasks = {evaluation.task for evaluation in run.evaluations.values()}
    return tasks == {"classification"}


def _beside_seed(experiment: Experiment) -> list[str]:
    """Fields of the config in which runs of one experiment differ, though not by naming their own seed."""
    configs_ = [(run.seed, run.config or run.ensemble) for run in experiment.runs]
    flat = [(seed, flattened(config)) for seed, config in configs_ if config]
    differing = []
    for name in dict.fromkeys(name for _, fields in flat for name in fields):
        values = {fields.get(name) for _, fields in flat}
        own = {re.sub(rf"(?<!\d){seed}(?!\d)", "SEED", fields.get(name, "")) for seed, fields in flat}
        if len(values) > 1 and len(own) > 1:
            differing.append(name)
    return differing


def _some(words: Sequence[str], limit: int = 6) -> str:
    return ", ".join(words[:limit]) + (f" and {len(words) - limit} more" if len(words) > limit else "")


def _diverged(run: Run) -> list[str]:
    bad = [r["step"] for r in run.train if isinstance(r.get("loss"), float) and number(r["loss"]) is None]
    return [f"The loss is not finite at step {bad[0]:g}."] if bad else []

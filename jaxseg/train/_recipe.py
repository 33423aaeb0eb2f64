"""An experiment in words: what is trained on what, and how, in groups, without the fields that say nothing."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from jaxseg.train.experiment import Experiment, resolved

WIDTH = 110
_INDENT = 14
_NEUTRAL = {"Groups": 1.0}
"""Types whose fields are factors: those that change nothing are not told."""


def recipe_text(experiment: Experiment) -> str:
    """The resolved recipe: one group a line or more, `Type(field value, ...)`.

    Fields that are None, empty or False are left out, and long lists shortened.
    """
    lines = [f"recipe {experiment.name}, seed {experiment.seed}"]
    before = ""
    for group, words in _groups(experiment):
        title, before = "" if group == before else group, group
        lines += textwrap.wrap(
            words,
            WIDTH,
            initial_indent=f"  {title:<{_INDENT - 3}} ",
            subsequent_indent=" " * (_INDENT + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def in_words(value: Any) -> str:
    """A resolved value in words.

    >>> in_words({"type": "Poly", "power": 0.9, "stretch": 1.0, "warmup": 0.0})
    'Poly(power 0.9, stretch 1, warmup 0)'
    >>> in_words([720, 1280]), in_words(2.5e-4), in_words(list(range(30)))
    ('720x1280', '0.00025', '[0, 1, 2, ..., 29]')
    """
    if isinstance(value, Mapping):
        kind = value.get("type", "")
        if kind == "OneOf":  # the others are not computed
            value = {**value, "objectives": value["objectives"].get(value["chosen"], {})}
        fields = [
            f"{name} {in_words(field)}"
            for name, field in value.items()
            if name != "type" and field != _NEUTRAL.get(kind, ...) and not _says_nothing(field)
        ]
        return f"{kind}({', '.join(fields)})" if kind else "; ".join(fields)
    if isinstance(value, list):
        if len(value) == 2 and all(type(one) is int for one in value):
            return f"{value[0]}x{value[1]}"
        parts = [in_words(one) for one in value]
        if len(parts) > 24:
            parts = [*parts[:3], "...", parts[-1]]
        return f"[{', '.join(parts)}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return re.sub(r"dtype\('(\w+)'\)", r"\1", str(value))


def _says_nothing(value: Any) -> bool:
    if isinstance(value, Mapping) and value.get("type") in _NEUTRAL:
        neutral = _NEUTRAL[value["type"]]
        return all(field == neutral for name, field in value.items() if name != "type")
    return value is None or value is False or value in ("", [], {})


def _groups(experiment: Experiment) -> Iterator[tuple[str, str]]:
    fields = resolved(experiment)
    method = dict(fields["method"])
    space = experiment.data.labels
    for name in ("data", "target"):
        if fields[name] is not None:
            yield name, in_words(fields[name])
    yield "labels", f"{space.name}, {space.classes} classes"
    for name, step in fields["augment"].items():
        yield "augment", f"{name}: {in_words(step)}"
    if fields["translate"] is not None:
        yield "translate", in_words(fields["translate"])
    for name, rare in fields["sampling"].items():
        yield "sampling", f"{name}: {in_words(rare)}"
    start = "random weights" if fields["initialize"] is None else fields["initialize"]
    headless = fields["initialize"] is not None and not experiment.initialize_head
    yield "start", f"{start}{', without its head' if headless else ''}"
    for name in [name for name in method if name.endswith("network")]:
        network = method.pop(name)
        if network is not None:
            yield name.replace("_", " "), in_words(network)
    warm = method.pop("warm_start", None)
    yield "method", f"{method.pop('type')}, {method.pop('steps', experiment.method.total_steps):,} steps"
    if warm is not None:
        yield "warm start", f"{warm['steps']:,} steps"
        yield from _terms("  terms", warm["objective"])
        yield "  optimizer", in_words(warm["optimizer"])
    for name in [name for name, field in method.items() if not _says_nothing(field)]:
        if name == "objective":
            yield from _terms("terms", method[name])
        else:
            yield name.replace("_", " "), in_words(method[name])
    yield "batch", f"{experiment.batch} a domain and step, {in_words(fields['mesh'])}"
    protocols: dict[str, list[str]] = {}
    for name, data in experiment.scored.items():
        protocol = experiment.evaluation.described(data.task, data.label_size, data.label_canvas)
        protocols.setdefault(protocol, []).append(name)
    yield (
        "scored",
        "; ".join(f"{' and '.join(names)}: {protocol}" for protocol, names in protocols.items())
        + (f"; every {experiment.evaluate_every:,} steps on val" if experiment.evaluate_every else ""),
    )


def _terms(title: str, objective: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`name: weight x Loss(...) on domain`, a line each."""
    for name, term in objective.items():
        rest = {key: field for key, field in term.items() if key not in ("weight", "domain", "head", "loss")}
        what = in_words(term["loss"]) if "loss" in term else in_words(rest)
        head = " of the auxiliary head" if term.get("head") == "aux" else ""
        yield title, f"{name}: {in_words(term['weight'])} x {what}{head} on the {term['domain']}"

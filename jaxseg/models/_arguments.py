"""What the networks' arguments have in common: the factor of their widths, and checks that say what is accepted."""

from jaxseg.errors import InputError
from jaxseg.models.layers import check_norm


def scaled(channels: int, width: float) -> int:
    """Channels times the width factor, in multiples of 4 and at least 4; unchanged at width 1.

    >>> scaled(256, 0.1), scaled(728, 1.0), scaled(64, 0.01)
    (24, 728, 4)
    """
    return max(4, 4 * round(channels * width / 4)) if width != 1 else channels


def check_network(name: str, *, classes: int, width: float, batch_norm: str) -> None:
    """Raises `InputError` where an argument that nearly all networks have cannot be used."""
    check_norm(batch_norm, f"{name}.batch_norm")
    check_counts(name, classes=classes)
    if not width > 0:
        raise InputError(f"{name}.width: {width}; use a number above 0, 1 for the published widths")


def check_counts(network: str, **counts: int) -> None:
    """Raises `InputError` unless all are at least 1.

    >>> check_counts("patchgan", layers=3, width=0)
    Traceback (most recent call last):
    ...
    jaxseg.errors.InputError: patchgan.width: 0; use at least 1
    """
    for name, count in counts.items():
        if count < 1:
            raise InputError(f"{network}.{name}: {count}; use at least 1")


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Raises `InputError` unless the value is one of the choices.

    >>> check_choice("resnet.depth", 34, (50, 101))
    Traceback (most recent call last):
    ...
    jaxseg.errors.InputError: resnet.depth: 34 is not known; use 50 or 101
    """
    if value not in choices:
        *others, last = map(repr, choices)
        raise InputError(f"{name}: {value!r} is not known; use {', '.join(others)} or {last}")


def check_rate(name: str, rate: float) -> None:
    """Raises `InputError` unless the dropout rate is a probability below 1."""
    if not 0 <= rate < 1:
        raise InputError(f"{name}: {rate}; use a probability from 0 to below 1")


def check_momentum(name: str, momentum: float) -> None:
    """Raises `InputError` unless the share of the running statistics that a step keeps is below 1."""
    if not 0 <= momentum < 1:
        raise InputError(f"{name}: {momentum}; use a number from 0 to below 1")

"""The width factor, and the checks that all networks share."""

import pytest

from jaxseg.errors import InputError
from jaxseg.models import _arguments


@pytest.mark.fast
def test_widths_are_rounded_to_fours():
    assert [_arguments.scaled(channels, 0.3) for channels in (64, 128, 4096)] == [20, 40, 1228]
    assert [_arguments.scaled(channels, 0.01) for channels in (3, 64)] == [4, 4]
    assert _arguments.scaled(6, 1.0) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 0}, r"vgg\.classes: 0; use at least 1"),
        ({"width": -1.0}, r"vgg\.width: -1\.0; use a number above 0"),
        ({"width": float("nan")}, r"vgg\.width: nan; use a number above 0"),
        ({"batch_norm": "eval"}, r"vgg\.batch_norm: 'eval' is not known"),
    ],
)
def test_what_nearly_all_networks_take_is_checked(arguments, message):
    given = {"classes": 1, "width": 0.1, "batch_norm": "group"}
    _arguments.check_network("vgg", **given)
    with pytest.raises(InputError, match=message):
        _arguments.check_network("vgg", **{**given, **arguments})


@pytest.mark.parametrize("check", [_arguments.check_rate, _arguments.check_momentum])
def test_rates_and_momenta_are_below_1(check):
    for accepted in (0.0, 0.9997):
        check("net.rate", accepted)
    for refused in (-0.1, 1.0, float("nan")):
        with pytest.raises(InputError, match=rf"net\.rate: {refused}; use a .* from 0 to below 1"):
            check("net.rate", refused)

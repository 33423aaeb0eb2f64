"""The one exception that means: the input is at fault, and here is what to do about it."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one line that says what is wrong, where, and what to do. Commands print it and exit with
    status 2; library callers catch it as a `ValueError`.

    >>> raise InputError("batch: 6 images do not divide over 4 devices; use a multiple of 4")
    Traceback (most recent call last):
    ...
    jaxseg.errors.InputError: batch: 6 images do not divide over 4 devices; use a multiple of 4
    """

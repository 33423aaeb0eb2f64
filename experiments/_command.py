"""What every command shares: one clear line and exit status 2 where the input is at fault, and reading arguments."""

import contextlib
import ctypes
import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import tyro

from jaxseg.errors import InputError


def run(main: Callable[[Sequence[str]], int | None], *, keep: bool = True) -> NoReturn:
    """Runs a command's `main(arguments)` as the process: its status is the exit status, 2 for unusable input.

    Where output goes into a pipe that is closed, it ends in silence.

    With `keep`, freed memory is kept, see `keep_freed_memory`.
    """
    if keep:
        keep_freed_memory()
    # What fails in a library is told once, as the error that it becomes here.
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    try:
        sys.exit(main(sys.argv[1:]) or 0)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on, or begins again", file=sys.stderr)
        sys.exit(128 + int(signal.SIGINT))
    except BrokenPipeError:  # whoever read the output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor can what is left be written
        sys.exit(128 + int(signal.SIGPIPE))
    except OSError as error:
        print(
            f"error: {error.strerror or error}: {error.filename}; free space or choose another folder",
            file=sys.stderr,
        )
        sys.exit(2)


def keep_freed_memory() -> None:
    """Has glibc keep what is freed instead of giving it back to the kernel; elsewhere, nothing.

    On a CPU a training step frees its temporaries and takes them again in the next one: faulting those pages in anew
    costs a quarter of the step's time.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for option, value in ((-3, 2**31 - 1), (-1, 2**31 - 1)):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
            mallopt(option, value)


def parse(main: Callable[..., Any], arguments: Sequence[str], program: str) -> tuple[Any, list[str]]:
    """Calls `main` with the arguments that it declares; returns its result and the arguments that it does not.

    Raises:
      InputError: an argument is missing or cannot be read.
    """
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            result, unknown = tyro.cli(main, args=list(arguments), prog=program, return_unknown_args=True)
    except SystemExit as stop:
        if not stop.code:
            raise
        from jaxseg.train.arguments import message_of

        raise InputError(f"{program}: {message_of(errors.getvalue())}") from None
    return result, unknown


def parse_all(main: Callable[..., Any], arguments: Sequence[str], program: str) -> Any:
    """`parse` where every argument must be one that `main` declares.

    Raises:
      InputError: an argument is missing, cannot be read or is not known.
    """
    result, unknown = parse(main, arguments, program)
    if unknown:
        raise InputError(f"{program}: {unknown[0]} is not known; --help lists the options")
    return result

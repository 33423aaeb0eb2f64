"""Files that are there whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path

from jaxseg.errors import InputError


def write_whole(path: Path, content: bytes) -> Path:
    """Writes `content` to `path` in one step: a reader sees the old file or the new one, never a part.

    Args:
      path: the file; folders above it are made.
      content: its bytes.

    Returns:
      `path`.

    Raises:
      InputError: the folder cannot be made or the file cannot be written; nothing is left behind.
    """
    path = Path(path)
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files that nobody else can read
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        reason = error.strerror or type(error).__name__
        raise InputError(f"{path}: cannot be written ({reason}); give another place or make room") from error
    return path


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current

"""How processes that train together notice at once that one of them is gone.

JAX's own heartbeat takes as long as it waits, and ends a process from inside with a dump of its stack. Here every
process keeps a connection to the first one open: the system closes it when a process ends, however it ends. Then the
first says so and ends, which closes all the others. Where a machine falls silent, the heartbeat is what remains.
"""

import os
import socket
import struct
import sys
import threading
from collections.abc import Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils

_DONE = b"done"
_PATIENCE = 60.0
_FIRST, _SOME = 0, -1


class Lifeline:
    """The connections of this process; open it once all have joined.

    Args:
      host: under which the others reach the first process; by default its host name.
    """

    def __init__(self, host: str | None = None) -> None:
        self._closing = False
        self._ending = threading.Lock()
        self._open: list[socket.socket] = []
        first = jax.process_index() == 0
        listening = socket.create_server(("", 0), backlog=jax.process_count()) if first else None
        port = 0 if listening is None else listening.getsockname()[1]
        name, port = _told(host or socket.gethostname(), port)
        if listening is not None:
            self._start(self._accept, listening)
            return
        try:
            connection = socket.create_connection((name, port), timeout=_PATIENCE)
        except OSError as error:
            print(
                f"process {jax.process_index()}: cannot reach {name}:{port} ({error.strerror or error}); "
                "that another process died will be noticed by its silence alone",
                file=sys.stderr,
                flush=True,
            )
            return
        connection.sendall(struct.pack("!i", jax.process_index()))
        self._keep(connection, _FIRST)

    def close(self) -> None:
        """Tells the others that this process ends as it should."""
        self._closing = True
        for connection in self._open:
            try:
                connection.sendall(_DONE)
                connection.close()
            except OSError:
                continue

    def end(self, line: str, status: int) -> None:
        """Prints one line and ends this process, whatever its other threads do; the first to call it does so."""
        with self._ending:
            print(f"process {jax.process_index()}: {line}", file=sys.stderr, flush=True)
            sys.stdout.flush()
            os._exit(status)

    def _start(self, *work: object) -> None:
        function, *arguments = work
        threading.Thread(target=function, args=arguments, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self, listening: socket.socket) -> None:
        with listening:
            listening.settimeout(_PATIENCE)
            for _ in range(jax.process_count() - 1):
                try:
                    connection, _ = listening.accept()
                    connection.settimeout(_PATIENCE)
                    (process,) = struct.unpack("!i", connection.recv(4))
                except (OSError, struct.error):
                    continue
                self._keep(connection, process)

    def _keep(self, connection: socket.socket, process: int) -> None:
        connection.settimeout(None)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._open.append(connection)
        self._start(self._watch, connection, process)

    def _watch(self, connection: socket.socket, process: int) -> None:
        try:
            word = connection.recv(len(_DONE))
        except OSError:
            word = b""
        if word != _DONE and not self._closing:
            self.end(gone(process), 1)


def gone(process: int = _SOME, reason: str = "") -> str:
    """What is said when a process, or one that is not known, is gone."""
    who = "another process" if process == _SOME else f"process {process}"
    return (
        f"error: {who} of this run ended or cannot be reached{f' ({reason})' if reason else ''}; "
        "start all of them again, and the run goes on from its last checkpoint"
    )


def _told(host: str, port: int) -> tuple[str, int]:
    """The first process's host and port, in every process."""
    word = f"{host}:{port}".encode()
    sent: Sequence[int] = list(word.ljust(256, b"\0"))
    heard = multihost_utils.broadcast_one_to_all(np.asarray(sent, np.int32))
    name, _, number = (
        bytes(int(letter) for letter in np.asarray(heard)).rstrip(b"\0").decode().rpartition(":")
    )
    return name, int(number)

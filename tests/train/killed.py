"""Trains a run again and again, each time in a process that kills itself at a random moment: `CONFIG RUN SEED KILLS`.

Each life is a fork of this process, which has imported everything and computed nothing. It prints one line a life, the
moment it was aimed at and what became of it; the last life is left alone and ends the run.
"""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxseg.train import RunFolder, load_config, train, trainer
from jaxseg.train.checkpoint import Checkpoints

MOMENTS: dict[str, tuple[Any, str, int, float]] = {
    "compile": (trainer, "_step", 1, 2.0),
    "step": (trainer, "_step", 15, 0.01),
    "save": (Checkpoints, "save", 3, 0.1),
    "evaluation": (trainer, "evaluate", 2, 0.3),
}
"""What is called then, at most at which of its calls in a life, and at most how many seconds after it is called."""


def aim(draw: random.Random, moment: str) -> None:
    """Has this process kill itself at one of the calls of a moment."""
    owner, name, calls, seconds = MOMENTS[moment]
    called: Callable[..., Any] = getattr(owner, name)
    left, delay = [draw.randint(1, calls)], draw.uniform(0.0, seconds)

    def end() -> None:
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGKILL)

    def watched(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            threading.Thread(target=end, daemon=True).start()
        return called(*arguments, **named)

    setattr(owner, name, watched)


def live(config: Path, run: Path) -> None:
    """Trains to the end, if it comes to that."""
    folder, experiment = RunFolder(run), load_config(config)
    with folder.locked():
        folder.open(experiment, config, [])
        train(experiment, folder)


def main(config: Path, run: Path, seed: int, kills: int) -> None:
    """Kills the run as often, and ends it."""
    draw = random.Random(seed)
    for life in range(kills + 1):
        moment = [*MOMENTS][life % len(MOMENTS)] if life < kills else "none"
        child = os.fork()
        if child == 0:
            # Without a cache, so that there is something to be killed in.
            jax.config.update("jax_enable_compilation_cache", moment != "compile")
            if life < kills:
                aim(draw, moment)
            live(config, run)
            os._exit(0)
        draw.random()  # the child's draws are its own
        _, status = os.waitpid(child, 0)
        print(moment, -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

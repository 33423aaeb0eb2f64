"""Every test sees eight devices, strict promotion, warnings as errors, and checked array annotations."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"

import jaxtyping
import pytest
from jaxtyping import install_import_hook

install_import_hook("jaxseg", "beartype.beartype")

import jax  # noqa: E402  (after the device count is set)

jax.config.update("jax_numpy_dtype_promotion", "strict")

# Many tests train the same step again, resumed or from another folder: what this process compiled it need not again.
_compiled = tempfile.mkdtemp(prefix="jaxseg-tests-")
atexit.register(shutil.rmtree, _compiled, ignore_errors=True)
jax.config.update("jax_compilation_cache_dir", _compiled)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """What users have: functions are not held to their annotations, and say themselves what does not fit."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)

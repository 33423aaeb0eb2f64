"""Every test sees eight devices, strict promotion, warnings as errors, and checked array annotations."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"

from jaxtyping import install_import_hook

install_import_hook("jaxseg", "beartype.beartype")

import jax  # noqa: E402  (after the device count is set)

jax.config.update("jax_numpy_dtype_promotion", "strict")

"""The first tenth of a second: imports without garbage collection, then collection without the imports.

What is made while modules load lives for ever; looking through it again and again costs a third of the
start. NumPy's linear algebra starts threads that nobody here uses (80 ms of CPU).
"""

from __future__ import annotations

import gc
import os


def begin() -> None:
    """Before anything heavy is imported."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()


def settle() -> None:
    """After the imports, before the work."""
    gc.freeze()
    gc.enable()

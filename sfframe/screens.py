"""Screens: where a person looks on."""

from __future__ import annotations

import sys


def in_notebook() -> bool:
    """Whether this process serves a notebook, which shows HTML: Jupyter, VS Code, Colab, marimo, ..."""
    return in_jupyter() or in_marimo()


def in_jupyter() -> bool:
    """Whether this process is the kernel of a Jupyter notebook, in whatever editor."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return shell is not None and hasattr(shell, "kernel")


def in_marimo() -> bool:
    """Whether this process runs a marimo notebook."""
    module = sys.modules.get("marimo")
    return module is not None and bool(module.running_in_notebook())

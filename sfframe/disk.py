"""Disk: to be sure that what was written is there also after a power loss."""

from __future__ import annotations

import os
from pathlib import Path


def settle(path: Path) -> None:
    """Wait until the disk has a file's contents, or a folder's names."""
    if os.name == "nt" and path.is_dir():
        return  # folders can't be opened there, and need it not
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

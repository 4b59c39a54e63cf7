"""Storage: whether a lock that a process has on a file there keeps those of other machines out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/mounts")
# Of one machine; all of its processes see each other's locks.
_LOCAL: Final = (
    "apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "fuse.fuse-overlayfs", "jfs", "overlay", "ramfs",
    "reiserfs", "rootfs", "tmpfs", "xfs", "zfs",
)  # fmt: skip
# Of many, which all see each other's, but where mounted with one of these options.
_SHARED: Final = {
    "beegfs": ("tuneUseGlobalFileLocks=false",),
    "ceph": (),
    "cifs": ("nobrl",),
    "fuse.ceph": (),
    "fuse.ceph-fuse": (),
    "fuse.glusterfs": (),
    "gfs2": ("localflocks",),
    "gpfs": (),
    "lustre": ("localflock", "noflock"),
    "nfs": ("nolock", "local_lock=flock", "local_lock=all"),
    "nfs4": ("nolock", "local_lock=flock", "local_lock=all"),
    "ocfs2": ("localflocks",),
    "smb3": ("nobrl",),
    "wekafs": (),
}


def why_not(folder: Path, mounts: str | None = None) -> str | None:
    """Why the storage of a folder may let two tries of a partition have its lock at once; `None`: it won't.

    Args:
        folder: The folder; it, or one above it, is there.
        mounts: What is mounted, as Linux tells it in `/proc/mounts`, which is read otherwise. Other systems don't tell.
    """
    if mounts is None:
        if not _MOUNTS.exists():
            return None
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
    kind, options = _mounted(folder, mounts)
    if kind in _LOCAL:
        return None
    if kind not in _SHARED:
        return f"{folder} is on {kind}, of which isn't known that a lock of one machine keeps the others out"
    bad = [one for one in _SHARED[kind] if one in options]
    if kind == "lustre" and "flock" not in options:
        bad = bad or ["noflock"]
    return f"{folder} is on {kind} mounted with {bad[0]}, where a lock keeps no other machine out" if bad else None


def _mounted(folder: Path, mounts: str) -> tuple[str, list[str]]:
    """The file system that a folder is on, and its options."""
    found: tuple[Path, str, list[str]] = (Path("/"), "an unknown file system", [])
    place = folder.resolve()
    for line in mounts.splitlines():
        _, point, kind, options, *_ = *line.split(), "", "", "", ""
        path = Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), point) or "/")
        if place.is_relative_to(path) and len(path.parts) >= len(
            found[0].parts
        ):  # of two at one point the later counts
            found = (path, kind, options.split(","))
    return found[1], found[2]

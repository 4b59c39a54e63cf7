"""Storage: whether a folder's locks hold for all machines that reach it, which second tries of an engine rely on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from sfframe.errors import JournalError, JournalInUse
from sfframe.ingest.locked import Locked

_MOUNTS: Final = Path("/proc/self/mountinfo")
# Of one machine: the kernel keeps their locks.
_LOCAL: Final = frozenset({
    "apfs", "bcachefs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "fuse.fuse-overlayfs", "jfs", "ntfs3",
    "overlay", "ramfs", "reiserfs", "rootfs", "tmpfs", "xfs", "zfs",
})  # fmt: skip
# Of many: a server, or all of them together, keep the locks; and the options of a mount by which they don't.
_SHARED: Final = {
    "beegfs": ("tuneUseGlobalFileLocks=false",),
    "ceph": (),
    "cifs": ("nobrl", "nolock"),
    "fuse.ceph": (),
    "fuse.ceph-fuse": (),
    "fuse.glusterfs": (),
    "gfs2": ("localflocks",),
    "gpfs": (),
    "lustre": ("noflock", "localflock"),
    "nfs": ("nolock", "local_lock=flock", "local_lock=all"),
    "nfs4": ("nolock", "local_lock=flock", "local_lock=all"),
    "ocfs2": ("localflocks",),
    "smb3": ("nobrl", "nolock"),
    "wekafs": (),
}
HOW: Final = (
    "give a folder on a local disk, where all workers are on this machine, or on NFS, CephFS, Lustre, GPFS, GlusterFS "
    "or SMB, mounted with locks"
)


@dataclass(frozen=True, slots=True)
class Mount:
    """A file system as it is mounted.

    Attributes:
        place: Where.
        kind: Which one, as the kernel calls it.
        options: How.
    """

    place: str
    kind: str
    options: frozenset[str]


def why_unsafe(folder: Path) -> str | None:
    """Why two machines, or two processes, might both believe that they have a lock in a folder; `None`: they won't.

    Raises:
        JournalError: No file can be made there.
    """
    if not _locks_out(folder):
        return "a lock there keeps nobody out"
    mount = _mount_of(folder)
    if mount is None or mount.kind in _LOCAL:
        return None
    if mount.kind not in _SHARED:
        return f"whether locks on {mount.kind} hold for all machines isn't known"
    off = sorted(mount.options.intersection(_SHARED[mount.kind]))
    if mount.kind == "lustre" and not off and "flock" not in mount.options:
        off = ["noflock"]  # which is its default
    return f"it is mounted with {', '.join(off)}, so that each machine has locks of its own" if off else None


@lru_cache(maxsize=64)
def is_of_many(folder: Path) -> bool:
    """Whether other machines may have a folder too, as far as that is known: memory isn't shared with them."""
    mount = _mount_of(folder)
    return mount is not None and mount.kind not in _LOCAL


def _locks_out(folder: Path) -> bool:
    """Whether a second lock isn't had while there is a first."""
    try:
        with tempfile.TemporaryDirectory(prefix="locks-", dir=folder) as inner:
            first = Locked(Path(inner))
            try:
                Locked(Path(inner)).release()
            except JournalInUse:
                return True
            finally:
                first.release()
    except JournalInUse:  # there are no locks at all
        return False
    except OSError as error:
        raise JournalError(f"no file can be made in {folder}: {error}") from error
    return False


def _mount_of(folder: Path) -> Mount | None:
    """The mount that a folder is on; `None` where the system doesn't tell."""
    if not _MOUNTS.exists():
        return None
    place = os.path.realpath(folder)
    above = [one for one in mounts_in(_MOUNTS.read_text()) if f"{place}/".startswith(f"{one.place.rstrip('/')}/")]
    return max(above, key=lambda one: len(one.place), default=None)


def mounts_in(text: str) -> Iterator[Mount]:
    """The mounts that Linux tells of, the one that hides others last."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        *_, place, options = before.split(" ")[:6]
        kind, _, more = after.split(" ")[:3]
        # The kernel writes blanks and the like in octal.
        path = place.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogateescape")
        yield Mount(path, kind, frozenset(options.split(",")) | frozenset(more.split(",")))

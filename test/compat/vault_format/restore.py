"""Writes the files of a point into a directory (docs/format.md, section 6)."""

import os
from pathlib import Path

from .errors import FormatError
from .manifest import FileEntry


class DirectoryRestore:
    """An empty directory that becomes what the source was. Owners are left alone."""

    def __init__(self, directory: Path):
        directory.mkdir(parents=True)
        self.root = os.fsencode(directory)
        self._directories: list[tuple[bytes, FileEntry]] = []

    def write(self, file: FileEntry, content: bytes) -> None:
        path = self._path(file.path)
        if file.facts["k"] == "directory":
            os.makedirs(path, exist_ok=True)
            self._directories.append((path, file))
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if file.facts["k"] == "symlink":
            os.symlink(_link_target(file), path)
            self._set_times(path, file)
            return
        with open(path, "xb") as written:
            written.write(content)
        self._set_mode(path, file)
        self._set_times(path, file)

    def finish(self) -> None:
        """Modes and times of directories: last, as every file that is written into one changes them."""
        for path, file in reversed(self._directories):
            self._set_mode(path, file)
            self._set_times(path, file)

    def _path(self, path: bytes) -> bytes:
        parts = path.removesuffix(b"/").split(b"/")
        if any(part in (b"", b".", b"..") for part in parts) or b"\0" in path:
            raise FormatError(f"{path!r} cannot be a path below a directory")
        return os.path.join(self.root, *parts)

    def _set_mode(self, path: bytes, file: FileEntry) -> None:
        mode = file.attributes.get("mode")
        if mode is not None:
            os.chmod(path, int(mode, 8) & 0o777)

    def _set_times(self, path: bytes, file: FileEntry) -> None:
        modified = file.facts["m"]
        assert isinstance(modified, int | float)
        nanoseconds = round(modified * 1_000_000)
        os.utime(path, ns=(nanoseconds, nanoseconds), follow_symlinks=False)


def _link_target(file: FileEntry) -> bytes:
    target = file.attributes.get("link-target")
    if target is not None:
        return target.encode("utf-8")
    try:
        return bytes.fromhex(file.attributes["link-target-hex"])
    except (KeyError, ValueError) as error:
        raise FormatError(f"symbolic link {file.path!r} has no target") from error

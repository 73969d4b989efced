"""A directory copy of a vault: names of objects are paths (as `aws s3 sync` writes them)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .errors import CopyError


class Copy(Protocol):
    """Objects by name, wherever they lie."""

    def has(self, name: str) -> bool: ...

    def size(self, name: str) -> int: ...

    def read(self, name: str) -> bytes: ...

    def read_range(self, name: str, offset: int, length: int) -> bytes: ...

    def names(self, prefix: str) -> Iterator[str]: ...


class PlainCopy:
    """Reads objects of a copy. It never writes."""

    def __init__(self, directory: Path):
        self.directory = directory
        if not directory.is_dir():
            raise CopyError(f"{directory} is not a directory")

    def has(self, name: str) -> bool:
        return self._path(name).is_file()

    def size(self, name: str) -> int:
        return self._stat(name).st_size

    def read(self, name: str) -> bytes:
        return self.read_range(name, 0, self.size(name))

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """The bytes from an offset on: fewer than asked for when the object ends before."""
        try:
            with open(self._path(name), "rb") as file:
                file.seek(offset)
                return file.read(length)
        except FileNotFoundError as error:
            raise CopyError(f"object {name} is not in the copy") from error

    def names(self, prefix: str) -> Iterator[str]:
        """The names below a folder, in byte order."""
        root = self._path(prefix)
        found = []
        for folder, _, files in os.walk(root):
            found += [Path(folder, file).relative_to(self.directory).as_posix() for file in files]
        yield from sorted(found)

    def _stat(self, name: str) -> os.stat_result:
        try:
            return self._path(name).stat()
        except FileNotFoundError as error:
            raise CopyError(f"object {name} is not in the copy") from error

    def _path(self, name: str) -> Path:
        return self.directory.joinpath(*name.split("/"))

"""A container that is all there is of its vault (docs/format.md, section 4): its key block stands for the other objects."""

import json
from collections.abc import Iterator
from pathlib import Path

from .copy import PlainCopy
from .errors import CopyError, FormatError, require
from .packs import key_block


class ContainerAlone:
    """The vault that one container's file is."""

    def __init__(self, file: Path):
        if not file.is_file():
            raise CopyError(f"{file} is not a file")
        self._folder = PlainCopy(file.parent)
        self._file = file.name
        header = self._folder.read_range(file.name, 0, 40)
        require(header[:4] == b"HFPK" and len(header) == 40, f"{file} is not a container: it does not begin with HFPK")
        self.name = f"containers/{header[24:40].hex()}"
        try:
            files = json.loads(key_block(self._folder, file.name))["files"]
            self._objects = {str(name): str(text).encode("utf-8") for name, text in files.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FormatError(f"the key block of {file} is not JSON with files in it") from error

    def has(self, name: str) -> bool:
        return name == self.name or name in self._objects

    def size(self, name: str) -> int:
        return self._folder.size(self._file) if name == self.name else len(self._object(name))

    def read(self, name: str) -> bytes:
        return self.read_range(name, 0, self.size(name))

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        if name == self.name:
            return self._folder.read_range(self._file, offset, length)
        return self._object(name)[offset : offset + length]

    def names(self, prefix: str) -> Iterator[str]:
        yield from sorted(name for name in (self.name, *self._objects) if name.startswith(f"{prefix}/"))

    def _object(self, name: str) -> bytes:
        if name not in self._objects:
            raise CopyError(f"object {name} is not in the container")
        return self._objects[name]

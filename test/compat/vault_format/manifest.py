"""Entries of file manifests and of the pack map (docs/format.md, sections 6 and 7)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .cbor import Value, read_cbor_map
from .cursor import Cursor, read_tuple
from .errors import FormatError, require
from .packs import CONTAINER, MAX_CONTENT_OF_CHUNKS, MIB, PACK_OF_CHUNKS
from .pages import Entry, TreeRules

STRETCH = 1024 * MIB
MAX_CHUNKS_OF_EXTENT = 1000
KINDS = ("object", "file", "directory", "symlink")
CLASS_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(frozen=True)
class ChunkPlace:
    """A chunk of a content, the frame that holds it, and where in that frame's content it starts."""

    id: bytes
    plain_length: int
    pack: bytes
    frame: int
    offset: int
    length: int
    content_length: int
    start: int

    @property
    def share(self) -> int:
        """How many of the frame's stored bytes are this chunk's (section 7)."""
        end = self.start + self.plain_length
        return self.length * end // self.content_length - self.length * self.start // self.content_length


@dataclass
class FileEntry:
    path: bytes
    facts: dict[str, Value]
    chunks: list[ChunkPlace] = field(default_factory=list)
    length: int = 0

    @property
    def size(self) -> int:
        size = self.facts["s"]
        assert isinstance(size, int)
        return size

    @property
    def attributes(self) -> dict[str, str]:
        texts = self.facts.get("a", {})
        assert isinstance(texts, dict)
        return {name: str(text) for name, text in texts.items()}


@dataclass(frozen=True)
class NeededPack:
    """A line of the pack map."""

    kind: int
    references: int
    live_bytes: int
    retention_class: str
    locked_until: int
    version: str


def file_leaf_bits(key: bytes) -> int:
    elements = read_tuple(key)
    if len(elements) == 1:
        return 7
    return 5 if elements[1] == 0 else 3


MANIFEST = TreeRules("manifest", file_leaf_bits, lambda _: 0)
PACK_MAP = TreeRules("pack map", lambda _: 7, lambda entry: read_needed_pack(entry).locked_until)


def read_files(entries: Iterable[Entry]) -> Iterator[FileEntry]:
    """Files with all their chunks, in the manifest's order."""
    file: FileEntry | None = None
    for entry in entries:
        elements = read_tuple(entry.key)
        path, *rest = elements
        if not isinstance(path, bytes) or len(rest) > 1 or not all(isinstance(part, int) for part in rest):
            raise FormatError(f"key {entry.key.hex()} is neither a path nor a path with an offset")
        if not rest:
            if file is not None:
                yield _complete(file)
            require(entry.location == b"", f"the entry of {path!r} has a location")
            file = FileEntry(path, _read_facts(entry.logical, path))
            continue
        if file is None or file.path != path:
            raise FormatError(f"content of {path!r} follows no entry of that path")
        _add_extent(file, int(rest[0]), entry)
    if file is not None:
        yield _complete(file)


def _complete(file: FileEntry) -> FileEntry:
    if file.facts["k"] in ("object", "file"):
        require(file.length == file.size, f"{file.path!r} has {file.length} bytes of content, its entry says {file.size}")
    return file


def _read_facts(logical: bytes, path: bytes) -> dict[str, Value]:
    facts = read_cbor_map(logical, f"the entry of {path!r}")
    unknown = set(facts) - set("ksmcautrv")
    require(not unknown, f"the entry of {path!r} has unknown fields {sorted(unknown)}")
    require(facts.get("k") in KINDS, f"{path!r} is of the unknown kind {facts.get('k')}")
    require(_is_integer(facts.get("s")), f"{path!r} has no size")
    modified = facts.get("m")
    require(isinstance(modified, int | float), f"{path!r} has no time of its last change")
    require(not isinstance(modified, float) or not modified.is_integer(), f"{path!r} has a whole time as a float")
    require(isinstance(facts.get("c"), str), f"{path!r} has no change token")
    for name in "aut":
        texts = facts.get(name, {"": ""})
        sound = isinstance(texts, dict) and len(texts) > 0 and all(isinstance(text, str) for text in texts.values())
        require(sound, f"{path!r} has a field {name} that is not a map of texts")
    require(facts.get("r", True) is True, f"{path!r} has a field r that is not true")
    require(isinstance(facts.get("v", ""), str), f"{path!r} has a field v that is not text")
    return facts


def _is_integer(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _add_extent(file: FileEntry, offset: int, entry: Entry) -> None:
    what = f"the content of {file.path!r} from byte {offset} on"
    require(offset == file.length, f"{what} does not follow the content before, which ends at {file.length}")
    logical = Cursor(entry.logical, what)
    count = logical.varint()
    require(1 <= count <= MAX_CHUNKS_OF_EXTENT, f"{what} has {count} chunks")
    ids = [(logical.take(32), logical.varint()) for _ in range(count)]
    logical.end()
    location = Cursor(entry.location, what)
    packs = [location.take(16) for _ in range(location.varint())]
    used: list[int] = []
    for chunk_id, plain_length in ids:
        require(1 <= plain_length <= MAX_CONTENT_OF_CHUNKS, f"{what} has a chunk of {plain_length} bytes")
        index = location.varint()
        require(index < len(packs), f"{what} refers to pack {index} of {len(packs)}")
        if index not in used:
            used.append(index)
        file.chunks.append(_read_place(location, chunk_id, plain_length, packs[index]))
        file.length += plain_length
    location.end()
    require(used == list(range(len(packs))), f"{what} does not list its packs in the order of their first use")
    require(len(set(packs)) == len(packs), f"{what} lists a pack twice")
    require(offset // STRETCH == (file.length - 1) // STRETCH, f"{what} crosses a multiple of 1 GiB")


def _read_place(location: Cursor, chunk_id: bytes, plain_length: int, pack: bytes) -> ChunkPlace:
    frame, offset, length = location.varint(), location.varint(), location.varint()
    others = location.varint()
    start = location.varint() if others > 0 else 0
    content_length = plain_length + others
    what = f"{location.what} has a chunk in frame {frame} of pack {pack.hex()}"
    require(
        content_length <= MAX_CONTENT_OF_CHUNKS,
        f"{what} with a content of {content_length} bytes, more than {MAX_CONTENT_OF_CHUNKS}",
    )
    require(start <= others, f"{what} that ends at byte {start + plain_length} of {content_length}")
    return ChunkPlace(chunk_id, plain_length, pack, frame, offset, length, content_length, start)


def read_needed_pack(entry: Entry) -> NeededPack:
    what = f"pack {entry.key.hex()} in the pack map"
    require(len(entry.key) == 16, f"{what} does not have an id of 16 bytes")
    logical = Cursor(entry.logical, what)
    kind, references, live_bytes = logical.u8(), logical.varint(), logical.varint()
    retention_class = logical.counted().decode("ascii", "replace")
    logical.end()
    require(kind in (PACK_OF_CHUNKS, CONTAINER), f"{what} is of kind {kind}")
    require(references >= 1, f"{what} is not referred to")
    require(
        1 <= len(retention_class) <= 32 and CLASS_ALPHABET.issuperset(retention_class),
        f"{what} has the class {retention_class!r}",
    )
    location = Cursor(entry.location, what)
    locked_until, length = location.varint(), location.varint()
    require(length <= 1024, f"{what} has a VersionId of {length} bytes")
    version = location.take(length).decode("utf-8", "replace")
    location.end()
    return NeededPack(kind, references, live_bytes, retention_class, locked_until, version)

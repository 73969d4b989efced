"""Packs, containers and their frames (docs/format.md, section 4)."""

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

try:
    from compression import zstd
except ModuleNotFoundError:
    from backports import zstd

from .copy import Copy
from .cursor import Cursor
from .errors import FormatError, require
from .keys import VaultKeys

CHUNKS, PAGE, DIRECTORY, ROOT = 1, 2, 3, 4
PACK_OF_CHUNKS, PACK_OF_PAGES, CONTAINER = 1, 2, 3
HEADER_LENGTH, FOOTER_LENGTH, TAG_LENGTH = 40, 32, 16
MIB = 1024 * 1024
MAX_CONTENT_OF_CHUNKS, MAX_CONTENT = 8 * MIB, 64 * MIB


@dataclass(frozen=True)
class Part:
    """A chunk or a page in the content of a frame."""

    id: bytes
    length: int


@dataclass(frozen=True)
class Frame:
    """A line of a pack's directory, with what follows from its place there."""

    kind: int
    number: int
    offset: int
    stored_length: int
    content_length: int
    parts: dict[int, Part]
    """By where they start in the content."""


@dataclass(frozen=True)
class Tail:
    """A footer, or the trailer of a container: it points to one frame and to the footer before."""

    offset: int
    length: int
    number: int
    previous_footer: int


def open_frame(object_key: bytes, vault_id: bytes, owner: bytes, kind: int, number: int, sealed: bytes, what: str) -> bytes:
    """Decrypts and decompresses one frame. `owner` is the id in its additional data: of the pack, or for a root."""
    nonce = bytes(8) + number.to_bytes(4, "big")
    additional = b"HF1" + bytes([kind]) + vault_id + owner + number.to_bytes(4, "big") + b"\0\0"
    try:
        plain = AESGCM(object_key).decrypt(nonce, sealed, additional)
    except (InvalidTag, ValueError) as error:
        raise FormatError(f"{what} does not authenticate: its bytes are damaged, or belong elsewhere") from error
    require(len(plain) > 0, f"{what} has no codec byte")
    codec, payload = plain[0], plain[1:]
    limit = content_limit(kind)
    if codec == 0:
        require(len(payload) <= limit, f"{what} has {len(payload)} bytes, more than {limit}")
        return payload
    require(codec == 1, f"{what} has the unknown codec {codec}")
    return _decompress(payload, limit, what)


def content_limit(kind: int) -> int:
    """The most bytes that the content of a frame may have."""
    return MAX_CONTENT_OF_CHUNKS if kind == CHUNKS else MAX_CONTENT


def _decompress(payload: bytes, limit: int, what: str) -> bytes:
    try:
        size = zstd.get_frame_info(payload).decompressed_size
        require(size is not None, f"{what} does not state its content size")
        require(size <= limit, f"{what} states {size} bytes, more than {limit}")
        decompressor = zstd.ZstdDecompressor()
        content = decompressor.decompress(payload, max_length=size + 1)
    except zstd.ZstdError as error:
        raise FormatError(f"{what} is not a zstd frame") from error
    require(decompressor.eof and not decompressor.unused_data, f"{what} is not exactly one zstd frame")
    require(len(content) == size, f"{what} has {len(content)} bytes where it states {size}")
    return content


def key_block(copy: Copy, name: str) -> bytes:
    """What lies between a container's root frame and its trailer. Takes no key."""
    position = copy.size(name) - FOOTER_LENGTH
    what = f"the bytes at {position} of {name}"
    require(position >= HEADER_LENGTH, f"{name} is too short, with {position + FOOTER_LENGTH} bytes")
    cursor = Cursor(copy.read_range(name, position, FOOTER_LENGTH), what)
    require(cursor.take(4) == b"HFPT", f"{what} are not HFPT: the object is damaged or was cut off")
    cursor.take(4)
    start = cursor.unsigned(8) + cursor.unsigned(4)
    require(start < position, f"the trailer of {name} leaves no room for a key block")
    require(position - start <= MIB, f"the key block of {name} has {position - start} bytes, more than {MIB}")
    return copy.read_range(name, start, position - start)


class Pack:
    """One object of packs/, pages/ or containers/. Opening it checks its header."""

    def __init__(self, copy: Copy, keys: VaultKeys, name: str, kind: int, pack_id: bytes):
        self.copy = copy
        self.name = name
        self.kind = kind
        self.pack_id = pack_id
        self.vault_id = keys.vault_id
        self.size = copy.size(name)
        header = Cursor(copy.read_range(name, 0, HEADER_LENGTH), f"the header of {name}")
        require(header.take(4) == b"HFPK", f"{name} is not a pack: it does not begin with HFPK")
        self._check_version(header, name)
        key_id = header.take(16)
        require(header.take(16) == pack_id, f"{name} says in its header that it is another pack")
        self.object_key = keys.object_key(key_id, pack_id)
        if kind == CONTAINER:
            keys.check_sealed(key_block(copy, name), key_id, f"the key block of {name}")

    def content(self, kind: int, number: int, offset: int, length: int) -> bytes:
        """The content of the frame at a location."""
        what = f"frame {number} of {self.name}"
        require(length > TAG_LENGTH, f"{what} is {length} bytes long, too short for a frame")
        require(offset >= HEADER_LENGTH, f"{what} begins in the header, at byte {offset}")
        sealed = self.copy.read_range(self.name, offset, length)
        require(len(sealed) == length, f"{self.name} ends at byte {self.size}, within {what}")
        return open_frame(self.object_key, self.vault_id, self.pack_id, kind, number, sealed, what)

    def directory(self) -> list[Frame]:
        """Every frame of chunks or of a page, in the order of their offsets, found from the object's last bytes alone."""
        if self.kind == CONTAINER:
            return [frame for segment in self._segments() for frame in segment]
        tail = self._tail(self.size - FOOTER_LENGTH, b"HFPF")
        require(tail.previous_footer == 0, f"{self.name} is a pack, but its footer leads to another footer")
        return self._read_directory(tail, self.size - FOOTER_LENGTH, 0, HEADER_LENGTH)

    def trailer(self) -> Tail:
        """Where a container's root frame is."""
        tail = self._tail(self.size - FOOTER_LENGTH, b"HFPT")
        end = tail.offset + tail.length
        require(end < self.size - FOOTER_LENGTH, f"the root frame of {self.name} does not end before its key block")
        return tail

    def _segments(self) -> Iterator[list[Frame]]:
        trailer = self.trailer()
        footers: list[tuple[int, Tail]] = []
        position = trailer.previous_footer
        require(position < trailer.offset, f"the last footer of {self.name} is not before its root frame")
        while position != 0:
            tail = self._tail(position, b"HFPF")
            footers.append((position, tail))
            require(tail.previous_footer < position, f"the footers of {self.name} lead in a circle")
            position = tail.previous_footer
        number, offset = 0, HEADER_LENGTH
        for position, tail in reversed(footers):
            yield self._read_directory(tail, position, number, offset)
            number, offset = tail.number + 1, position + FOOTER_LENGTH
        require(offset == trailer.offset, f"bytes of {self.name} before its root frame belong to no segment")
        require(number == trailer.number, f"the root frame of {self.name} does not have the number that comes next")

    def _tail(self, position: int, magic: bytes) -> Tail:
        what = f"the bytes at {position} of {self.name}"
        require(position >= HEADER_LENGTH, f"{self.name} is too short, with {self.size} bytes")
        cursor = Cursor(self.copy.read_range(self.name, position, FOOTER_LENGTH), what)
        require(cursor.take(4) == magic, f"{what} are not {magic.decode()}: the object is damaged or was cut off")
        self._check_version(cursor, what)
        return Tail(cursor.unsigned(8), cursor.unsigned(4), cursor.unsigned(4), cursor.unsigned(8))

    def _check_version(self, cursor: Cursor, what: str) -> None:
        version, kind = cursor.u8(), cursor.u8()
        require(version == 1, f"{what} has version {version}, this reader knows 1")
        require(kind == self.kind, f"{what} has kind {kind}, not {self.kind}")
        require(cursor.take(2) == b"\0\0", f"{what} has other bytes where two zeros belong")

    def _read_directory(self, tail: Tail, footer: int, first_number: int, first_offset: int) -> list[Frame]:
        what = f"the directory of {self.name} at {tail.offset}"
        require(tail.offset + tail.length == footer, f"{what} does not end at its footer")
        cursor = Cursor(self.content(DIRECTORY, tail.number, tail.offset, tail.length), what)
        number, offset, count = cursor.varint(), cursor.varint(), cursor.varint()
        require(number == first_number, f"{what} begins with frame {number}, not {first_number}")
        require(offset == first_offset, f"{what} begins at byte {offset}, not {first_offset}")
        frames: list[Frame] = []
        for _ in range(count):
            frame = _read_listed(cursor, number, offset)
            frames.append(frame)
            number, offset = number + 1, offset + frame.stored_length
        cursor.end()
        require((number, offset) == (tail.number, tail.offset), f"{what} does not follow its last frame")
        return frames


def _read_listed(cursor: Cursor, number: int, offset: int) -> Frame:
    what = f"{cursor.what} lists frame {number}"
    kind, stored_length, count = cursor.u8(), cursor.varint(), cursor.varint()
    require(kind in (CHUNKS, PAGE), f"{what}, which is of kind {kind}")
    require(count >= 1, f"{what} with nothing in it")
    require(kind == CHUNKS or count == 1, f"{what} with {count} pages")
    parts: dict[int, Part] = {}
    length = 0
    for _ in range(count):
        part = Part(cursor.take(32), cursor.varint())
        require(part.length >= 1, f"{what} with an empty {'chunk' if kind == CHUNKS else 'page'}")
        parts[length] = part
        length += part.length
    limit = content_limit(kind)
    require(length <= limit, f"{what} with a content of {length} bytes, more than {limit}")
    return Frame(kind, number, offset, stored_length, length, parts)

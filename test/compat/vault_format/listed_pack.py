"""Chunks and pages out of a pack that lists them in its directory (docs/format.md, sections 4 to 6)."""

import hmac

from .errors import FormatError, require
from .keys import sha256
from .manifest import ChunkPlace
from .packs import CHUNKS, PAGE, Frame, Pack, Part

MOST_FRAMES_KEPT = 4


class ListedPack:
    """Gives what the directory lists, and only under the place that it lists."""

    def __init__(self, pack: Pack):
        self.pack = pack
        self._frames = {frame.number: frame for frame in pack.directory()}
        self._kept: dict[int, bytes] = {}

    def chunk(self, place: ChunkPlace, chunk_id_key: bytes, path: bytes) -> bytes:
        """A chunk of the file with that path."""
        what = f"the directory of {self.pack.name}"
        frame = self._listed(CHUNKS, place.frame, place.offset, place.length)
        if frame is None or frame.content_length != place.content_length:
            raise FormatError(f"{what} does not have frame {place.frame} as {path!r} has it")
        listed = frame.parts.get(place.start) == Part(place.id, place.plain_length)
        where = f"at byte {place.start} of frame {place.frame}"
        require(listed, f"{what} does not have the chunk {where} as {path!r} has it")
        chunk = self._content(frame)[place.start : place.start + place.plain_length]
        chunk_id = hmac.digest(chunk_id_key, sha256(chunk), "sha256")
        require(chunk_id == place.id, f"the chunk {where} of {self.pack.name} is not the one that {path!r} needs")
        return chunk

    def page(self, page_id: bytes, frame: int, offset: int, length: int) -> bytes:
        """The bytes at the place of a page. Their id is for the caller to check."""
        listed = self._listed(PAGE, frame, offset, length)
        if listed is None or listed.parts[0].id != page_id:
            raise FormatError(f"the directory of {self.pack.name} does not have page {frame}")
        return self._content(listed)

    def _listed(self, kind: int, number: int, offset: int, length: int) -> Frame | None:
        frame = self._frames.get(number)
        if frame is None or (frame.kind, frame.offset, frame.stored_length) != (kind, offset, length):
            return None
        return frame

    def _content(self, frame: Frame) -> bytes:
        """Keeps the last frames that several chunks share, as the next chunk is likely to lie there too."""
        content = self._kept.pop(frame.number, None)
        if content is None:
            content = self.pack.content(frame.kind, frame.number, frame.offset, frame.stored_length)
            what = f"frame {frame.number} of {self.pack.name} has {len(content)} bytes"
            require(len(content) == frame.content_length, f"{what}, its directory says {frame.content_length}")
        if len(frame.parts) > 1:
            self._kept[frame.number] = content
            if len(self._kept) > MOST_FRAMES_KEPT:
                del self._kept[next(iter(self._kept))]
        return content

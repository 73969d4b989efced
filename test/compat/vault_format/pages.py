"""Trees of pages (docs/format.md, section 5). Every rule that the section states about a tree is checked."""

import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from .cursor import Cursor
from .errors import require
from .keys import sha256

MAX_LEVEL = 7
MAX_KEY = 8192


@dataclass(frozen=True)
class Entry:
    key: bytes
    logical: bytes
    location: bytes


@dataclass(frozen=True)
class Reference:
    """A page, as its parent or the point's root names it. pack None: the pack that the parent lies in."""

    level: int
    last_key: bytes
    page_id: bytes
    entries: int
    smallest_summary: int
    pack: bytes | None
    frame: int
    offset: int
    length: int


class PagePack(Protocol):
    """Where pages lie."""

    def page(self, page_id: bytes, frame: int, offset: int, length: int) -> bytes: ...


@dataclass(frozen=True)
class TreeRules:
    """What differs between the manifest and the pack map."""

    name: str
    leaf_bits: Callable[[bytes], int]
    summary: Callable[[Entry], int]


def read_reference(data: bytes, what: str) -> Reference:
    """The reference to a tree as a root holds it."""
    cursor = Cursor(data, what)
    version, level = cursor.u8(), cursor.u8()
    require(version == 1, f"{what} has version {version}, this reader knows 1")
    entry = Entry(cursor.counted(), cursor.counted(), cursor.counted())
    cursor.end()
    reference = _child(entry, level, what)
    require(reference.pack is not None, f"{what} does not name the pack of its page")
    return reference


class PageTrees:
    """Reads trees of one point, and notes the packs that it read pages from."""

    def __init__(self, page_id_key: bytes, boundary_key: bytes, page_pack: Callable[[bytes], PagePack]):
        self.page_id_key = page_id_key
        self.boundary_key = boundary_key
        self.page_pack = page_pack
        self.packs_read: set[bytes] = set()

    def entries(self, root: Reference, rules: TreeRules) -> Iterator[Entry]:
        """All entries, in order."""
        require(root.level <= MAX_LEVEL, f"the {rules.name} has a page of level {root.level}")
        previous = None
        for entry in self._below(root, root, rules):
            require(previous is None or entry.key > previous, f"the {rules.name} is not sorted at {entry.key.hex()}")
            previous = entry.key
            yield entry

    def _below(self, reference: Reference, root: Reference, rules: TreeRules) -> Iterator[Entry]:
        what = f"page {reference.page_id.hex()[:16]} of the {rules.name}"
        level, entries = self._page(reference, what)
        require(level == reference.level, f"{what} has level {level}, its reference says {reference.level}")
        require(entries[-1].key == reference.last_key, f"{what} does not end with the key that its reference says")
        self._check_boundaries(entries, level, reference.last_key == root.last_key, rules, what)
        if level == 0:
            require(len(entries) == reference.entries, f"{what} does not have the number of entries of its reference")
            summaries = [rules.summary(entry) for entry in entries]
            self._check_summary(summaries, reference, what)
            yield from entries
            return
        require(reference is not root or len(entries) > 1, f"{what} is not the lowest page that has all below it")
        children = [_child(entry, level - 1, what) for entry in entries]
        total = sum(child.entries for child in children)
        require(total == reference.entries, f"{what} has {total} entries below it, its reference says {reference.entries}")
        self._check_summary([child.smallest_summary for child in children], reference, what)
        for child in children:
            pack = child.pack if child.pack is not None else reference.pack
            yield from self._below(Reference(**{**vars(child), "pack": pack}), root, rules)

    def _page(self, reference: Reference, what: str) -> tuple[int, list[Entry]]:
        assert reference.pack is not None
        self.packs_read.add(reference.pack)
        pack = self.page_pack(reference.pack)
        content = pack.page(reference.page_id, reference.frame, reference.offset, reference.length)
        page_id = hmac.digest(self.page_id_key, sha256(content), "sha256")
        require(page_id == reference.page_id, f"{what} does not have the id that its reference says")
        return _read_page(content, what)

    def _check_boundaries(
        self, entries: list[Entry], level: int, closes_tree: bool, rules: TreeRules, what: str
    ) -> None:
        for index, entry in enumerate(entries):
            last = index == len(entries) - 1
            closes = self.cut_level(entry.key, rules.leaf_bits(entry.key)) > level
            if last and closes_tree:
                continue
            require(closes == last, f"{what} is not cut where its keys say, at {entry.key.hex()}")

    def _check_summary(self, summaries: list[int], reference: Reference, what: str) -> None:
        smallest = min(summaries)
        require(
            smallest == reference.smallest_summary,
            f"{what} has the smallest summary {smallest}, its reference says {reference.smallest_summary}",
        )

    def cut_level(self, key: bytes, leaf_bits: int) -> int:
        number = int.from_bytes(hmac.digest(self.boundary_key, key, "sha256")[:8], "big")
        zeros = 64 if number == 0 else (number & -number).bit_length() - 1
        return 0 if zeros < leaf_bits else min(1 + (zeros - leaf_bits) // 7, MAX_LEVEL)


def _read_page(content: bytes, what: str) -> tuple[int, list[Entry]]:
    cursor = Cursor(content, what)
    version, level, count = cursor.u8(), cursor.u8(), cursor.varint()
    require(version == 1, f"{what} has version {version}, this reader knows 1")
    require(level <= MAX_LEVEL, f"{what} has level {level}")
    require(count >= 1, f"{what} has no entries")
    entries: list[Entry] = []
    previous = b""
    for index in range(count):
        shared, rest = cursor.varint(), cursor.varint()
        require(shared + rest <= MAX_KEY, f"{what} has a key of {shared + rest} bytes")
        require(shared <= len(previous), f"{what} shares {shared} bytes with a key of {len(previous)}")
        key = previous[:shared] + cursor.take(rest)
        require(index == 0 or key > previous, f"{what} is not sorted at {key.hex()}")
        require(shared == _common(previous, key), f"{what} does not share all that it can, at {key.hex()}")
        entries.append(Entry(key, cursor.counted(), cursor.counted()))
        previous = key
    cursor.end()
    return level, entries


def _common(one: bytes, other: bytes) -> int:
    length = 0
    for a, b in zip(one, other):
        if a != b:
            break
        length += 1
    return length


def _child(entry: Entry, level: int, what: str) -> Reference:
    logical = Cursor(entry.logical, f"a reference in {what}")
    page_id, entries, summary = logical.take(32), logical.varint(), logical.varint()
    logical.end()
    require(entries >= 1, f"a reference in {what} says that it has no entries")
    location = Cursor(entry.location, f"a reference in {what}")
    form = location.u8()
    require(form in (0, 1), f"a reference in {what} has an unknown form {form}")
    pack = location.take(16) if form == 1 else None
    frame, offset, length = location.varint(), location.varint(), location.varint()
    location.end()
    return Reference(level, entry.key, page_id, entries, summary, pack, frame, offset, length)

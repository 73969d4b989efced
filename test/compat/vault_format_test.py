"""Rules whose breach no damage can show, as whoever breaks them holds the keys: the mistakes of a writer."""

import hmac
import sys
import unittest
from dataclasses import replace

sys.dont_write_bytecode = True

from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: E402

from vault_format.cbor import read_cbor_map  # noqa: E402
from vault_format.cursor import Cursor, read_tuple  # noqa: E402
from vault_format.errors import FormatError  # noqa: E402
from vault_format.keys import sha256  # noqa: E402
from vault_format.listed_pack import ListedPack  # noqa: E402
from vault_format.manifest import MANIFEST, PACK_MAP, ChunkPlace, read_files  # noqa: E402
from vault_format.packs import CHUNKS, DIRECTORY, PACK_OF_CHUNKS, PAGE, Pack  # noqa: E402
from vault_format.pages import Entry, PageTrees, Reference  # noqa: E402
from vault_format.roots import Root, check_root  # noqa: E402

NO_KEY = bytes(32)


class OnePage:
    """Stands in for a pack: whatever is asked for is the page."""

    def __init__(self, page: bytes):
        self._page = page

    def page(self, page_id: bytes, frame: int, offset: int, length: int) -> bytes:
        return self._page


def varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + varint(number >> 7)


def counted(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def page_of(keys: list[bytes], locked_until: int = 5) -> bytes:
    """A leaf of the pack map: one reference, ten live bytes, class `c`, no version."""
    page = bytes([1, 0, len(keys)])
    previous = b""
    for key in keys:
        shared = next((at for at, (a, b) in enumerate(zip(previous, key)) if a != b), 0)
        page += bytes([shared, len(key) - shared]) + key[shared:]
        page += counted(bytes([1, 1, 10]) + counted(b"c")) + counted(bytes([locked_until, 0]))
        previous = key
    return page


def read(page: bytes, last_key: bytes, **changes: object) -> list[Entry]:
    page_id = hmac.digest(NO_KEY, sha256(page), "sha256")
    root = Reference(0, last_key, page_id, page[2], 5, bytes(16), 0, 40, 100)
    return list(PageTrees(NO_KEY, NO_KEY, lambda _: OnePage(page)).entries(replace(root, **changes), PACK_MAP))


def keys_that(closing: bool) -> list[bytes]:
    trees = PageTrees(NO_KEY, NO_KEY, lambda _: OnePage(b""))
    keys = [sha256(bytes([number]))[:16] for number in range(256)]
    return sorted(key for key in keys if (trees.cut_level(key, 7) > 0) == closing)


KEYS = keys_that(closing=False)[:3]


class Trees(unittest.TestCase):
    def refused(self, message: str, page: bytes, last_key: bytes = KEYS[-1], **changes: object) -> None:
        with self.assertRaisesRegex(FormatError, message):
            read(page, last_key, **changes)

    def test_a_page_that_is_right_is_read(self) -> None:
        self.assertEqual([entry.key for entry in read(page_of(KEYS), KEYS[-1])], KEYS)

    def test_a_key_that_closes_a_page_has_to_be_its_last(self) -> None:
        keys = sorted([keys_that(closing=True)[0], KEYS[0], KEYS[1], b"\xff" * 16])
        self.refused("is not cut where its keys say", page_of(keys), keys[-1])

    def test_keys_have_to_ascend(self) -> None:
        self.refused("is not sorted", page_of(KEYS[::-1]), KEYS[0])

    def test_keys_have_to_share_what_they_can(self) -> None:
        same_start = [b"\x01" * 15 + b"\x01", b"\x01" * 15 + b"\x02"]
        page = page_of(same_start[:1]) + page_of(same_start[1:])[3:]
        self.refused("does not share all that it can", b"\1\0\2" + page[3:], same_start[1])

    def test_a_reference_has_to_say_what_is_below(self) -> None:
        page = page_of(KEYS)
        self.refused("the number of entries", page, entries=4)
        self.refused("has the smallest summary 5", page, smallest_summary=6)
        self.refused("has level 0", page, level=1)
        self.refused("does not end with the key", page, KEYS[0])
        self.refused("does not have the id", page, page_id=bytes(32))

    def test_nothing_follows_the_last_entry(self) -> None:
        self.refused("1 bytes behind its end", page_of(KEYS) + b"\0")


class Files(unittest.TestCase):
    facts = b"\xa4\x61c\x60\x61k\x64file\x61m\x00\x61s\x03"

    def chunks(self, offset: int, *lengths: int) -> Entry:
        number = bytes([0x14]) if offset == 0 else bytes([0x15, offset])
        logical = bytes([len(lengths)]) + b"".join(bytes(32) + bytes([length]) for length in lengths)
        location = bytes([1]) + bytes(16) + b"".join(bytes([0, at, 40, 18, 0]) for at in range(len(lengths)))
        return Entry(b"\x01a\x00" + number, logical, location)

    def refused(self, message: str, *extents: Entry) -> None:
        with self.assertRaisesRegex(FormatError, message):
            list(read_files([Entry(b"\x01a\x00", self.facts, b""), *extents]))

    def test_content_follows_without_gaps_and_is_as_long_as_the_entry_says(self) -> None:
        entries = [Entry(b"\x01a\x00", self.facts, b""), self.chunks(0, 1), self.chunks(1, 2)]
        self.assertEqual([file.length for file in read_files(entries)], [3])
        self.refused("does not follow the content before", self.chunks(0, 1), self.chunks(2, 1))
        self.refused("does not follow the content before", self.chunks(1, 2))
        self.refused("has 2 bytes of content, its entry says 3", self.chunks(0, 2))

    def test_what_is_reserved_is_refused(self) -> None:
        for wrong, message in (
            (b"\xa5\x61c\x60\x61h\x41b" + self.facts[4:], r"unknown fields \['h'\]"),
            (b"\xa5" + self.facts[1:-3] + b"\x61n\x01\x61s\x03", r"unknown fields \['n'\]"),
            (b"\xa5" + self.facts[1:] + b"\x61x\xa1\x41a\x41b", "a CBOR key that is not text"),
            (b"\xa4\x61c\x60\x61k\x66volume\x61m\x00\x61s\x03", "unknown kind volume"),
        ):
            with self.assertRaisesRegex(FormatError, message):
                list(read_files([Entry(b"\x01a\x00", wrong, b"")]))
        with self.assertRaisesRegex(FormatError, "unknown or reserved: .*copyOf"):
            check_root(Root("root", {"formatVersion": 1, "copyOf": {}}), OnePack(b"a", 1))

    def place(self, length: int, *r_and_start: int) -> ChunkPlace:
        """Of a chunk in a frame of 101 stored bytes."""
        facts = self.facts[:-1] + bytes([min(length, 23)])
        logical = b"\x01" + bytes(32) + varint(length)
        location = bytes([1]) + bytes(16) + bytes([0, 0, 40, 101]) + b"".join(map(varint, r_and_start))
        entries = [Entry(b"\x01a\x00", facts, b""), Entry(b"\x01a\x00\x14", logical, location)]
        return next(read_files(entries)).chunks[0]

    def test_a_chunk_says_where_in_its_frame_it_is(self) -> None:
        self.assertEqual((self.place(3, 0).content_length, self.place(3, 0).start), (3, 0))
        self.assertEqual((self.place(3, 5, 0).content_length, self.place(3, 5, 0).start), (8, 0))
        self.assertEqual((self.place(3, 5, 5).content_length, self.place(3, 5, 5).start), (8, 5))
        for message, length, *r_and_start in (
            ("1 bytes behind its end", 3, 0, 0),
            ("ends at byte", 3, 5),
            ("ends at byte 9 of 8", 3, 5, 6),
            ("a content of 8388609 bytes", 3, 8 * 2**20 - 2, 0),
            ("a chunk of 8388609 bytes", 8 * 2**20 + 1, 0),
        ):
            with self.assertRaisesRegex(FormatError, message):
                self.place(length, *r_and_start)
        self.assertEqual(self.place(3, 8 * 2**20 - 3, 0).content_length, 8 * 2**20)

    def test_the_shares_of_a_frame_add_up_to_it(self) -> None:
        self.assertEqual(self.place(3, 0).share, 101)
        shares = [self.place(length, 7 - length, start).share for length, start in ((1, 0), (2, 1), (4, 3))]
        self.assertEqual(shares, [14, 29, 58])

    def test_the_size_of_a_page_depends_on_where_content_begins(self) -> None:
        keys = [b"\x01a\x00", b"\x01a\x00\x14", b"\x01a\x00\x15\x01"]
        self.assertEqual([MANIFEST.leaf_bits(key) for key in keys], [7, 5, 3])


class OnePack:
    """A copy of a vault with one pack, and its keys. Each frame has the same content, and parts of these lengths."""

    vault_id = pack_id = bytes(16)

    def __init__(self, content: bytes, *lengths: int, kind: int = CHUNKS, ids: list[bytes] | None = None, frames: int = 1):
        parts = zip(ids or ids_of(content, *lengths), lengths)
        sealed = [self.seal(kind, number, content) for number in range(frames)]
        self.stored_length = len(sealed[0])
        line = bytes([kind, self.stored_length]) + varint(len(lengths))
        line += b"".join(part_id + varint(length) for part_id, length in parts)
        directory = self.seal(DIRECTORY, frames, bytes([0, 40, frames]) + line * frames)
        self.data = b"HFPK\1\1\0\0" + bytes(32) + b"".join(sealed)
        self.data += directory + b"HFPF\1\1\0\0" + len(self.data).to_bytes(8, "big")
        self.data += len(directory).to_bytes(4, "big") + frames.to_bytes(4, "big") + bytes(8)
        self.reads: list[int] = []

    def seal(self, kind: int, number: int, content: bytes) -> bytes:
        additional = b"HF1" + bytes([kind]) + bytes(32) + number.to_bytes(4, "big") + b"\0\0"
        return AESGCM(NO_KEY).encrypt(bytes(8) + number.to_bytes(4, "big"), b"\0" + content, additional)

    def object_key(self, key_id: bytes, salt: bytes) -> bytes:
        return NO_KEY

    def size(self, name: str) -> int:
        return len(self.data)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        self.reads.append(offset)
        return self.data[offset : offset + length]

    def opened(self) -> ListedPack:
        opened = ListedPack(Pack(self, self, "packs/c/00/0", PACK_OF_CHUNKS, self.pack_id))
        self.reads.clear()
        return opened

    def offset(self, frame: int) -> int:
        return 40 + frame * self.stored_length

    def place(self, start: int, length: int, frame: int = 0) -> ChunkPlace:
        """Of a chunk of `abcdef`."""
        chunk_id = ids_of(b"abcdef"[start:], length)[0]
        return ChunkPlace(chunk_id, length, self.pack_id, frame, self.offset(frame), self.stored_length, 6, start)


def ids_of(content: bytes, *lengths: int) -> list[bytes]:
    starts = [sum(lengths[:index]) for index in range(len(lengths))]
    parts = [content[start : start + length] for start, length in zip(starts, lengths)]
    return [hmac.digest(NO_KEY, sha256(part), "sha256") for part in parts]


class Packs(unittest.TestCase):
    def refused(self, message: str, pack: OnePack, place: ChunkPlace | None = None) -> None:
        with self.assertRaisesRegex(FormatError, message):
            opened = pack.opened()
            if place is not None:
                opened.chunk(place, NO_KEY, b"file")

    def test_chunks_share_a_frame_that_is_read_once(self) -> None:
        pack = OnePack(b"abcdef", 1, 2, 3)
        opened = pack.opened()
        places = [pack.place(3, 3), pack.place(0, 1), pack.place(1, 2)]
        self.assertEqual([opened.chunk(place, NO_KEY, b"file") for place in places], [b"def", b"a", b"bc"])
        self.assertEqual(pack.reads, [40])

    def test_a_directory_lists_frames_that_can_be(self) -> None:
        self.refused("lists frame 0 with nothing in it", OnePack(b""))
        self.refused("lists frame 0 with an empty chunk", OnePack(b"a", 1, 0))
        self.refused("lists frame 0 with 2 pages", OnePack(b"ab", 1, 1, kind=PAGE))
        self.refused("lists frame 0, which is of kind 4", OnePack(b"a", 1, kind=4))
        self.refused("a content of 8388609 bytes, more than 8388608", OnePack(b"a", 1, 8 * 2**20))
        self.refused("a content of 67108865 bytes, more than 67108864", OnePack(b"a", 64 * 2**20 + 1, kind=PAGE))
        OnePack(b"a", 1, 8 * 2**20 - 1).opened()
        OnePack(b"a", 64 * 2**20, kind=PAGE).opened()

    def test_a_frame_has_as_many_bytes_as_its_chunks(self) -> None:
        for content in (b"abcde", b"abcdefg"):
            pack = OnePack(content, 1, 2, 3, ids=ids_of(b"abcdef", 1, 2, 3))
            self.refused(f"has {len(content)} bytes, its directory says 6", pack, pack.place(0, 1))

    def test_a_chunk_is_where_the_directory_has_it(self) -> None:
        pack = OnePack(b"abcdef", 1, 2, 3)
        right = pack.place(0, 1)
        for wrong in ({"frame": 1}, {"offset": 41}, {"length": 20}, {"content_length": 7}):
            self.refused("does not have frame . as b'file' has it", pack, replace(right, **wrong))
        for wrong in (pack.place(0, 2), pack.place(2, 1), replace(right, id=bytes(32))):
            self.refused(f"the chunk at byte {wrong.start} of frame 0 as b'file' has it", pack, wrong)
        page = OnePack(b"abcdef", 6, kind=PAGE)
        self.refused("does not have frame 0", page, page.place(0, 6))

    def test_a_chunk_has_the_bytes_of_its_id(self) -> None:
        pack = OnePack(b"abcXef", 1, 2, 3, ids=ids_of(b"abcdef", 1, 2, 3))
        self.refused("at byte 3 of frame 0 of packs/c/00/0 is not the one that b'file' needs", pack, pack.place(3, 3))
        self.assertEqual(pack.opened().chunk(pack.place(0, 1), NO_KEY, b"file"), b"a")

    def test_a_page_is_where_the_directory_has_it(self) -> None:
        pack = OnePack(b"abcdef", 6, kind=PAGE)
        page_id, length = ids_of(b"abcdef", 6)[0], pack.stored_length
        self.assertEqual(pack.opened().page(page_id, 0, 40, length), b"abcdef")
        for wrong in ((bytes(32), 0, 40, length), (page_id, 1, 40, length), (page_id, 0, 41, length), (page_id, 0, 40, 20)):
            with self.assertRaisesRegex(FormatError, "does not have page"):
                pack.opened().page(*wrong)

    def test_only_a_few_frames_are_kept(self) -> None:
        pack = OnePack(b"abcdef", 1, 2, 3, frames=7)
        opened = pack.opened()
        for frame in (0, 1, 2, 0, 3, 4, 0, 5, 6, 1):
            opened.chunk(pack.place(0, 1, frame), NO_KEY, b"file")
        self.assertEqual(pack.reads, [pack.offset(frame) for frame in (0, 1, 2, 3, 4, 5, 6, 1)])


class Encodings(unittest.TestCase):
    def test_a_varint_is_in_its_shortest_form_and_below_2_to_the_53(self) -> None:
        self.assertEqual(Cursor(b"\xff\x01", "x").varint(), 255)
        for wrong in (b"\x80\x00", b"\xff" * 7 + b"\x7f", b"\x80" * 9 + b"\x01", b"\x80"):
            with self.assertRaises(FormatError):
                Cursor(wrong, "x").varint()

    def test_a_tuple_escapes_zeros(self) -> None:
        self.assertEqual(read_tuple(b"\x01a\x00\xffb\x00\x16\x01\x00"), [b"a\0b", 256])
        for wrong in (b"\x01a", b"\x15\x00", b"\x02"):
            with self.assertRaises(FormatError):
                read_tuple(wrong)

    def test_cbor_is_deterministic(self) -> None:
        self.assertEqual(read_cbor_map(b"\xa2\x61a\x18\x18\x61b\xf9\x3e\x00", "x"), {"a": 24, "b": 1.5})
        for wrong in (
            b"\xa2\x61b\x00\x61a\x00",
            b"\xa2\x61a\x00\x61a\x00",
            b"\xa1\x61a\x18\x17",
            b"\xa1\x61a\x19\x00\xff",
            b"\xa1\x61a\xfa\x3f\xc0\x00\x00",
            b"\xbf\x61a\x00\xff",
            b"\xa1\x61a\xc1\x00",
            b"\xa1\x61a\x00\x00",
        ):
            with self.assertRaises(FormatError, msg=wrong.hex()):
                read_cbor_map(wrong, "x")


if __name__ == "__main__":
    unittest.main()

"""Rules whose breach no damage can show, as whoever breaks them holds the keys: the mistakes of a writer."""

import hmac
import sys
import unittest
from dataclasses import replace

sys.dont_write_bytecode = True

from vault_format.cbor import read_cbor_map  # noqa: E402
from vault_format.cursor import Cursor, read_tuple  # noqa: E402
from vault_format.errors import FormatError  # noqa: E402
from vault_format.keys import sha256  # noqa: E402
from vault_format.manifest import MANIFEST, PACK_MAP, read_files  # noqa: E402
from vault_format.pages import Entry, PageTrees, Reference  # noqa: E402

NO_KEY = bytes(32)


class OnePage:
    """Stands in for a pack: whatever is asked for is the page."""

    def __init__(self, page: bytes):
        self.page = page

    def content(self, kind: int, number: int, offset: int, length: int) -> bytes:
        return self.page


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
        location = bytes([1]) + bytes(16) + b"".join(bytes([0, at, 40, 17]) for at in range(len(lengths)))
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

    def test_the_size_of_a_page_depends_on_where_content_begins(self) -> None:
        keys = [b"\x01a\x00", b"\x01a\x00\x14", b"\x01a\x00\x15\x01"]
        self.assertEqual([MANIFEST.leaf_bits(key) for key in keys], [7, 5, 3])


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

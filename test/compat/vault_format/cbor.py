"""Deterministic CBOR (RFC 8949, section 4.2), as far as the format uses it. What is not deterministic is refused."""

import math
import struct

from .cursor import Cursor
from .errors import FormatError, require

Value = None | bool | int | float | str | bytes | list["Value"] | dict[str, "Value"]

MAX_DEPTH = 32


def read_cbor_map(data: bytes, what: str) -> dict[str, Value]:
    """One map that fills the bytes."""
    cursor = Cursor(data, what)
    value = _read_item(cursor, 0)
    cursor.end()
    if not isinstance(value, dict):
        raise FormatError(f"{what} is not a CBOR map")
    return value


def _read_item(cursor: Cursor, depth: int) -> Value:
    require(depth < MAX_DEPTH, f"{cursor.what} nests CBOR more than {MAX_DEPTH} deep")
    initial = cursor.u8()
    major, low = initial >> 5, initial & 0x1F
    if major == 7:
        return _read_simple(cursor, low)
    argument = _read_argument(cursor, low)
    if major == 0:
        return argument
    if major == 1:
        return -1 - argument
    if major == 2:
        return cursor.take(argument)
    if major == 3:
        return _text(cursor.take(argument), cursor)
    if major == 4:
        require(argument <= cursor.left(), f"{cursor.what} has an array of {argument} items in fewer bytes")
        return [_read_item(cursor, depth + 1) for _ in range(argument)]
    if major == 5:
        return _read_map(cursor, argument, depth)
    raise FormatError(f"{cursor.what} has a CBOR tag")


def _read_argument(cursor: Cursor, low: int) -> int:
    if low < 24:
        return low
    require(low <= 27, f"{cursor.what} has a CBOR item without a definite length")
    length = 1 << (low - 24)
    argument = cursor.unsigned(length)
    smallest = 24 if length == 1 else 1 << (4 * length)
    require(argument >= smallest, f"{cursor.what} has a CBOR integer that is not in its shortest form")
    return argument


def _read_map(cursor: Cursor, count: int, depth: int) -> dict[str, Value]:
    require(count <= cursor.left(), f"{cursor.what} has a map of {count} entries in fewer bytes")
    result: dict[str, Value] = {}
    previous = b""
    for _ in range(count):
        start = cursor.position
        key = _read_item(cursor, depth + 1)
        encoded = cursor.data[start : cursor.position]
        if not isinstance(key, str):
            raise FormatError(f"{cursor.what} has a CBOR key that is not text")
        require(encoded > previous, f"{cursor.what} has CBOR keys that are not sorted, at {key!r}")
        previous = encoded
        result[key] = _read_item(cursor, depth + 1)
    return result


def _text(raw: bytes, cursor: Cursor) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{cursor.what} has text that is not UTF-8") from error


def _read_simple(cursor: Cursor, low: int) -> Value:
    if low in (20, 21):
        return low == 21
    if low == 22:
        return None
    formats = {25: (2, ">e"), 26: (4, ">f"), 27: (8, ">d")}
    require(low in formats, f"{cursor.what} has a CBOR simple value {low}")
    length, code = formats[low]
    value = struct.unpack(code, cursor.take(length))[0]
    require(not _fits_shorter(value, length), f"{cursor.what} has a float that is not in its shortest form")
    return value


def _fits_shorter(value: float, length: int) -> bool:
    shorter = {2: None, 4: ">e", 8: ">f"}[length]
    if shorter is None:
        return False
    if math.isnan(value):
        return True
    try:
        return struct.unpack(shorter, struct.pack(shorter, value))[0] == value
    except OverflowError:
        return False

"""Reading fixed fields, varints and tuples (docs/format.md, conventions and section 6)."""

from .errors import FormatError, require

MAX_INTEGER = 2**53


class Cursor:
    """Reads a byte string from its front, and says where it stopped when something is wrong."""

    def __init__(self, data: bytes, what: str):
        self.data = data
        self.what = what
        self.position = 0

    def take(self, length: int) -> bytes:
        end = self.position + length
        require(end <= len(self.data), f"{self.what} ends at byte {len(self.data)}, but {end} were announced")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def unsigned(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def u8(self) -> int:
        return self.unsigned(1)

    def varint(self) -> int:
        value = 0
        for index in range(9):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                require(byte != 0 or index == 0, f"{self.what} has a varint that is not in its shortest form")
                require(value < MAX_INTEGER, f"{self.what} has a varint of {value}, which is too large")
                return value
        raise FormatError(f"{self.what} has a varint of more than 9 bytes")

    def counted(self) -> bytes:
        """A varint length and as many bytes."""
        return self.take(self.varint())

    def left(self) -> int:
        return len(self.data) - self.position

    def end(self) -> None:
        require(self.left() == 0, f"{self.what} has {self.left()} bytes behind its end")


def read_tuple(key: bytes) -> list[bytes | int]:
    """The elements of a manifest key: byte strings and non-negative integers."""
    cursor = Cursor(key, f"key {key.hex()}")
    elements: list[bytes | int] = []
    while cursor.left() > 0:
        elements.append(_read_element(cursor))
    return elements


def _read_element(cursor: Cursor) -> bytes | int:
    code = cursor.u8()
    if 0x14 <= code <= 0x1B:
        raw = cursor.take(code - 0x14)
        require(not raw.startswith(b"\0"), f"{cursor.what} has an integer that is not in its shortest form")
        number = int.from_bytes(raw, "big")
        require(number < MAX_INTEGER, f"{cursor.what} has an integer that is too large")
        return number
    require(code == 0x01, f"{cursor.what} has an element of unknown type {code:#04x}")
    text = bytearray()
    while True:
        byte = cursor.u8()
        if byte != 0:
            text.append(byte)
        elif cursor.left() > 0 and cursor.data[cursor.position] == 0xFF:
            cursor.position += 1
            text.append(0)
        else:
            return bytes(text)

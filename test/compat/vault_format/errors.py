"""What a reader says of bytes that are not as the format has them."""


class FormatError(Exception):
    """The bytes are damaged, or were not written according to docs/format.md."""


class CopyError(Exception):
    """The copy of the vault lacks an object, or the key does not fit: what is there may be sound."""


def require(condition: bool, message: str) -> None:
    """Refuses what breaks a rule of the format."""
    if not condition:
        raise FormatError(message)

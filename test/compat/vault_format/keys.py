"""The keys of a vault (docs/format.md, section 2)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable

from .copy import Copy
from .errors import CopyError, FormatError, require

Json = dict[str, object]
Unwrap = Callable[[Json, Json], bytes]
"""Gives the 32 bytes of a key, from one entry of `wrapped` and the key file that it stands in."""

MAC_END_LENGTH = len(',\n  "mac": "') + 64 + len('"\n}\n')


def hkdf_sha256(input_key: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869 with 32 bytes out, which is one block."""
    extracted = hmac.digest(salt, input_key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


class VaultKeys:
    """format.json and keys/: unwraps each key once, when it is needed."""

    def __init__(self, copy: Copy, recipients: dict[str, Unwrap]):
        self.copy = copy
        self.recipients = recipients
        self._keys: dict[tuple[str, str], bytes] = {}
        self.format = _read_json(copy, "format.json")
        _require_version(self.format, "format.json")
        self.vault_id = _id(self.format, "vaultId", "format.json")
        id_keys = self.format.get("idKeys")
        if not isinstance(id_keys, dict) or len(id_keys) == 0:
            raise FormatError("format.json names no id key")
        self.id_keys: Json = id_keys
        _check_mac(copy.read("format.json"), "format.json", self.id_key(next(iter(id_keys))), self.vault_id)

    def id_key(self, domain: str) -> bytes:
        if domain not in self.id_keys:
            raise CopyError(f"format.json names no id key for the trust domain {domain}")
        return self._key(str(self.id_keys[domain]), "id")

    def derived_id_key(self, domain: str, purpose: str) -> bytes:
        """The key for chunk ids, page ids or page boundaries."""
        return hkdf_sha256(self.id_key(domain), self.vault_id, f"holdfast/1 {purpose}".encode("ascii"))

    def object_key(self, key_id: bytes, salt: bytes) -> bytes:
        return hkdf_sha256(self._key(key_id.hex(), "data"), salt, b"holdfast/1 object")

    def check_sealed(self, data: bytes, key_id: bytes, name: str) -> None:
        """Checks the MAC at the end of a JSON text that is sealed with a data key."""
        _check_mac(data, name, self._key(key_id.hex(), "data"), self.vault_id)

    def _key(self, key_id: str, purpose: str) -> bytes:
        known = self._keys.get((key_id, purpose))
        if known is None:
            known = self._unwrap(key_id, purpose)
            self._keys[(key_id, purpose)] = known
        return known

    def _unwrap(self, key_id: str, purpose: str) -> bytes:
        name = f"keys/{key_id}.json"
        recipients: list[str] = []
        for candidate in [name, *(added for added in self.copy.names("keys") if added.startswith(f"keys/{key_id}."))]:
            key = self._unwrap_file(candidate, key_id, purpose, recipients)
            if key is not None:
                return key
        named = ", ".join(recipients)
        raise CopyError(f"{name} is wrapped for {named or 'nobody'}, and no such key was given")

    def _unwrap_file(self, name: str, key_id: str, purpose: str, recipients: list[str]) -> bytes | None:
        file = _read_json(self.copy, name)
        _require_version(file, name)
        require(file.get("keyId") == key_id, f"{name} says that it is key {file.get('keyId')}")
        require(file.get("vaultId") == self.vault_id.hex(), f"{name} belongs to another vault")
        require(file.get("purpose") == purpose, f"{name} is a key for {file.get('purpose')}, not for {purpose}")
        wrapped = file.get("wrapped")
        if not isinstance(wrapped, list) or not all(isinstance(entry, dict) for entry in wrapped):
            raise FormatError(f"{name} has no list of wrapped keys")
        for entry in wrapped:
            unwrap = self.recipients.get(entry.get("recipient"))
            if unwrap is not None:
                key = unwrap(entry, file)
                require(len(key) == 32, f"{name} wraps {len(key)} bytes, not 32")
                _check_mac(self.copy.read(name), name, key, self.vault_id)
                return key
            recipients.append(str(entry.get("recipient")))
        return None


def decode_base64(text: object, what: str) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except ValueError as error:
        raise FormatError(f"{what} is not base64") from error


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _read_json(copy: Copy, name: str) -> Json:
    try:
        value = json.loads(copy.read(name))
    except ValueError as error:
        raise FormatError(f"{name} is not JSON") from error
    if not isinstance(value, dict):
        raise FormatError(f"{name} is not a JSON object")
    return value


def _check_mac(data: bytes, name: str, key: bytes, vault_id: bytes) -> None:
    body = data[: -MAC_END_LENGTH]
    mac = hmac.digest(hkdf_sha256(key, vault_id, b"holdfast/1 file"), body, "sha256").hex()
    require(data == body + f',\n  "mac": "{mac}"\n}}\n'.encode("ascii"), f"{name} was changed after it was written")


def _require_version(file: Json, name: str) -> None:
    version = file.get("formatVersion")
    require(version == 1, f"{name} has format version {version}, this reader knows 1")


def _id(file: Json, field: str, name: str) -> bytes:
    text = file.get(field)
    try:
        value = bytes.fromhex(str(text))
    except ValueError as error:
        raise FormatError(f"{name} has {field} {text}, which is not hexadecimal") from error
    require(len(value) == 16, f"{name} has {field} {text}, which is not 16 bytes")
    return value

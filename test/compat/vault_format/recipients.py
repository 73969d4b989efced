"""How each kind of recipient unwraps a key (docs/format.md, section 2). KMS has to be asked, so it is not here."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from .errors import CopyError, FormatError
from .keys import Json, Unwrap, decode_base64

KEY_LENGTH, NONCE_LENGTH, TAG_LENGTH = 32, 12, 16


def file_recipient(wrapping_key: bytes) -> Unwrap:
    """The recipient `file`: 32 bytes in a file."""
    if len(wrapping_key) != KEY_LENGTH:
        raise CopyError(f"the key file has {len(wrapping_key)} bytes, not {KEY_LENGTH}")

    def unwrap(entry: Json, file: Json) -> bytes:
        what = f"key {file.get('keyId')}"
        sealed = decode_base64(entry.get("ciphertext"), f"the ciphertext of {what}")
        if len(sealed) != NONCE_LENGTH + KEY_LENGTH + TAG_LENGTH:
            raise FormatError(f"the ciphertext of {what} has {len(sealed)} bytes")
        context = f"holdfast/1 key file {file.get('vaultId')} {file.get('keyId')} {file.get('purpose')}"
        try:
            return AESGCM(wrapping_key).decrypt(sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], context.encode("utf-8"))
        except InvalidTag as error:
            raise CopyError(f"{what} was not wrapped with this key file ({entry.get('wrappingKey')})") from error

    return unwrap


def offline_recipient(private_key: bytes, passphrase: bytes | None) -> Unwrap:
    """The recipient `offline`: an RSA key, as PEM."""
    try:
        rsa = load_pem_private_key(private_key, passphrase)
    except (TypeError, ValueError) as error:
        raise CopyError("the offline key is no private key in PEM, or its passphrase is another") from error
    if not isinstance(rsa, RSAPrivateKey):
        raise CopyError("the offline key is not an RSA key")

    def unwrap(entry: Json, file: Json) -> bytes:
        what = f"key {file.get('keyId')}"
        sealed = decode_base64(entry.get("ciphertext"), f"the ciphertext of {what}")
        label = f"holdfast/1 offline key {file.get('vaultId')} {file.get('keyId')} {file.get('purpose')}"
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label.encode("ascii"))
        try:
            return rsa.decrypt(sealed, oaep)
        except ValueError as error:
            raise CopyError(f"{what} was not wrapped for this offline key ({entry.get('wrappingKey')})") from error

    return unwrap

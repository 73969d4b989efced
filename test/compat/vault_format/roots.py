"""Recovery points' roots (docs/format.md, section 9)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from .cbor import Value, read_cbor_map
from .copy import Copy
from .cursor import Cursor
from .errors import CopyError, FormatError, require
from .keys import VaultKeys, decode_base64, sha256
from .packs import ROOT, open_frame
from .pages import Reference, read_reference

NAME = re.compile(r"points/[0-9a-f]{32}/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}")
TYPES = ("full", "incremental", "differential", "synthetic-full")
FIELDS = frozenset(
    "formatVersion tool vault run point base chain resource resourceKind plan type sourceTime committedAt expiresAt "
    "retentionClass counts warnings warningList unread seconds manifest packMap pagePacks pagePacksCounted container "
    "image previous options".split()
)
KINDS = ("s3-bucket", "ec2-instance", "ebs-volume", "directory")
COUNTS = ("files", "filesChanged", "filesRemoved", "logicalBytes", "readBytes", "newBytes", "storedBytes")
REASONS = ("vanished", "changed", "denied", "unreadable")
MAX_WARNINGS_LISTED = 1000


@dataclass(frozen=True)
class Root:
    """A root that authenticated, or the one inside a container."""

    name: str
    fields: dict[str, Value]

    def text(self, field: str) -> str:
        value = self.fields.get(field)
        if not isinstance(value, str):
            raise FormatError(f"root {self.name} has no text {field}")
        return value

    def map(self, field: str) -> dict[str, Value]:
        value = self.fields.get(field)
        if not isinstance(value, dict):
            raise FormatError(f"root {self.name} has no map {field}")
        return value

    def number(self, field: str) -> int:
        value = self.fields.get(field)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise FormatError(f"root {self.name} has no number {field}")
        return value

    def list_of_maps(self, field: str) -> list[dict[str, Value]]:
        value = self.fields.get(field, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise FormatError(f"root {self.name} has {field} that is not an array of maps")
        return value

    def tree(self, field: str) -> Reference | None:
        """The reference to a tree; None for an empty one."""
        if field not in self.fields:
            return None
        what = f"the reference {field} of root {self.name}"
        return read_reference(decode_base64(self.fields[field], what), what)


def list_roots(copy: Copy) -> Iterator[str]:
    """The names of all roots, by resource and then by time."""
    for name in copy.names("points"):
        require(NAME.fullmatch(name) is not None, f"{name} is not the name of a root")
        yield name


def read_root(copy: Copy, keys: VaultKeys, name: str) -> Root:
    """Authenticates a root, and checks that it is the one that its name says."""
    _, resource_key, point_id = name.split("/")
    data = copy.read(name)
    cursor = Cursor(data, f"root {name}")
    require(cursor.take(4) == b"HFRT", f"{name} is not a root: it does not begin with HFRT")
    require(cursor.u8() == 1, f"{name} has version {data[4]}, this reader knows 1")
    require(cursor.take(3) == b"\0\0\0", f"{name} has other bytes where three zeros belong")
    key_id, salt = cursor.take(16), cursor.take(16)
    owner = sha256(point_id.encode("ascii"))[:16]
    object_key = keys.object_key(key_id, salt)
    sealed = cursor.take(cursor.left())
    content = open_frame(object_key, keys.vault_id, owner, ROOT, 0, sealed, f"root {name}")
    root = Root(name, read_cbor_map(content, f"root {name}"))
    require(root.text("point") == point_id, f"root {name} says that it is point {root.text('point')}")
    expected = sha256(root.text("resource").encode("utf-8"))[:16].hex()
    require(expected == resource_key, f"root {name} lies under another resource than {root.text('resource')}")
    check_root(root, keys)
    _check_previous(copy, root, name)
    return root


def check_root(root: Root, keys: VaultKeys) -> None:
    """What holds for every root, also for the one inside a container."""
    version = root.fields.get("formatVersion")
    require(version == 1, f"root {root.name} has format version {version}, this reader knows 1")
    unknown = sorted(set(root.fields) - FIELDS)
    require(not unknown, f"root {root.name} has fields that are unknown or reserved: {unknown}")
    require(root.text("vault") == keys.vault_id.hex(), f"root {root.name} belongs to vault {root.text('vault')}")
    require(root.text("type") in TYPES, f"root {root.name} has the unknown type {root.text('type')}")
    require(root.text("resourceKind") in KINDS, f"root {root.name} is of an unknown kind, {root.text('resourceKind')}")
    for field in ("tool", "run", "plan", "chain", "sourceTime", "committedAt", "expiresAt", "retentionClass"):
        root.text(field)
    for field in COUNTS:
        value = root.map("counts").get(field)
        require(isinstance(value, int) and value >= 0, f"root {root.name} counts {value} {field}")
    starts_chain = root.text("type") in ("full", "synthetic-full")
    if starts_chain:
        require(root.text("chain") == root.text("point"), f"root {root.name} does not start its own chain")
    require(
        ("base" in root.fields) != (root.text("type") == "full"),
        f"root {root.name} is {root.text('type')} with base {root.fields.get('base')}",
    )
    listed = root.list_of_maps("warningList")
    warnings = root.number("warnings")
    require(len(listed) == min(warnings, MAX_WARNINGS_LISTED), f"root {root.name} lists {len(listed)} of {warnings} warnings")
    for warning in listed:
        require(warning.get("reason") in REASONS, f"root {root.name} warns for the reason {warning.get('reason')}")
        require(warning.get("unread") in (None, "carried", "missing"), f"root {root.name} has {warning.get('unread')} of an entry")
    if "unread" in root.fields:
        unread = root.map("unread")
        for field in ("carried", "missing"):
            value = unread.get(field)
            require(isinstance(value, int) and value >= 0, f"root {root.name} says that {value} entries are {field}")


def _check_previous(copy: Copy, root: Root, name: str) -> None:
    if "previous" not in root.fields:
        return
    previous = root.map("previous")
    other = f"{name.rsplit('/', 1)[0]}/{previous.get('point')}"
    if not copy.has(other):
        kept_until = str(previous.get("expiresAt", ""))
        if datetime.now(timezone.utc).isoformat() < kept_until:
            raise CopyError(f"object {other} is not in the copy, and is kept until {kept_until}")
        return
    digest = sha256(copy.read(other)).hex()
    require(digest == previous.get("sha256"), f"{other} is not the root that {name} names as the one before it")

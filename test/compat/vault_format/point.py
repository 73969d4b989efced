"""One recovery point: reads everything that it needs, and holds it against what the format promises."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from urllib.parse import quote

from .cbor import Value, read_cbor_map
from .copy import Copy
from .errors import CopyError, FormatError, require
from .keys import VaultKeys
from .listed_pack import ListedPack
from .manifest import MANIFEST, PACK_MAP, ChunkPlace, FileEntry, NeededPack, read_files, read_needed_pack
from .packs import CONTAINER, PACK_OF_PAGES, ROOT, Pack
from .pages import PageTrees
from .roots import Root, check_root

Report = dict[str, object]
Consumer = Callable[[FileEntry, bytes], None]
"""Takes each file with its whole content, for a restore."""


class PointReader:
    """Reads points of a vault. Packs stay open between points, as they share them."""

    def __init__(self, copy: Copy, keys: VaultKeys, domain: str):
        self.copy = copy
        self.keys = keys
        self.chunk_id_key = keys.derived_id_key(domain, "chunk id")
        self.page_id_key = keys.derived_id_key(domain, "page id")
        self.boundary_key = keys.derived_id_key(domain, "page boundary")
        self._open: dict[str, ListedPack] = {}

    def read(self, root: Root, consume: Consumer | None) -> Report:
        """Every file's SHA-256, and the point's own fields."""
        if root.text("resourceKind") in ("ebs-volume", "ec2-instance"):
            require("manifest" not in root.fields, f"root {root.name} is of an image, but has a manifest")
            return {**_summary(root), "entries": []}
        page_packs = self._page_packs(root)
        trees = PageTrees(self.page_id_key, self.boundary_key, lambda pack_id: self._page_pack(page_packs, pack_id, root))
        needed = self._pack_map(root, trees)
        entries: list[Report] = []
        references: Counter[bytes] = Counter()
        live_bytes: Counter[bytes] = Counter()
        logical_bytes = 0
        manifest = root.tree("manifest")
        for file in read_files(trees.entries(manifest, MANIFEST) if manifest is not None else []):
            digest = hashlib.sha256()
            parts: list[bytes] = []
            for place in file.chunks:
                content = self._chunk(place, needed, file)
                references[place.pack] += 1
                live_bytes[place.pack] += place.share
                digest.update(content)
                if consume is not None:
                    parts.append(content)
            if consume is not None:
                consume(file, b"".join(parts))
            logical_bytes += file.size
            entries.append(_file_report(file, digest.hexdigest()))
        self._check_pack_map(needed, references, live_bytes)
        self._check_counts(root, len(entries), logical_bytes)
        self._check_container(root, page_packs, needed)
        return {**_summary(root), "entries": entries, "packs": len(needed), "pagePacks": len(trees.packs_read)}

    def read_container_root(self, name: str) -> Root:
        """The root inside of a container, found from the container alone."""
        pack = self._opened(name, CONTAINER).pack
        trailer = pack.trailer()
        content = pack.content(ROOT, trailer.number, trailer.offset, trailer.length)
        root = Root(name, read_cbor_map(content, f"the root inside of {name}"))
        check_root(root, self.keys)
        container = root.map("container")
        require(container.get("pack") == pack.pack_id.hex(), f"{name} holds the root of another container")
        require(container.get("bytes") == 0, f"the root inside of {name} knows how long {name} is")
        return root

    def _page_packs(self, root: Root) -> dict[bytes, str]:
        names: dict[bytes, str] = {}
        for item in root.list_of_maps("pagePacks"):
            pack_id, kind = _pack_id(item, root).hex(), item.get("kind")
            require(kind in ("pages", "container"), f"root {root.name} has a page pack of kind {kind}")
            name = f"containers/{pack_id}" if kind == "container" else f"pages/{pack_id[:2]}/{pack_id}"
            names[bytes.fromhex(pack_id)] = name
        return names

    def _page_pack(self, names: dict[bytes, str], pack_id: bytes, root: Root) -> ListedPack:
        name = names.get(pack_id)
        if name is None:
            raise FormatError(f"root {root.name} does not list {pack_id.hex()}, which holds a page of it")
        kind = CONTAINER if name.startswith("containers/") else PACK_OF_PAGES
        return self._opened(name, kind)

    def _pack_map(self, root: Root, trees: PageTrees) -> dict[bytes, NeededPack]:
        reference = root.tree("packMap")
        if reference is None:
            return {}
        return {entry.key: read_needed_pack(entry) for entry in trees.entries(reference, PACK_MAP)}

    def _chunk(self, place: ChunkPlace, needed: dict[bytes, NeededPack], file: FileEntry) -> bytes:
        pack_id = place.pack.hex()
        line = needed.get(place.pack)
        if line is None:
            raise FormatError(f"{file.path!r} has a chunk in pack {pack_id}, which the pack map does not have")
        name = f"containers/{pack_id}"
        if line.kind != CONTAINER:
            name = f"packs/{line.retention_class}/{pack_id[:2]}/{pack_id}"
        return self._opened(name, line.kind).chunk(place, self.chunk_id_key, file.path)

    def _opened(self, name: str, kind: int) -> ListedPack:
        opened = self._open.get(name)
        if opened is None:
            opened = ListedPack(Pack(self.copy, self.keys, name, kind, bytes.fromhex(name.rsplit("/", 1)[1])))
            self._open[name] = opened
        require(opened.pack.kind == kind, f"{name} is of kind {opened.pack.kind}, not {kind}")
        return opened

    def _check_pack_map(
        self, needed: dict[bytes, NeededPack], references: Counter[bytes], live_bytes: Counter[bytes]
    ) -> None:
        for pack_id, line in needed.items():
            what = f"pack {pack_id.hex()} in the pack map"
            require(line.references == references[pack_id], f"{what} has {line.references} references, not {references[pack_id]}")
            require(line.live_bytes == live_bytes[pack_id], f"{what} has {line.live_bytes} live bytes, not {live_bytes[pack_id]}")

    def _check_counts(self, root: Root, files: int, logical_bytes: int) -> None:
        counts = root.map("counts")
        require(counts["files"] == files, f"root {root.name} counts {counts['files']} files, its manifest has {files}")
        counted = counts["logicalBytes"]
        require(counted == logical_bytes, f"root {root.name} counts {counted} bytes, its entries have {logical_bytes}")

    def _check_container(self, root: Root, page_packs: dict[bytes, str], needed: dict[bytes, NeededPack]) -> None:
        if "container" not in root.fields:
            return
        container = root.map("container")
        pack_id, length = _pack_id(container, root), container.get("bytes")
        name = f"containers/{pack_id.hex()}"
        inside = root.name == name
        manifest = root.tree("manifest")
        outside = f"root {root.name} has pages of its manifest outside of {name}"
        require(manifest is None or manifest.pack == pack_id, outside)
        require(not inside or set(page_packs) == {pack_id}, outside)
        require(set(needed) <= {pack_id}, f"root {root.name} has chunks outside of {name}")
        if not self.copy.has(name):
            raise CopyError(f"object {name} is not in the copy")
        if inside:
            return
        require(length == self.copy.size(name), f"{name} is {self.copy.size(name)} bytes long, not {length}")
        same = self.read_container_root(name).fields.get("manifest") == root.fields.get("manifest")
        require(same, f"root {root.name} names another manifest than the root inside of {name}")


def _pack_id(record: dict[str, Value], root: Root) -> bytes:
    text = str(record.get("pack"))
    require(re.fullmatch("[0-9a-f]{32}", text) is not None, f"root {root.name} names a pack {text!r}")
    return bytes.fromhex(text)


def _summary(root: Root) -> Report:
    names = ("point", "resource", "resourceKind", "plan", "type", "base", "chain", "sourceTime", "counts", "warnings", "image")
    return {"root": root.name, **{name: root.fields[name] for name in names if name in root.fields}}


def _file_report(file: FileEntry, digest: str) -> Report:
    facts = file.facts
    report = {
        "path": quote(file.path),
        "kind": facts["k"],
        "size": file.size,
        "modified": facts["m"],
        "sha256": digest,
        "attributes": facts.get("a"),
        "userMetadata": facts.get("u"),
        "tags": facts.get("t"),
        "carriedFrom": facts.get("v"),
    }
    return {name: value for name, value in report.items() if value is not None}

"""Reads a plain copy of a vault, and prints what is in it as JSON: every file of every point with its SHA-256.

    read_vault.py --vault COPY --key-file KEY [--point POINT] [--container PACK] [--restore DIRECTORY]
    read_vault.py --container-file FILE --key-file KEY [--restore DIRECTORY]

Instead of --key-file KEY: --offline-key PEM [--passphrase-env VARIABLE].

Everything that docs/format.md promises is checked on the way. The first thing that is wrong ends the program with
code 1 and one line that says which object it is and what is wrong with it.
"""

import argparse
import json
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from vault_format.container_alone import ContainerAlone  # noqa: E402
from vault_format.copy import Copy, PlainCopy  # noqa: E402
from vault_format.errors import CopyError, FormatError  # noqa: E402
from vault_format.keys import Unwrap, VaultKeys  # noqa: E402
from vault_format.point import PointReader, Report  # noqa: E402
from vault_format.recipients import file_recipient, offline_recipient  # noqa: E402
from vault_format.restore import DirectoryRestore  # noqa: E402
from vault_format.roots import Root, list_roots, read_root  # noqa: E402


def main() -> int:
    options = parse_options()
    try:
        print(json.dumps(read(options)))
    except (CopyError, FormatError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Reads a plain copy of a Holdfast vault.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--vault", type=Path, help="directory in which names of objects are paths")
    source.add_argument("--container-file", type=Path, help="a container that is all there is")
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--key-file", type=Path, help="the 32 bytes that wrap the vault's keys")
    key.add_argument("--offline-key", type=Path, help="private RSA key of the vault's offline recipient, in PEM")
    parser.add_argument("--passphrase-env", help="variable with the passphrase of the offline key")
    parser.add_argument("--domain", default="cloud", help="trust domain whose id key the points use")
    parser.add_argument("--point", help="read this point only")
    parser.add_argument("--container", help="read this container only, by itself")
    parser.add_argument("--restore", type=Path, help="write the one point's files into this new directory")
    return parser.parse_args()


def read(options: argparse.Namespace) -> Report:
    copy: Copy = PlainCopy(options.vault) if options.vault is not None else ContainerAlone(options.container_file)
    keys = VaultKeys(copy, find_recipients(options))
    reader = PointReader(copy, keys, options.domain)
    roots = find_roots(options, copy, keys, reader)
    if options.restore is None:
        return {"vault": keys.vault_id.hex(), "points": [reader.read(root, None) for root in roots]}
    if len(roots) != 1:
        raise CopyError(f"one point can be restored at a time, and these are {len(roots)}; name one with --point")
    restore = DirectoryRestore(options.restore)
    report = reader.read(roots[0], restore.write)
    restore.finish()
    return {"vault": keys.vault_id.hex(), "points": [report]}


def find_recipients(options: argparse.Namespace) -> dict[str, Unwrap]:
    if options.key_file is not None:
        return {"file": file_recipient(options.key_file.read_bytes())}
    passphrase = None if options.passphrase_env is None else os.environb.get(os.fsencode(options.passphrase_env))
    return {"offline": offline_recipient(options.offline_key.read_bytes(), passphrase)}


def find_roots(options: argparse.Namespace, copy: Copy, keys: VaultKeys, reader: PointReader) -> list[Root]:
    if isinstance(copy, ContainerAlone):
        return [reader.read_container_root(copy.name)]
    if options.container is not None:
        return [reader.read_container_root(f"containers/{options.container}")]
    names = [name for name in list_roots(copy) if options.point in (None, name.rsplit("/", 1)[1])]
    if options.point is not None and not names:
        raise CopyError(f"the copy has no point {options.point}")
    return [read_root(copy, keys, name) for name in names]


if __name__ == "__main__":
    sys.exit(main())

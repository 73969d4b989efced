import { StoredBytesDamagedError } from '../errors.ts';
import { decodeRootCbor } from '../points/root-cbor.ts';
import { readKeyBlock } from '../keys/key-block.ts';
import { openVault } from '../keys/open-vault.ts';
import { readContainerTail } from '../packs/container-tail.ts';
import { containerName } from '../packs/object-names.ts';
import { headerBytes, readHeader } from '../packs/pack-layout.ts';
import { PackReader } from '../packs/pack-reader.ts';
import { SegmentReader } from '../packs/segment-reader.ts';
import type { Keyring } from '../ports/keyring.ts';
import { ContainerStore, type ContainerBytes } from './container-store.ts';
import { PointReader } from './point-reader.ts';

/**
 * Opens the point in a container by means of that object and a key alone: no vault, no catalog. The root is that of the
 * point as far as it was known when the container was written (docs/format.md, section 9).
 * @param label - the container's name in messages.
 * @throws {@link StoredBytesDamagedError} it is no container, or its header, its end or its keys are damaged.
 * @throws {@link KeyUnavailableError} its keys cannot be unwrapped with that keyring.
 */
export async function openContainer(
  container: ContainerBytes,
  keyring: Keyring,
  label: string,
): Promise<PointReader> {
  const header = readHeader(await container.read({ offset: 0, length: headerBytes }), label);
  const { packId, keyId, kind } = header;
  if (kind !== 'container')
    throw new StoredBytesDamagedError(label, `it is a pack of ${kind}, not a container`);
  const name = containerName(packId);
  const bare = new ContainerStore(container, name, new Map());
  const { keyBlock } = await readContainerTail(bare, { name }, container.bytes);
  const store = new ContainerStore(container, name, readKeyBlock(keyBlock, label));
  const keys = await openVault({ store, keyring });
  (await keys.dataKey(keyId)).checkSealed(keyBlock, keys.vaultId, label);
  const segments = new SegmentReader(store, new PackReader(store, keys).ciphers);
  const { root } = await segments.readContainerEnd({ packId, name }, container.bytes);
  return new PointReader(store, keys, decodeRootCbor(root, label));
}

import { fromHex } from '../../src/bytes.ts';
import { rootObjectId, type VaultKeys } from '../../src/keys/vault-keys.ts';
import { FrameCipher } from '../../src/packs/frame-cipher.ts';
import type { Root } from '../../src/points/root.ts';

/** A root's object with any content, as somebody with the key can make it. */
export async function sealRoot(
  keys: VaultKeys,
  content: Uint8Array,
  point: Root['point'],
): Promise<Uint8Array> {
  const dataKey = await keys.currentDataKey();
  const salt = new Uint8Array(16).fill(5);
  const header = Buffer.concat([Buffer.from('HFRT\x01\0\0\0', 'latin1'), fromHex(dataKey.keyId), salt]);
  const cipher = new FrameCipher(dataKey.rootKey(salt), keys.vaultId, rootObjectId(point));
  const frame = new Uint8Array(content.length + 64);
  return Buffer.concat([header, frame.subarray(0, cipher.seal('root', 0, 0, content, frame, 0))]);
}

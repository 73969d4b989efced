import { ChunkCorruptError, type BackupError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { ChunkReference } from './chunk-location.ts';

/** @returns the chunk's verified bytes, a view of its frame's content; an error when other bytes lie there. */
export function cutChunk(
  keys: Pick<VaultKeys, 'chunkId'>,
  content: Uint8Array,
  { id, plainBytes, location: { packId, start } }: ChunkReference,
): Uint8Array | BackupError {
  const chunk = content.subarray(start, start + plainBytes);
  return chunk.length === plainBytes && keys.chunkId(chunk) === id
    ? chunk
    : new ChunkCorruptError(id, packId);
}

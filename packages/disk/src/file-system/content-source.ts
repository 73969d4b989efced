import { type ByteSource, checkWithin } from '../source/byte-source.ts';
import { concatenated } from '../source/concatenated.ts';
import type { FileNode } from './file-system.ts';

/** The content of a file as a source, for what is stored within it. */
export function contentSource(node: Pick<FileNode, 'bytes' | 'read'>): ByteSource {
  return {
    bytes: node.bytes,
    read: async (offset, length, signal) => {
      checkWithin(offset, length, node.bytes);
      return concatenated(await Array.fromAsync(node.read({ from: offset, to: offset + length }, signal)));
    },
  };
}

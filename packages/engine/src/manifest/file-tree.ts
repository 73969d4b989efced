import { createTreeKind, type PageKeys, type TreeKind } from './tree-kind.ts';
import { fileLeafBits } from './tuple-key.ts';

/** Trees of file manifests: entries of files and of their content, see `file-entry.ts` and `extent.ts`. */
export function createFileTreeKind(keys: PageKeys): TreeKind {
  return createTreeKind(keys, fileLeafBits, () => 0);
}

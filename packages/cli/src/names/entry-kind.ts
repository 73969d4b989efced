import type { FileNode } from '@holdfast/disk';
import * as z from 'zod';

/** Kinds of entries, of points of files and of file systems in images alike. */
export const EntryKind = z.enum([
  'object',
  'file',
  'directory',
  'symlink',
  'fifo',
  'socket',
  'character-device',
  'block-device',
  /** A file of an image that is named and cannot be read. */
  'unreadable',
]);
export type EntryKind = z.infer<typeof EntryKind>;

/** The kind of a file in an image, by the word that points of files have for it. */
export function entryKindOf(kind: FileNode['kind'] | 'unreadable'): EntryKind {
  return kind === 'link' ? 'symlink' : kind;
}

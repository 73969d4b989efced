import { DiskPathError } from '../errors.ts';
import type { ByteSource } from '../source/byte-source.ts';
import type { ContentRun, DirectoryEntry, FileNode } from './file-system.ts';
import { readRuns } from './read-runs.ts';

/** Facts of a node, and what a file system does when more is asked of it. */
export interface NodeParts extends Omit<FileNode, 'read' | 'readRuns'> {
  /** Called before anything is asked of its content. */
  readonly check?: () => void;
}

/** A node of which only what its kind has can be asked. @throws {@link DiskPathError} for all else. */
export function makeNode(source: ByteSource, parts: NodeParts): FileNode {
  const { id, kind, check, list, find, runs, linkTarget, ...facts } = parts;
  const mustBe = (wanted: FileNode['kind']): void => {
    if (kind !== wanted) throw new DiskPathError(`node ${id} is a ${kind}, not a ${wanted}`);
    check?.();
  };
  return {
    ...facts,
    id,
    kind,
    list: async function* listEntries(signal): AsyncGenerator<DirectoryEntry> {
      mustBe('directory');
      yield* list(signal);
    },
    find: async (name, signal) => {
      mustBe('directory');
      return find(name, signal);
    },
    runs: async function* contentRuns(range, signal): AsyncGenerator<ContentRun> {
      mustBe('file');
      yield* runs(range, signal);
    },
    read: async function* read(range, signal): AsyncGenerator<Uint8Array> {
      mustBe('file');
      yield* readRuns(source, runs(range, signal), signal);
    },
    readRuns: async function* readGiven(given, signal): AsyncGenerator<Uint8Array> {
      mustBe('file');
      yield* readRuns(source, given, signal);
    },
    linkTarget: async (signal) => {
      mustBe('link');
      return linkTarget(signal);
    },
  };
}

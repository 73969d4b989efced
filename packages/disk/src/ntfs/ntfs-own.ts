import { DiskError } from '../errors.ts';
import type { ListedNode, OwnStretch } from '../file-system/file-system.ts';
import { readAttributeRuns, setBits } from './ntfs-content.ts';
import { listNames, ownRecords, rootRecord } from './ntfs-directory.ts';
import { fileOf, findAttribute, type NtfsFile, readFile } from './ntfs-file.ts';
import { attributeTypes, nodeId, parseNodeId } from './ntfs-record.ts';
import type { NtfsVolume } from './ntfs-volume.ts';

const tableRecord = 0;
/** Far above what Windows has. */
const mostOwnFiles = 4096;

/** Files that say that they have a name, in the order of the master file table, without the file system's own. */
export async function* listNamedFiles(volume: NtfsVolume, signal?: AbortSignal): AsyncGenerator<ListedNode> {
  const own = await ownFiles(volume, signal);
  const table = await readFile(volume, { record: tableRecord, sequence: 0 }, signal);
  const bitmap = await findAttribute(volume, table, attributeTypes.bitmap, '', signal);
  if (bitmap === undefined) return;
  for await (const record of setBits(volume, table, bitmap, volume.records, signal)) {
    if ((record < ownRecords && record !== rootRecord) || own.has(record)) continue;
    try {
      const base = await volume.readRecord(record, signal);
      if (base.base !== undefined) continue;
      const file = await fileOf(volume, base, signal);
      const name = await findAttribute(volume, file, attributeTypes.fileName, '', signal);
      if (name !== undefined) yield { id: nodeId(base) };
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      yield { error };
    }
  }
}

/** Clusters of the file system's own files. */
export async function* listOwnClusters(volume: NtfsVolume, signal?: AbortSignal): AsyncGenerator<OwnStretch> {
  for (const [record, file] of await ownFiles(volume, signal)) {
    if (record === rootRecord) continue;
    for (const { type, name } of file.list ?? file.base.attributes)
      try {
        const attribute = await findAttribute(volume, file, type, name, signal);
        if (attribute?.kind !== 'clusters') continue;
        for await (const run of readAttributeRuns(volume, file, attribute, {}, signal))
          if (run.kind === 'stored') yield { what: attribute.what, at: run.at, bytes: run.bytes };
      } catch (error) {
        // It is told of where it is needed.
        if (!(error instanceof DiskError)) throw error;
      }
  }
}

/** The file system's own files by their records, as far as they can be read: the first ones, and a tree of others. */
async function ownFiles(
  volume: NtfsVolume,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<number, NtfsFile>> {
  const files = new Map<number, NtfsFile>();
  const waiting = Array.from({ length: ownRecords }, (_, record) => nodeId({ record, sequence: 0 }));
  for (let id = waiting.pop(); id !== undefined && files.size < mostOwnFiles; id = waiting.pop()) {
    const reference = parseNodeId(id);
    if (files.has(reference.record)) continue;
    try {
      const file = await readFile(volume, reference, signal);
      files.set(reference.record, file);
      if (!file.base.isDirectory || reference.record === rootRecord) continue;
      for await (const entry of listNames(volume, file, signal)) {
        waiting.push(entry.id);
        if (waiting.length > mostOwnFiles) break;
      }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
  }
  return files;
}

import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import { type ByteSource, checkWithin } from '../source/byte-source.ts';
import type { LvmSection, LvmValue } from './parse-lvm-text.ts';
import { type PhysicalVolume, readPhysicalVolume } from './read-physical-volume.ts';

const sectorBytes = 512;

export interface VolumeGroup {
  readonly name: string;
  readonly uuid: string;
  /** Goes up with every change of where its volumes lie. */
  readonly version: number;
  /** Those that people see; what LVM keeps for itself is left out. */
  readonly volumes: readonly LogicalVolume[];
}

export interface FoundGroups {
  readonly groups: readonly VolumeGroup[];
  /** Indexes of the sources that they lie on; of copies of one, that of the copy that counts. */
  readonly sources: readonly number[];
  /** Parts that could not be read, or contradict something else. */
  readonly notices: readonly string[];
}

export interface LogicalVolume {
  readonly name: string;
  readonly uuid: string;
  /**
   * @throws {@link DiskUnsupportedError} it is more than stretches of disks one after another; the error names what.
   * @throws {@link DiskDamagedError} a disk that it lies on is not there, or what is said of it cannot be.
   */
  readonly open: () => ByteSource;
}

/**
 * The volume groups of LVM 2 that physical volumes belong to. Other sources are passed over, so that all partitions of
 * all disks can be given. Of a group, the newest of what its disks say counts.
 */
export async function readVolumeGroups(
  sources: readonly ByteSource[],
  signal?: AbortSignal,
): Promise<FoundGroups> {
  const disks = new Map<string, PhysicalVolume>();
  const groups = new Map<string, { readonly name: string; readonly section: LvmSection }>();
  const notices: string[] = [];
  const used: number[] = [];
  const add = (disk: PhysicalVolume, index: number): void => {
    notices.push(...disk.notices);
    if (disks.has(disk.id)) {
      notices.push(`physical volume ${disk.id} is there twice; the first one is used`);
      return;
    }
    disks.set(disk.id, disk);
    used.push(index);
    for (const [name, section] of disk.metadata ?? []) {
      if (!isSection(section)) continue;
      const id = textOf(section, 'id');
      const known = groups.get(id);
      if (known === undefined || numberOf(section, 'seqno') > numberOf(known.section, 'seqno'))
        groups.set(id, { name, section });
    }
  };
  for (const [index, source] of sources.entries()) {
    try {
      const disk = await readPhysicalVolume(source, signal);
      if (disk !== undefined) add(disk, index);
    } catch (error) {
      if (!(error instanceof DiskDamagedError)) throw error;
      notices.push(`source ${index} cannot be used: ${error.message}`);
    }
  }
  return {
    groups: [...groups].map(([uuid, { name, section }]) => ({
      name,
      uuid,
      version: numberOf(section, 'seqno'),
      volumes: volumesOf(section, disks),
    })),
    sources: used,
    notices,
  };
}

function volumesOf(group: LvmSection, disks: ReadonlyMap<string, PhysicalVolume>): LogicalVolume[] {
  const volumes: LogicalVolume[] = [];
  for (const [name, section] of sectionOf(group, 'logical_volumes')) {
    if (!isSection(section)) continue;
    const status = section.get('status');
    if (!Array.isArray(status) || !status.includes('VISIBLE')) continue;
    volumes.push({ name, uuid: textOf(section, 'id'), open: () => openVolume(name, section, group, disks) });
  }
  return volumes;
}

/** A part of a logical volume, in bytes. */
interface Stretch {
  readonly start: number;
  readonly bytes: number;
  readonly disk: ByteSource;
  readonly at: number;
}

function openVolume(
  name: string,
  volume: LvmSection,
  group: LvmSection,
  disks: ReadonlyMap<string, PhysicalVolume>,
): ByteSource {
  const extentBytes = numberOf(group, 'extent_size') * sectorBytes;
  const stretches: Stretch[] = [];
  for (const [key, segment] of volume) {
    if (!isSection(segment) || !/^segment\d+$/.test(key)) continue;
    const extents = numberOf(segment, 'extent_count');
    const { disk, at } = placeOf(segment, group, disks, extentBytes);
    const bytes = extents * extentBytes;
    checkWithin(at, bytes, disk.bytes);
    stretches.push({ start: numberOf(segment, 'start_extent') * extentBytes, bytes, disk, at });
  }
  stretches.sort((one, other) => one.start - other.start);
  let end = 0;
  for (const { start, bytes } of stretches) {
    if (start !== end || bytes === 0)
      throw new DiskDamagedError(`logical volume ${name} has a gap or an overlap at byte ${end}`);
    end += bytes;
  }
  return joined(stretches, end);
}

/** The disk and the byte at which a segment begins. */
function placeOf(
  segment: LvmSection,
  group: LvmSection,
  disks: ReadonlyMap<string, PhysicalVolume>,
  extentBytes: number,
): { readonly disk: ByteSource; readonly at: number } {
  const type = textOf(segment, 'type');
  if (type !== 'striped' && type !== 'linear') throw new DiskUnsupportedError(`LVM segment of type ${type}`);
  const [name, extent, ...more] = listOf(segment, 'stripes');
  if (more.length > 0) throw new DiskUnsupportedError(`LVM volume striped over ${1 + more.length / 2} disks`);
  if (typeof name !== 'string' || typeof extent !== 'number')
    throw new DiskDamagedError('LVM metadata has a segment without a place');
  const physical = sectionOf(sectionOf(group, 'physical_volumes'), name);
  const id = textOf(physical, 'id');
  const disk = disks.get(id.replaceAll('-', ''));
  if (disk === undefined)
    throw new DiskDamagedError(
      `physical volume ${id} (${name}) is not among the disks; add the volume that has it`,
    );
  return { disk: disk.source, at: numberOf(physical, 'pe_start') * sectorBytes + extent * extentBytes };
}

function joined(stretches: readonly Stretch[], bytes: number): ByteSource {
  function* partsOf(
    offset: number,
    length: number,
  ): Generator<{ readonly disk: ByteSource; readonly at: number; readonly bytes: number }> {
    for (const { start, bytes: size, disk, at } of stretches) {
      const from = Math.max(offset, start);
      const to = Math.min(offset + length, start + size);
      if (from < to) yield { disk, at: at + from - start, bytes: to - from };
    }
  }
  return {
    bytes,
    lostBytes: (offset, length) => {
      let lost = 0;
      for (const { disk, at, bytes: size } of partsOf(offset, length))
        lost += disk.lostBytes?.(at, size) ?? 0;
      return lost;
    },
    mayDiffer: (offset, length) => {
      for (const { disk, at, bytes: size } of partsOf(offset, length))
        if (disk.mayDiffer?.(at, size) ?? true) return true;
      return false;
    },
    read: async (offset, length, signal) => {
      checkWithin(offset, length, bytes);
      const parts: Uint8Array[] = [];
      for (const { disk, at, bytes: size } of partsOf(offset, length))
        parts.push(await disk.read(at, size, signal));
      const [only] = parts;
      if (only !== undefined && parts.length === 1) return only;
      const whole = new Uint8Array(length);
      let done = 0;
      for (const part of parts) {
        whole.set(part, done);
        done += part.length;
      }
      return whole;
    },
  };
}

function isSection(value: LvmValue | undefined): value is LvmSection {
  return value instanceof Map;
}

function sectionOf(section: LvmSection, name: string): LvmSection {
  const value = section.get(name);
  if (!isSection(value)) throw missing(name);
  return value;
}

function listOf(section: LvmSection, name: string): readonly LvmValue[] {
  const value = section.get(name);
  if (!Array.isArray(value)) throw missing(name);
  return value as readonly LvmValue[];
}

function textOf(section: LvmSection, name: string): string {
  const value = section.get(name);
  if (typeof value !== 'string') throw missing(name);
  return value;
}

function numberOf(section: LvmSection, name: string): number {
  const value = section.get(name);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw missing(name);
  return value;
}

function missing(name: string): DiskDamagedError {
  return new DiskDamagedError(`LVM metadata does not say a usable "${name}"`);
}

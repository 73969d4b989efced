import { toHex } from '../../src/bytes.ts';
import type { PackId } from '../../src/ids.ts';
import { decodeExtent } from '../../src/manifest/extent.ts';
import { decodePackMapEntry } from '../../src/manifest/pack-map.ts';
import { decodePage, isLeaf, type Entry } from '../../src/manifest/page-codec.ts';
import type { PageRef } from '../../src/manifest/page-store.ts';
import { decodeFileKey } from '../../src/manifest/tuple-key.ts';
import { findPageRef } from '../../src/points/page-ref-text.ts';
import type { PointReader } from '../../src/restore/point-reader.ts';

/** Bytes of a stored object. */
export interface Place {
  readonly packId: PackId;
  readonly offset: number;
  readonly length: number;
}

/** An entry of a map, and the pages that lead to it, from the root of the map down. */
interface Placed<What> {
  readonly what: What;
  readonly pages: readonly (Place & { readonly ref: PageRef; readonly after: Uint8Array | undefined })[];
}

/** What a point consists of, byte by byte: read while everything was whole. */
export interface PointMap {
  readonly isImage: boolean;
  readonly manifest: readonly Placed<{
    readonly path: string;
    readonly chunks: readonly Place[];
  }>[];
  readonly packMap: readonly Placed<PackId>[];
}

/** What verification has to say of a point. */
export interface ExpectedDamage {
  readonly damagedFiles: readonly string[];
  readonly lostRanges: readonly {
    map: string;
    after: string | undefined;
    through: string;
    entries: number;
  }[];
}

/** Reads where everything of a point lies. */
export async function mapPoint(reader: PointReader): Promise<PointMap> {
  const { root } = reader;
  const manifest = await placedEntries(reader, findPageRef(root.manifest, root.point));
  const packMap = await placedEntries(reader, findPageRef(root.packMap, root.point));
  return {
    isImage: root.image !== undefined,
    manifest: manifest.map(({ what, pages }) => ({ what: describe(what), pages })),
    packMap: packMap.map(({ what, pages }) => ({ what: decodePackMapEntry(what, 'a test').packId, pages })),
  };
}

/**
 * The losses of a point when some bytes cannot be used, without their reasons. A lost page may have had blocks of the
 * volume before it, as a gap in a volume is no sign.
 */
export function expectDamage(
  { manifest, packMap, isImage }: PointMap,
  isHit: (place: Place) => boolean,
): ExpectedDamage {
  const lostPacks = new Set(packMap.filter(({ pages }) => pages.some(isHit)).map(({ what }) => what));
  const files = new Map<string, { lost: number; kept: number; damaged: boolean }>();
  let last: { damaged: boolean } | undefined;
  for (const { what, pages } of manifest) {
    const file = files.get(what.path) ?? { lost: 0, kept: 0, damaged: false };
    files.set(what.path, file);
    if (pages.some(isHit)) {
      file.lost += 1;
      if (isImage && last !== undefined) last.damaged = true;
    } else {
      last = file;
      file.kept += 1;
      file.damaged ||= what.chunks.some((chunk) => isHit(chunk) || lostPacks.has(chunk.packId));
    }
  }
  return {
    damagedFiles: [...files]
      .filter(([, { lost, kept, damaged }]) => damaged || (lost > 0 && kept > 0))
      .map(([path]) => path),
    lostRanges: [
      ...lostRangesOf('manifest', manifest, isHit, (key) => textOf(decodeFileKey(key, 'a test').path)),
      ...lostRangesOf('pack-map', packMap, isHit, toHex),
    ],
  };
}

function lostRangesOf(
  map: string,
  entries: readonly Placed<unknown>[],
  isHit: (place: Place) => boolean,
  nameOf: (key: Uint8Array) => string,
): ExpectedDamage['lostRanges'] {
  const topmost = new Set(entries.map(({ pages }) => pages.find(isHit)).filter((page) => page !== undefined));
  return [...topmost].map(({ ref, after }) => ({
    map,
    after: after && nameOf(after),
    through: nameOf(ref.lastKey),
    entries: ref.entries,
  }));
}

async function placedEntries({ pages }: PointReader, root: PageRef | undefined): Promise<Placed<Entry>[]> {
  const placed: Placed<Entry>[] = [];
  let after: Uint8Array | undefined;
  const walk = async (ref: PageRef, above: Placed<Entry>['pages']): Promise<void> => {
    const { pack, offset, length } = ref.location;
    const path = [...above, { packId: pack.packId, offset, length, ref, after }];
    const page = decodePage(await pages.read(ref), pack, 'a test');
    if (isLeaf(page)) for (const entry of page.entries) placed.push({ what: entry, pages: path });
    else for (const child of page.children) await walk(child, path);
    after = ref.lastKey;
  };
  if (root !== undefined) await walk(root, []);
  return placed;
}

function describe(entry: Entry): PointMap['manifest'][number]['what'] {
  const { path, offset } = decodeFileKey(entry.key, 'a test');
  const chunks = offset === undefined ? [] : decodeExtent(entry, 'a test').chunks;
  return {
    path: textOf(path),
    chunks: chunks.map(({ location }) => location),
  };
}

function textOf(path: Uint8Array): string {
  return Buffer.from(path).toString('utf8');
}

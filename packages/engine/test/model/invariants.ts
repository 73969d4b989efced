import { ObjectNotFoundError } from '../../src/errors.ts';
import type { PackId, PointId } from '../../src/ids.ts';
import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import type { Keyring } from '../../src/ports/keyring.ts';
import { createPackMapKind, decodePackMapEntry } from '../../src/manifest/pack-map.ts';
import { TreeReader } from '../../src/manifest/tree-reader.ts';
import { containerName, objectNameOf, packName, pageName } from '../../src/packs/object-names.ts';
import { findPageRef } from '../../src/points/page-ref-text.ts';
import { createPageReader } from '../../src/points/point-pages.ts';
import { decodeRoot } from '../../src/points/root-store.ts';
import type { Root } from '../../src/points/root.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import type { ObjectLock } from '../../src/ports/object-store.ts';
import { maintainOnce } from './maintainers.ts';
import { runOn } from './run-alone.ts';
import { forkPorts, type Ports, type World } from './world.ts';

const dayMs = 86_400_000;

/** What the product promises, as questions about a world. */
export interface InvariantOptions {
  readonly keys: VaultKeys;
  readonly keyring: Keyring;
  /** Packs whose bytes are damaged and marked so: no point that is not listed may need them. */
  readonly damaged?: { readonly packIds: ReadonlySet<PackId>; readonly olderPoints: ReadonlySet<PointId> };
  /** Points that somebody holds, whatever the catalog says. */
  readonly held?: readonly PointRow[];
  /** Points whose rows say so are held, too: no hold was set on a point that was overdue. @default false */
  readonly holdsByRow?: boolean;
}

/** A version of an object that a point needs. */
interface Need {
  /** It lies under one of these. */
  readonly names: readonly string[];
  readonly packId: PackId;
  readonly versionId: string;
}

interface KnownRoot {
  readonly root: Root;
  readonly needs: readonly Need[];
}

/** Decides whether a world keeps what the product promises. */
export class Invariants {
  readonly #options: InvariantOptions;
  readonly #roots = new WeakMap<object, KnownRoot>();

  constructor(options: InvariantOptions) {
    this.#options = options;
  }

  /**
   * A committed point that has not expired can be restored: every version that it needs is there, and the store itself
   * keeps it until the point expires; so are the vault's keys.
   * @param lossOnly - a version that is still there is well, however soon the store would let it go.
   * @returns what is wrong.
   */
  async check(world: Pick<World, 'ports' | 'time'>, lossOnly = false): Promise<string | undefined> {
    const objects = new Map(world.ports.store.entries());
    const rows = new Map<PointId, PointRow>();
    for (const row of world.ports.catalog.rows()) if ('rootName' in row) rows.set(row.pointId, row);
    const gone = this.#options.held?.find(({ rootName }) => !objects.has(rootName));
    if (gone !== undefined) return `the point ${gone.pointId} is held, and gone`;
    for (const [name, [version]] of objects) {
      if (!name.startsWith('points/') || version === undefined) continue;
      const { root, needs } = await this.#know(world, name, version);
      const row = rows.get(root.point);
      const expiresMs = expiryOf(root, version.lock, row);
      const isHeld =
        this.#options.held?.some(({ pointId }) => pointId === root.point) === true ||
        (this.#options.holdsByRow === true && row?.holds !== undefined);
      const isKept = expiresMs > world.time.getTime();
      if (!isKept && !isHeld) continue;
      const keptUntilMs = expiresMs;
      const point = `the point ${root.point} of ${root.resource}, kept until ${new Date(keptUntilMs).toISOString()}`;
      for (const need of needs) {
        const stored = need.names.flatMap((one) => objects.get(one) ?? []);
        const found = stored.find(({ versionId }) => need.versionId === '' || versionId === need.versionId);
        if (found === undefined) return `${point}, has lost pack ${need.packId}`;
        if (lossOnly || !isKept) continue;
        const lockedMs = found.lock?.until.getTime() ?? 0;
        if (lockedMs < keptUntilMs)
          return `${point}, needs pack ${need.packId}, which the store keeps only until ${new Date(lockedMs).toISOString()}`;
      }
      const { damaged } = this.#options;
      if (damaged !== undefined && !damaged.olderPoints.has(root.point)) {
        const broken = needs.find(({ packId }) => damaged.packIds.has(packId));
        if (broken !== undefined)
          return `${point}, refers to pack ${broken.packId}, which had been marked as damaged`;
      }
      if (lossOnly || !isKept) continue;
      for (const [key, [file]] of objects) {
        if (key !== 'format.json' && !key.startsWith('keys/')) continue;
        if ((file?.lock?.until.getTime() ?? 0) < keptUntilMs)
          return `${point}, needs ${key}, which the store keeps only until ${file?.lock?.until.toISOString()}`;
      }
    }
    return undefined;
  }

  /**
   * Storage is bounded: some days after the last lease has ended, maintenance has removed all but the vault's keys.
   * @returns what is left.
   */
  async checkRest(world: World): Promise<string | undefined> {
    let ports = forkPorts(world.ports, world.time);
    await releaseAll(ports);
    let timeMs = lastDateOf({ ports, time: world.time });
    // What a first pass puts off, because the store still holds it, a later one finds.
    for (let pass = 0; pass < 3 && leftOf(ports) !== undefined; pass += 1) {
      timeMs += 3 * dayMs;
      const time = new Date(timeMs);
      ports = forkPorts(ports, time);
      await runOn(ports, time, { name: 'maintainer', program: maintainOnce }, this.#options);
    }
    return leftOf(ports);
  }

  async #know(
    world: Pick<World, 'ports'>,
    name: string,
    { content }: { content: { bytes: number; read(from: number, bytes: number): Uint8Array } },
  ): Promise<KnownRoot> {
    const known = this.#roots.get(content);
    if (known !== undefined) return known;
    const { keys } = this.#options;
    const root = await decodeRoot(
      content.read(0, content.bytes),
      name.slice(name.lastIndexOf('/') + 1) as PointId,
      keys,
      name,
    );
    const needs: Need[] = root.pagePacks.map(({ pack, version }) => ({
      names: [pageName(pack), containerName(pack), packName(root.retentionClass, pack)],
      packId: pack,
      versionId: version,
    }));
    const { store } = world.ports;
    const packMap = new TreeReader(
      createPackMapKind(keys),
      createPageReader(store, keys, root.pagePacks),
      findPageRef(root.packMap, root.point),
    );
    try {
      for await (const entry of packMap.range()) {
        const pack = decodePackMapEntry(entry, root.point);
        needs.push({ names: [objectNameOf(pack)], packId: pack.packId, versionId: pack.versionId });
      }
    } catch (error) {
      // Its pages are gone already; that they are is found below.
      if (!(error instanceof ObjectNotFoundError)) throw error;
      return { root, needs };
    }
    const found = { root, needs };
    this.#roots.set(content, found);
    return found;
  }
}

/** What nobody has removed. */
function leftOf(ports: Ports): string | undefined {
  const names = [...ports.store.entries()].map(([name]) => name);
  const left = names.filter((name) => name !== 'format.json' && !/^(keys|audit)\//.test(name));
  if (left.length > 0) return `nothing is kept any more, but ${left.join(' and ')} stays for ever`;
  const rows = [...ports.catalog.rows()].filter((row) => 'packId' in row || 'rootName' in row);
  return rows.length > 0 ? `${rows.length} rows of the catalog stay for ever` : undefined;
}

/** Nobody holds anything any more. */
async function releaseAll({ catalog }: Ports): Promise<void> {
  for (const row of Array.from(catalog.rows())) {
    if (!('holds' in row)) continue;
    for (const holdId of row.holds ?? []) {
      if ('rootName' in row) await catalog.points.removeHold(row.pointId, holdId);
      else await catalog.packs.removeHold(row.packId, holdId);
    }
  }
}

/** Until when a point is promised: by its root, its root's lock, or its row, whichever is latest. Milliseconds. */
function expiryOf(root: Root, lock: ObjectLock | undefined, row: PointRow | undefined): number {
  const dates = [Date.parse(root.expiresAt), lock?.until.getTime() ?? 0];
  if (row !== undefined && row.expiring !== true) dates.push(row.expiresAt.getTime());
  return Math.max(...dates);
}

/** The last date that anything is kept until. Milliseconds. */
function lastDateOf({ ports, time }: Pick<World, 'ports' | 'time'>): number {
  let last = time.getTime();
  for (const [name, versions] of ports.store.entries()) {
    if (name === 'format.json' || name.startsWith('keys/')) continue;
    for (const { lock } of versions) last = Math.max(last, lock?.until.getTime() ?? 0);
  }
  for (const row of ports.catalog.rows()) {
    if ('lockUntil' in row) last = Math.max(last, row.lockUntil.getTime());
    if ('rootName' in row) last = Math.max(last, row.expiresAt.getTime());
  }
  return last;
}

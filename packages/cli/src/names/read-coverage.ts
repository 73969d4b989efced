import {
  type Catalog,
  type CoveredItem,
  type InventoryItem,
  isOfKind,
  judgeCoverage,
  type PointRow,
  type ResourceArn,
  type ResourceStanding,
} from '@holdfast/engine';
import * as z from 'zod';
import { bytesText } from '../terminal/text.ts';
import { type Connection, type InventoryPart, inventoryParts } from '../deployment/connection.ts';

export interface ReadCoverage {
  readonly items: readonly CoveredItem[];
  /** Parts of the account that the caller may not look at, and why. */
  readonly unknown: readonly { readonly part: InventoryPart; readonly reason: string }[];
}

/** Parts of the account that the caller may not look at, for programs. */
export const UnknownParts = z.array(z.strictObject({ part: z.enum(inventoryParts), reason: z.string() }));

/** Looks at parts of the account, and judges what of them is backed up. */
export async function readCoverage(
  { inventory }: Pick<Connection, 'inventory'>,
  standings: readonly ResourceStanding[],
  parts: readonly InventoryPart[],
  signal: AbortSignal,
): Promise<ReadCoverage> {
  const found: InventoryItem[] = [];
  const unknown: { part: InventoryPart; reason: string }[] = [];
  for (const part of parts) {
    try {
      found.push(...(await Array.fromAsync(inventory.list(part, signal))));
    } catch (error) {
      if (!isOfKind(error, 'denied', 'unavailable')) throw error;
      unknown.push({ part, reason: error.message });
    }
  }
  return { items: judgeCoverage(found, standings, await inventory.findOwn()), unknown };
}

/** Bytes of what has no plan, for people: of some things nobody knows how large they are. */
export function openBytesText(open: readonly CoveredItem[]): string {
  const known = open.flatMap(({ item: { bytes } }) => bytes ?? []);
  if (known.length === 0) return 'of unknown size';
  const sum = bytesText(known.reduce((all, bytes) => all + bytes, 0));
  return known.length < open.length ? `${sum} and more` : sum;
}

/** A resource as all of its points say. */
export interface PointHistory {
  readonly newest: PointRow;
  /** Plans that its points were made under. */
  readonly plans: ReadonlySet<string>;
}

/** Reads all points there are, in the memory of one of each resource. */
export async function readHistories(catalog: Catalog): Promise<ReadonlyMap<ResourceArn, PointHistory>> {
  const histories = new Map<ResourceArn, { newest: PointRow; readonly plans: Set<string> }>();
  for await (const point of catalog.points.listExpiring({})) {
    const known = histories.get(point.resourceArn);
    if (known === undefined) {
      histories.set(point.resourceArn, { newest: point, plans: new Set([point.plan]) });
      continue;
    }
    known.plans.add(point.plan);
    if (known.newest.sourceTime < point.sourceTime) known.newest = point;
  }
  return histories;
}

/** Resources that have points and no tag any more, each with its newest point: nothing makes another one. */
export async function findVanished(
  catalog: Catalog,
  standings: readonly Pick<ResourceStanding, 'resource'>[],
): Promise<readonly PointRow[]> {
  const tagged = new Set<ResourceArn>(standings.map(({ resource }) => resource.arn));
  return [...(await readHistories(catalog)).values()]
    .map(({ newest }) => newest)
    .filter(({ resourceArn, resourceKind }) => !tagged.has(resourceArn) && resourceKind !== 'directory')
    .sort((a, b) => b.sourceTime.getTime() - a.sourceTime.getTime());
}

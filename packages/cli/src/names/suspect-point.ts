import {
  type Catalog,
  findSuspicions,
  isDegraded,
  isKept,
  type PointRow,
  type PointSign,
  type ResourceArn,
  type Suspicion,
} from '@holdfast/engine';
import * as z from 'zod';
import { WholeNumber, Time } from '../terminal/answer.ts';
import type { CommandContext } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { countText, timeText } from '../terminal/text.ts';

/** A point that speaks of an attack, or comes after one that does, and the point to take instead. */
export interface SuspectPoint {
  readonly point: PointRow;
  readonly suspicion: Suspicion;
  /** Absent where the resource has none. */
  readonly clean: PointRow | undefined;
}

/**
 * Finds out whether a point of a resource is suspect: the newest that is kept, or the one that is named.
 * @returns `undefined` where it is not, or is not there.
 */
export async function findSuspect(
  catalog: Pick<Catalog, 'points'>,
  resourceArn: ResourceArn,
  now: Date,
  named?: PointRow,
): Promise<SuspectPoint | undefined> {
  return suspectOf(await Array.fromAsync(catalog.points.list(resourceArn)), now, named);
}

/** As {@link findSuspect}, of all points of one resource, the newest first. */
export function suspectOf(
  points: readonly PointRow[],
  now: Date,
  named?: PointRow,
): SuspectPoint | undefined {
  const suspicions = findSuspicions(points);
  const point = named ?? points.find((one) => isKept(one, now));
  const suspicion = point && suspicions.get(point.pointId);
  if (point === undefined || suspicion === undefined) return undefined;
  const clean = points.find((one) => isKept(one, now) && !isDegraded(one) && !suspicions.has(one.pointId));
  return { point, suspicion, clean };
}

/** Evidence for people: `82 % of the files changed (usually 2 %), 3 names like README_DECRYPT.txt`. */
function signsText(signs: readonly PointSign[]): string {
  return signs.map(signText).join(', ');
}

function signText(sign: PointSign): string {
  switch (sign.sign) {
    case 'changed':
      return `${percent(sign.share)} of the files changed (usually ${percent(sign.usual)})`;
    case 'removed':
      return `${percent(sign.share)} of the files are gone (usually ${percent(sign.usual)})`;
    case 'rewritten':
      return `${percent(sign.share)} of the content is new (usually ${percent(sign.usual)})`;
    case 'incompressible':
      return `new data compresses to ${percent(sign.share)} of its size (before, to ${percent(sign.usual)})`;
    case 'names':
      return `${countText(sign.files, 'name')} like ${sign.examples[0] ?? '-'}`;
    case 'renamed':
      return `${countText(sign.files, 'file')} with one more ending, such as ${sign.examples[0] ?? '-'}`;
  }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Why a point is not taken for clean, and what to take instead. */
export function suspectText({ point, suspicion, clean }: SuspectPoint): string {
  const { since, sinceSigns, signs } = suspicion;
  const evidence = signsText(sinceSigns);
  const own =
    since.pointId === point.pointId || signs.length === 0 ? '' : `, and in itself ${signsText(signs)}`;
  const which =
    since.pointId === point.pointId
      ? `point ${point.pointId} may be of an attack: ${evidence}`
      : `point ${point.pointId} comes after ${since.pointId} of ${timeText(since.sourceTime)}, which may be of an attack: ${evidence}${own}`;
  const instead =
    clean === undefined
      ? 'the resource has no clean point'
      : `the last clean one is ${clean.pointId} of ${timeText(clean.sourceTime)}`;
  return `${which}; ${instead}`;
}

const share = z.number();
export const SignFields = z.discriminatedUnion('sign', [
  z.strictObject({
    sign: z.enum(['changed', 'removed', 'rewritten', 'incompressible']),
    share,
    usual: share,
  }),
  z.strictObject({ sign: z.enum(['names', 'renamed']), files: WholeNumber, examples: z.array(z.string()) }),
]);

/** The evidence against a point, its own and that of the point since which the resource is suspect. */
export const SuspicionFields = z
  .strictObject({
    signs: z.array(SignFields),
    since: z.strictObject({ pointId: z.string(), sourceTime: Time, signs: z.array(SignFields) }),
  })
  .meta({ id: 'Suspicion' });

/** The same for programs. */
export function suspicionFields({ signs, since, sinceSigns }: Suspicion) {
  return { signs, since: { pointId: since.pointId, sourceTime: since.sourceTime, signs: sinceSigns } };
}

/** Warns on stderr that a point is suspect, before anything is done with it. */
export async function warnSuspect(
  point: PointRow,
  { services }: Pick<Connection, 'services'>,
  { warn, clock }: Pick<CommandContext, 'warn' | 'clock'>,
): Promise<void> {
  const suspect = await findSuspect(services.catalog, point.resourceArn, clock.now(), point);
  if (suspect !== undefined) warn(suspectText(suspect));
}

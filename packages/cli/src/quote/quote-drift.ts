import { type Catalog, compareQuote, type QuoteDrift, type ResourceArn } from '@holdfast/engine';
import { dayMs } from '@holdfast/engine/model';
import * as z from 'zod';
import type { Complete } from '../names/row-fields.ts';
import { WholeNumber } from '../terminal/answer.ts';
import { bytesText } from '../terminal/text.ts';
import { percentText } from './print-quote.ts';

const Share = z.number();

/** A resource's quote next to what its backups did. */
export const driftShape = {
  first: z
    .strictObject({
      pointId: z.string(),
      /** An estimate. */
      quotedBytes: z.number(),
      storedBytes: WholeNumber,
      share: Share,
      isWithin: z.boolean(),
    })
    .optional(),
  changedPerDay: z.strictObject({ quoted: Share, seen: Share, pointId: z.string() }).optional(),
} satisfies Complete<QuoteDrift>;

/** Compares a resource's quote with what its backups did; `undefined` while there is no quote, or no point since. */
export async function findDrift(
  catalog: Pick<Catalog, 'resources' | 'points'>,
  arn: ResourceArn,
): Promise<QuoteDrift | undefined> {
  const quote = (await catalog.resources.find(arn))?.quote;
  if (quote === undefined) return undefined;
  const points = await Array.fromAsync(catalog.points.list(arn, { from: dayBefore(quote.quotedAt) }));
  const drift = compareQuote(quote, points);
  return drift.first === undefined && drift.changedPerDay === undefined ? undefined : drift;
}

/** Points are listed by the time of their source, which may lie before a quote that was made in the middle of a run. */
function dayBefore(time: string): Date {
  return new Date(Date.parse(time) - dayMs);
}

/** Says in one line how far a quote was off. */
export function driftText({ first, changedPerDay }: QuoteDrift): string {
  const parts: string[] = [];
  if (first !== undefined) {
    const { storedBytes, quotedBytes, share, isWithin } = first;
    const by = share < 0 ? `${percentText(-share)} less` : `${percentText(share)} more`;
    parts.push(
      `the first backup stored ${bytesText(storedBytes)}, ${by} than the ${bytesText(quotedBytes)} that were quoted` +
        (isWithin ? '' : ', outside what the quote was sure of'),
    );
  }
  if (changedPerDay !== undefined) {
    const { quoted, seen } = changedPerDay;
    parts.push(
      `${percentText(seen)} of the content was new in a day, where ${percentText(quoted)} was assumed`,
    );
  }
  return parts.join('; ');
}

import * as z from 'zod';
import type { FactCount } from '../fact-counts.ts';
import type { PointWarning } from '../points/unread-facts.ts';
import { warningOf } from '../points/unread.ts';

/**
 * Facts that a source does not give of its entries by design. `hard-links`: several names are one file; `nanoseconds`:
 * the part of a time finer than a quarter of a microsecond; `special-files`: sockets, devices and pipes, whole;
 * `hidden-metadata`: user metadata that S3 counts and does not show.
 */
export const LeftOutFact = z.enum(['hard-links', 'nanoseconds', 'special-files', 'hidden-metadata']);
export type LeftOutFact = z.infer<typeof LeftOutFact>;

const sentences: Readonly<Record<LeftOutFact, string>> = {
  'hard-links': 'have several hard links: each name is restored as a file of its own',
  nanoseconds: 'have times in nanoseconds: they are restored to the quarter of a microsecond',
  'special-files': 'are sockets, devices or pipes and are not backed up',
  'hidden-metadata': 'have user metadata that S3 does not show (x-amz-missing-meta): it is not backed up',
};

/** Makes one warning of a point for each kind. The point lacks nothing that it promises to have. */
export function warningsOfLeftOut(counts: readonly FactCount<LeftOutFact>[]): readonly PointWarning[] {
  return counts.map(({ fact, entries, example }) =>
    warningOf(
      {
        reason: 'left-out',
        message: `entries that ${sentences[fact]}: ${entries}, ${JSON.stringify(example)} for one`,
      },
      example,
    ),
  );
}

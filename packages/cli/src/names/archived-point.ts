import {
  findThaw,
  type ObjectStore,
  type PointRow,
  type PointThaw,
  quoteThaw,
  type RestoreQuote,
  type Root,
} from '@holdfast/engine';
import { pricesAsOf, pricesOfClass, thawDays, ThawRequest, ThawSpeed } from '@holdfast/engine/model';
import * as z from 'zod';
import { WholeNumber, documentAnswer } from '../terminal/answer.ts';
import type { Complete } from './row-fields.ts';
import { type DegradedFields, degradedShape } from './degraded-point.ts';
import { ThawNeededError } from '../terminal/errors.ts';
import type { Output } from '../terminal/output.ts';
import { bytesText, countText, durationText } from '../terminal/text.ts';
import { choiceOption, numberOption } from '../terminal/options.ts';

export const thawSpeedOption = choiceOption('--thaw-speed <speed>', 'of a point in an archive class', {
  choices: ThawSpeed.options,
  noun: 'a speed',
});
export const thawDaysOption = numberOption(
  '--thaw-days <n>',
  `how long its readable copy stays, ${thawDays.usual} if left out`,
  { unit: 'days', ...thawDays },
);

/** Fields of a {@link RestoreQuote}. */
export const quoteShape = {
  files: WholeNumber,
  bytes: WholeNumber,
  storedBytes: WholeNumber,
  requests: WholeNumber,
  dollars: z.number(),
  seconds: z.number(),
} satisfies Complete<RestoreQuote>;

export const QuotedThaw = documentAnswer(
  'with --quote, of a point that has to be thawed',
  z.strictObject({
    pointId: z.string(),
    ...degradedShape,
    ...quoteShape,
    thaw: z.strictObject({
      state: z.enum(['frozen', 'thawing']),
      storageClass: z.string(),
      speed: ThawSpeed,
      bytes: WholeNumber,
      seconds: z.number(),
      dollars: z.number(),
    }),
  }),
);

interface FrozenObject {
  readonly bucket: string;
  readonly objectName: string;
  readonly versionId: string;
  readonly state: 'frozen' | 'thawing';
  readonly storageClass: string;
}

/** The error of an object that this process cannot read yet, with the command that thaws it. */
export function thawNeeded(frozen: FrozenObject): ThawNeededError {
  const { bucket, objectName, versionId, state, storageClass } = frozen;
  const object = `--bucket ${bucket} --key ${objectName} --version-id ${versionId}`;
  const what = `s3://${bucket}/${objectName} lies in ${storageClass}`;
  return new ThawNeededError(
    state === 'thawing'
      ? `${what} and is being thawed; repeat this when "aws s3api head-object ${object}" shows ongoing-request="false"`
      : `${what} and has to be thawed before it can be read here: ask for it with "aws s3api restore-object ${object} ` +
          `--restore-request 'Days=7,GlacierJobParameters={Tier=Standard}'", which takes hours, and repeat this then; ` +
          '"holdfast restore" does both by itself',
  );
}

/**
 * Checks that this process can read a point of a bucket.
 * @throws {@link ThawNeededError} it has to be thawed first; the message has the command.
 */
export async function checkReadable(store: ObjectStore, root: Root, bucket: string): Promise<void> {
  // Every class has that speed.
  const thaw = await findThaw(store, root, ThawRequest.parse({ speed: 'bulk' }));
  if (thaw.state !== 'readable') throw thawNeeded({ ...thaw, bucket });
}

export async function printThawQuote(
  root: Root,
  thaw: Exclude<PointThaw, { state: 'readable' }>,
  {
    speed,
    workers,
    isLocal,
    degraded,
  }: Parameters<typeof quoteThaw>[2] & { readonly speed: ThawSpeed; readonly degraded: DegradedFields },
  out: Output,
): Promise<void> {
  const quote = quoteThaw(root, thaw, { workers, isLocal });
  const { state, storageClass, seconds, dollars } = thaw;
  if (out.json) {
    return out.answer(QuotedThaw, {
      pointId: root.point,
      ...degraded,
      ...quote,
      thaw: { state, storageClass, speed, bytes: thaw.bytes, seconds, dollars },
    });
  }
  await out.line(`point     ${root.point} of ${root.resource}`);
  await out.line(`files     ${quote.files}: the whole point, as its list of files is in the archive, too`);
  await out.line(`bytes     ${bytesText(quote.bytes)} to write, ${bytesText(quote.storedBytes)} to read`);
  await out.line(`requests  ${quote.requests}`);
  const begun = state === 'thawing' ? ', which has begun' : '';
  await out.line(
    `thaw      from ${storageClass}, ${speed}${begun}: at most ${durationText(seconds)}, about ${dollarsText(dollars)}`,
  );
  await out.line(`cost      about ${dollarsText(quote.dollars)}, thaw included (${pricesText})`);
  await out.line(`time      about ${durationText(quote.seconds)}, thaw included`);
}

/** Cost of reading points whose class charges for every GiB; `undefined` where only requests cost. */
export function readingCharge(points: readonly PointRow[]): string | undefined {
  const charged = points.filter(({ archiveClass }) => pricesOfClass(archiveClass).retrievalGibibyte > 0);
  if (charged.length === 0) return undefined;
  const dollars = charged.reduce(
    (sum, { archiveClass, counts }) =>
      sum + (pricesOfClass(archiveClass).retrievalGibibyte * counts.storedBytes) / 2 ** 30,
    0,
  );
  const classes = [...new Set(charged.map(({ archiveClass }) => archiveClass))].join(', ');
  return `reads ${countText(charged.length, 'point')} in ${classes}, for about ${dollarsText(dollars)} (${pricesText})`;
}

export const pricesText = `list prices of us-east-1, ${pricesAsOf}`;

/** Dollars for people, with fractions of a cent for small amounts. */
export function dollarsText(dollars: number): string {
  return `$${dollars.toFixed(dollars < 0.1 ? 4 : 2)}`;
}

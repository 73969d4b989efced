import { pricesAsOf, ResourceKind } from '@holdfast/engine/model';
import type { SourceEstimate } from '@holdfast/engine';
import type { Complete } from '../names/row-fields.ts';
import * as z from 'zod';
import { WholeNumber, type Printable } from '../terminal/answer.ts';
import { dollarsText, pricesText } from '../names/archived-point.ts';
import type { Output } from '../terminal/output.ts';
import { resources, right } from '../terminal/table.ts';
import { bytesText, countText } from '../terminal/text.ts';
import type { ResourceQuote } from './quote-resource.ts';

const Dollars = z.number();
const Amount = z.strictObject({ files: WholeNumber, bytes: WholeNumber });
const estimateShape = {
  listed: Amount,
  /** By storage class. */
  classes: z.record(z.string(), Amount),
  frozen: Amount,
  awsBackupBytes: z.number(),
  storedBytes: z.strictObject({ value: z.number(), low: z.number(), high: z.number() }),
  repeatedBytes: z.number(),
  knownBytes: z.number(),
  chunks: z.number(),
  sample: z.strictObject({
    units: WholeNumber,
    bytes: WholeNumber,
    unread: WholeNumber,
    askedIndex: z.boolean(),
    isWhole: z.boolean(),
  }),
  asked: z.strictObject({ requests: WholeNumber, dollars: Dollars, transferDollars: Dollars }),
} satisfies Complete<SourceEstimate>;

/** A quote of one resource; figures of files are absent for an image. */
export const QuoteFields = z
  .strictObject({
    resourceArn: z.string(),
    kind: ResourceKind,
    plan: z.string(),
    assumed: z.strictObject({ changedPerDay: z.number() }),
    ...z.object(estimateShape).partial().shape,
    /** Absent for a directory, which goes to a disk that is paid for. */
    firstCopy: z
      .strictObject({ requests: z.number(), dollars: Dollars, parts: z.record(z.string(), Dollars) })
      .optional(),
    image: z
      .strictObject({ volumes: WholeNumber, bytes: WholeNumber, inUse: WholeNumber, inVault: z.boolean() })
      .optional(),
    months: z.array(
      z.strictObject({
        afterDays: z.number(),
        points: z.number(),
        containers: z.number().optional(),
        storedBytes: z.number(),
        dollars: Dollars.optional(),
        parts: z.record(z.string(), Dollars).optional(),
        awsBackupDollars: Dollars,
        ebsSnapshotsDollars: Dollars,
      }),
    ),
    pricesAsOf: z.string(),
  })
  .meta({ id: 'Quote' });

export function quoteFields({
  resource,
  plan,
  changedPerDay,
  months,
  files,
  image,
}: ResourceQuote): Printable<z.output<typeof QuoteFields>> {
  return {
    resourceArn: resource.arn,
    kind: resource.kind,
    plan,
    assumed: { changedPerDay },
    ...files?.estimate,
    firstCopy: isLocal(resource) ? undefined : files?.firstCopy,
    image,
    months: months.map((month) =>
      isLocal(resource) ? { ...month, dollars: undefined, parts: undefined } : month,
    ),
    pricesAsOf,
  };
}

/** A vault in a directory lies on a disk that is paid for already. */
function isLocal({ kind }: ResourceQuote['resource']): boolean {
  return kind === 'directory';
}

export async function printResourceQuote(quote: ResourceQuote, out: Output): Promise<void> {
  const { resource, plan, image } = quote;
  await out.line(`resource    ${resource.arn}, by plan ${plan}`);
  if (image !== undefined)
    await out.line(
      `image       ${countText(image.volumes, 'volume')}, ${bytesText(image.bytes)}` +
        (image.inUse < image.bytes
          ? `, of which ${bytesText(image.inUse)} were in use at the newest snapshot`
          : '') +
        `; only blocks that were ever written are kept${image.inVault ? ', and those in the vault are compressed' : ''}, ` +
        'so this is the most that they cost',
    );
  await printEstimate(quote, out);
  await out.line(
    `assumed     ${percentText(quote.changedPerDay)} of the content is new every day (--changed-per-day): it is not known before the ` +
      'second backup',
  );
  await out.line();
  await printMonths(quote, out);
  await printAsked(quote, out);
}

async function printEstimate({ resource, files }: ResourceQuote, out: Output): Promise<void> {
  if (files === undefined) return;
  const { listed, frozen, storedBytes, repeatedBytes, knownBytes, sample } = files.estimate;
  const leftOut =
    frozen.files === 0
      ? ''
      : `; ${countText(frozen.files, 'object')} (${bytesText(frozen.bytes)}) in an archive class cannot be read, and ` +
        'are left out';
  await out.line(`content     ${countText(listed.files, 'file')}, ${bytesText(listed.bytes)}${leftOut}`);
  const unread = sample.unread === 0 ? '' : `; ${sample.unread} could not be read`;
  const share = listed.bytes === 0 ? 1 : sample.bytes / (listed.bytes - frozen.bytes);
  await out.line(
    sample.isWhole
      ? `read        all of it, ${bytesText(sample.bytes)}`
      : `sample      ${countText(sample.units, 'part')} of files, ${bytesText(sample.bytes)} ` +
          `(${percentText(share)} of the content)${unread}`,
  );
  const { value, low, high } = storedBytes;
  const ends = low === high ? '' : `, 95 % sure of ${bytesText(low)} to ${bytesText(high)}`;
  await out.line(`stored      ${bytesText(value)}${ends}: deduplicated and compressed`);
  const known = sample.askedIndex
    ? `, ${bytesText(knownBytes)} in the vault already`
    : '; what the vault has already is not known';
  await out.line(`duplicates  ${bytesText(repeatedBytes)} in the source${known}`);
  if (!isLocal(resource)) await printFirstCopy(files.firstCopy, out);
}

async function printFirstCopy(
  { requests, dollars, parts }: NonNullable<ResourceQuote['files']>['firstCopy'],
  out: Output,
): Promise<void> {
  await out.line(
    `first copy  ${countText(requests, 'request')}, about ${dollarsText(dollars)}: ` +
      Object.entries(parts)
        .filter(([, part]) => part >= 0.000_05)
        .map(([name, part]) => `${name} ${dollarsText(part)}`)
        .join(', '),
  );
}

async function printMonths({ resource, months }: ResourceQuote, out: Output): Promise<void> {
  await out.table(
    [
      'AFTER',
      right('POINTS'),
      right('CONTAINERS'),
      right('STORED'),
      right('A MONTH'),
      right(isLocal(resource) ? 'AWS BACKUP OF EFS' : 'AWS BACKUP'),
      right('EBS SNAPSHOTS'),
    ],
    months.map(
      ({
        afterDays,
        points,
        containers = 0,
        storedBytes,
        dollars,
        awsBackupDollars,
        ebsSnapshotsDollars,
      }) => [
        `${afterDays} days`,
        String(points),
        String(containers),
        bytesText(storedBytes),
        isLocal(resource) ? '-' : dollarsText(dollars),
        dollarsText(awsBackupDollars),
        dollarsText(ebsSnapshotsDollars),
      ],
    ),
  );
  await out.line(`dollars are ${pricesText}, before discounts and free tiers`);
}

async function printAsked({ resource, files }: ResourceQuote, out: Output): Promise<void> {
  if (files === undefined || isLocal(resource)) return;
  const { requests, dollars, transferDollars } = files.estimate.asked;
  await out.line(
    `asking cost ${countText(requests, 'request')}, about ${dollarsText(dollars)}; from outside the bucket's region ` +
      `${dollarsText(transferDollars)} more`,
  );
}

export async function printPlanQuotes(quotes: readonly ResourceQuote[], out: Output): Promise<void> {
  const total = (valueOf: (quote: ResourceQuote) => number): number =>
    quotes.reduce((sum, quote) => sum + valueOf(quote), 0);
  const columns: readonly [string, (quote: ResourceQuote) => number, (value: number) => string][] = [
    ['CONTENT', ({ files, image }) => files?.estimate.listed.bytes ?? image?.bytes ?? 0, bytesText],
    [
      'FIRST STORED',
      ({ files, image }) => files?.estimate.storedBytes.value ?? (image?.inVault === true ? image.inUse : 0),
      bytesText,
    ],
    ['FIRST COPY', ({ files }) => files?.firstCopy.dollars ?? 0, dollarsText],
    ['A MONTH', (quote) => lastMonthOf(quote)?.dollars ?? 0, dollarsText],
    ['AWS BACKUP', (quote) => lastMonthOf(quote)?.awsBackupDollars ?? 0, dollarsText],
    ['EBS SNAPSHOTS', (quote) => lastMonthOf(quote)?.ebsSnapshotsDollars ?? 0, dollarsText],
  ];
  await out.table(
    [resources('RESOURCE'), ...columns.map(([title]) => right(title))],
    [
      ...quotes.map((quote) => [
        quote.resource.arn,
        ...columns.map(([, valueOf, text]) => text(valueOf(quote))),
      ]),
      ['together', ...columns.map(([, valueOf, text]) => text(total(valueOf)))],
    ],
  );
  await out.line(
    `a month: with all points that the plan keeps, and ${percentText(quotes[0]?.changedPerDay ?? 0)} of the content new ` +
      `every day; ${pricesText}`,
  );
}

/** The month from which on the plan has all the points that it keeps. */
function lastMonthOf({ months }: ResourceQuote): ResourceQuote['months'][number] | undefined {
  return months.at(-1);
}

export function percentText(share: number): string {
  const percent = share * 100;
  return `${Number(percent.toFixed(Math.abs(percent) < 10 ? 1 : 0))} %`;
}

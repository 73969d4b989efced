import { isDegraded, type PointRow } from '@holdfast/engine';
import { RestoreDestination } from '@holdfast/engine/model';
import * as z from 'zod';
import { dollarsText, pricesText, quoteShape } from '../names/archived-point.ts';
import { pointStateCell } from '../names/degraded-point.ts';
import { choiceText } from '../names/point-name.ts';
import { suspectText, SuspicionFields, suspicionFields } from '../names/suspect-point.ts';
import { documentAnswer, Time, WholeNumber } from '../terminal/answer.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import type { Output } from '../terminal/output.ts';
import {
  ids,
  pointDigits,
  prose,
  resources,
  right,
  states,
  times,
  wideOnly,
  words,
} from '../terminal/table.ts';
import { bytesText, countText, durationText } from '../terminal/text.ts';
import type { AllWishes } from './all-wishes.ts';
import type { ChosenPart, ChosenResources } from './choose-all.ts';
import { shortExtraText } from './delete-extra.ts';
import { ExtraFields, type ExtraOutcome } from './extra.ts';
import { type PlannedPart, sumQuotes } from './plan-all.ts';

export const RestoredAll = documentAnswer(
  'with --all',
  z.strictObject({
    parts: z.array(
      z.strictObject({
        resourceArn: z.string(),
        pointId: z.string(),
        sourceTime: Time,
        degraded: z.boolean(),
        suspicion: SuspicionFields.optional(),
        /** Absent where --quote names none. */
        destination: RestoreDestination.optional(),
        before: z.enum(['to restore', 'under way', 'done already']),
        quote: z.strictObject(quoteShape).optional(),
        problem: z.string().optional(),
        /** Only with --delete-extra. */
        extra: z
          .union([
            z.strictObject({
              place: z.string(),
              count: WholeNumber,
              bytes: WholeNumber,
              first: z.array(z.string()),
              removed: ExtraFields.optional(),
            }),
            z.strictObject({ problem: z.string() }),
          ])
          .optional(),
        execution: z.string().optional(),
        files: WholeNumber.optional(),
        bytes: WholeNumber.optional(),
        exitCode: WholeNumber.optional(),
        result: z.string().optional(),
      }),
    ),
    /** Resources that have no such point. */
    without: z.array(z.string()),
    quote: z.strictObject({ ...quoteShape, thawSeconds: z.number(), thawDollars: z.number() }),
  }),
);

/** A part after its turn. */
export interface EndedPart {
  readonly part: PlannedPart;
  readonly execution?: string | undefined;
  readonly files: number;
  readonly bytes: number;
  readonly exitCode: ExitCode;
  /** In words, for people. */
  readonly result: string;
  /** All of it is there as the point has it. */
  readonly isWhole: boolean;
  readonly removed?: ExtraOutcome;
}

export async function printPlan(
  parts: readonly PlannedPart[],
  { without, suspects }: ChosenResources,
  { choice }: AllWishes,
  out: Output,
): Promise<void> {
  await out.table(
    [
      resources('RESOURCE'),
      wideOnly(ids('POINT', pointDigits)),
      times('TAKEN'),
      states('STATE'),
      wideOnly(right('FILES')),
      right('SIZE'),
      'TO',
      words('NOW'),
    ],
    parts.map(({ point, quote, destination, state }) => [
      point.resourceArn,
      point.pointId,
      point.sourceTime,
      pointStateCell(
        point,
        suspects.some((one) => one.point === point),
      ),
      quote?.files.toString(),
      quote === undefined ? undefined : bytesText(quote.bytes),
      destination === undefined ? undefined : destinationText(point, destination),
      state,
    ]),
  );
  for (const arn of without)
    await out.line(`no point   ${arn} has no ${choiceText(choice)} that is kept: it is not restored`);
  for (const suspect of suspects)
    await out.line(`suspect    ${suspect.point.resourceArn}: ${suspectText(suspect)}`);
  if (suspects.length > 0) await out.line('with --clean, the last clean point of each is taken');
  for (const { point, problem } of parts)
    if (problem !== undefined) await out.line(`damaged    ${point.resourceArn}: ${problem.message}`);
  for (const { point, extra, extraProblem } of parts) {
    const arn = point.resourceArn;
    if (extraProblem !== undefined)
      await out.line(`extra      ${arn}: nothing is deleted there: ${extraProblem.message}`);
    else if (extra !== undefined) await out.line(`extra      ${arn}: ${shortExtraText(extra)}`);
  }
  const quote = sumQuotes(parts);
  await out.line(
    `quote      ${countText(parts.length, 'resource')}, ${countText(quote.files, 'file')}, ${bytesText(quote.bytes)} to write, ` +
      `${bytesText(quote.storedBytes)} to read, ${countText(quote.requests, 'request')}`,
  );
  if (quote.thawSeconds > 0)
    await out.line(
      `thaw       at most ${durationText(quote.thawSeconds)}, about ${dollarsText(quote.thawDollars)}, included in the following`,
    );
  await out.line(
    `cost       about ${dollarsText(quote.dollars)} (${pricesText}), within about ${durationText(quote.seconds)}`,
  );
}

function destinationText(
  { resourceArn }: PointRow,
  destination: NonNullable<ChosenPart['destination']>,
): string {
  const { bucket, prefix = '', original, directory, volumes } = destination;
  if (bucket !== undefined) return `s3://${bucket}/${prefix}`;
  if (original === true) return `where it came from, ${resourceArn}`;
  if (directory !== undefined) return directory;
  return volumes === undefined ? 'an instance' : `volumes in ${volumes.availabilityZone}`;
}

export async function printSummary(ended: readonly EndedPart[], out: Output): Promise<void> {
  await out.line();
  await out.table(
    [resources('RESOURCE'), right('FILES'), right('SIZE'), prose('RESULT')],
    ended.map(({ part, files, bytes, result }) => [
      part.point.resourceArn,
      String(files),
      bytesText(bytes),
      result,
    ]),
  );
  const good = ended.filter(({ exitCode }) => exitCode === exitCodes.ok).length;
  await out.line(
    `${good} of ${countText(ended.length, 'resource')} restored` +
      (good === ended.length ? '' : '; the same command tries the others again, and leaves what is back'),
  );
}

export function fieldsOfAll(
  parts: readonly PlannedPart[],
  { without, suspects }: ChosenResources,
  ended: readonly EndedPart[] | undefined,
) {
  return {
    parts: parts.map((part) => {
      const { point, destination, quote, problem, state } = part;
      const suspect = suspects.find((one) => one.point === point);
      const end = ended?.find((one) => one.part === part);
      return {
        resourceArn: point.resourceArn,
        pointId: point.pointId,
        sourceTime: point.sourceTime,
        degraded: isDegraded(point),
        suspicion: suspect && suspicionFields(suspect.suspicion),
        destination,
        before: state,
        quote,
        problem: problem?.message,
        extra: extraFields(part, end),
        execution: end?.execution,
        files: end?.files,
        bytes: end?.bytes,
        exitCode: end?.exitCode,
        result: end?.result,
      };
    }),
    without,
    quote: sumQuotes(parts),
  };
}

function extraFields({ extra, extraProblem }: PlannedPart, end: EndedPart | undefined) {
  if (extraProblem !== undefined) return { problem: extraProblem.message };
  if (extra === undefined) return undefined;
  const { count, bytes, first, place } = extra;
  return { place, count, bytes, first, removed: end?.removed };
}

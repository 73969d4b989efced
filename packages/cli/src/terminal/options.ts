import { availableParallelism } from 'node:os';
import { Option } from '@commander-js/extra-typings';
import type { TimeRange } from '@holdfast/engine';
import { CompressionLevel, OverwriteRule } from '@holdfast/engine/model';
import { UsageError } from './errors.ts';
import { parseTime, timeForms } from './parse-time.ts';

/** Unit of an option's number, and its bounds, both included. */
export interface WholeNumberBounds {
  readonly unit: string;
  readonly least: number;
  readonly most: number;
}

/** An option that takes a whole number. Anything else, or one out of bounds, is a {@link UsageError}. */
export function numberOption<const Flags extends string>(
  flags: Flags,
  description: string,
  { unit, least, most }: WholeNumberBounds,
) {
  const option = new Option(flags, description);
  return option.argParser((text) => {
    const number = Number(text);
    if (/^\d{1,15}$/.test(text) && number >= least && number <= most) return number;
    throw new UsageError(
      `${option.long} "${text}" is not a number of ${unit}; write one from ${least} to ${most}`,
    );
  });
}

/** An option that takes one of a few words. Any other is a {@link UsageError}. */
export function choiceOption<const Flags extends string, Choice extends string>(
  flags: Flags,
  description: string,
  { choices, noun }: { readonly choices: readonly Choice[]; readonly noun: string },
) {
  const option = new Option(flags, description).choices(choices);
  return option.argParser((text): Choice => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice !== undefined) return choice;
    throw new UsageError(`${option.long} "${text}" is not ${noun}; write one of ${choices.join(', ')}`);
  });
}

export const limitOption = (description: string) =>
  numberOption('--limit <n>', description, { unit: 'rows', least: 1, most: 999_999_999 });

/** Most threads by default: more wait for each other's disk. */
const mostWorkers = 8;

export const workersOption = numberOption('--workers <n>', 'of a vault in a directory: threads that work', {
  unit: 'threads',
  least: 1,
  most: 64,
}).default(Math.min(availableParallelism(), mostWorkers), 'one a core, at most 8');

export const pathOption = new Option(
  '--path <path>',
  'only this file, or what is below when it ends in "/"; may be repeated',
).argParser((path: string, before?: readonly string[]) => [...(before ?? []), path]);

export const overwriteOption = choiceOption(
  '--overwrite <rule>',
  'what is replaced of what is there already',
  { choices: OverwriteRule.options, noun: 'a rule' },
).default('never' as const);

export const compressionOption = choiceOption(
  '--compression <level>',
  'of a directory: how much time is spent to store less',
  {
    choices: CompressionLevel.options,
    noun: 'a level',
  },
).default('default' as const);

export const timeOption = new Option(
  '--time <time>',
  "the resource's newest point that is not later; a date alone means its end, in UTC",
).argParser((text) => timeOf('--time', text, 'end'));

export const yesOption = new Option('--yes', 'begin without asking');

export const fromOption = new Option(
  '--from <time>',
  'not before this time: 2026-11-23 or 2026-11-23T02:00:00Z',
);
export const toOption = new Option('--to <time>', 'not after this time; a date alone means its end, in UTC');

/**
 * The span of `--from` and `--to`, both ends included.
 * @throws {@link UsageError} one is not a time, or it ends before it begins, which no catalog can be asked for.
 */
export function timeRangeOf(values: {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}): TimeRange {
  const from = values.from === undefined ? undefined : timeOf('--from', values.from, 'start');
  const to = values.to === undefined ? undefined : timeOf('--to', values.to, 'end');
  if (from !== undefined && to !== undefined && from > to)
    throw new UsageError(`--from "${values.from}" is later than --to "${values.to}"; exchange them`);
  return { from, to };
}

function timeOf(option: string, text: string, edge: 'start' | 'end'): Date {
  const time = parseTime(text, edge);
  if (time === undefined) throw new UsageError(`${option} "${text}" is not a time; write it as ${timeForms}`);
  return time;
}

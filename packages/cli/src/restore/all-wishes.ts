import type { PointChoice } from '@holdfast/engine';
import type { OverwriteRule, ThawOptions } from '@holdfast/engine/model';
import { UsageError } from '../terminal/errors.ts';
import { checkReplaces } from './delete-extra.ts';
import type { DestinationValues } from './restore-request.ts';

export interface AllWishes {
  readonly plan: string | undefined;
  readonly choice: PointChoice;
  readonly destinations: DestinationValues;
  readonly overwrite: OverwriteRule;
  /** Buckets and directories become equal to the points. */
  readonly isExact: boolean;
  readonly thaw: ThawOptions;
  readonly workers: number;
  /** Say what it would do, and do nothing. */
  readonly isPreview: boolean;
  /** A destination need not be named. */
  readonly isQuoteOnly: boolean;
  readonly isConfirmed: boolean;
}

interface AllValues extends DestinationValues {
  readonly plan?: string | undefined;
  readonly time?: Date | undefined;
  readonly clean?: boolean | undefined;
  readonly overwrite: OverwriteRule;
  readonly workers: number;
  readonly quote?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly yes?: boolean | undefined;
  readonly path?: readonly string[] | undefined;
  readonly newestWith?: boolean | undefined;
  readonly deleteExtra?: boolean | undefined;
}

/** @throws {@link UsageError} what is said goes with one point only. */
export function allWishes(values: AllValues, thaw: ThawOptions, word: string | undefined): AllWishes {
  if (word !== undefined) throw new UsageError(`name "${word}" or --all, not both`);
  for (const [option, value] of Object.entries({
    path: values.path,
    'newest-with': values.newestWith,
    'to-file': values.toFile,
    'delta-from': values.deltaFrom,
    ami: values.ami,
  }))
    if (value !== undefined) throw new UsageError(`--${option} is for one point, and does not go with --all`);
  const { plan, time, clean, overwrite, workers, quote = false, dryRun = false, yes = false } = values;
  const { deleteExtra: isExact = false } = values;
  if (isExact) checkReplaces(overwrite);
  return {
    plan,
    choice: { time, isClean: clean },
    destinations: values,
    overwrite,
    isExact,
    thaw,
    workers,
    isPreview: quote || dryRun,
    isQuoteOnly: quote,
    isConfirmed: yes,
  };
}

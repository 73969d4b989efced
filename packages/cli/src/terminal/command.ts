import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import type { Clock } from '@holdfast/engine';
import type { Connection, Storage } from '../deployment/connection.ts';
import { UsageError } from './errors.ts';
import type { ExitCode } from './exit-codes.ts';
import { globalOptions } from './global-options.ts';
import type { Output } from './output.ts';
import type { ProgressLines } from './progress-lines.ts';

/** What a command works with. */
export interface CommandContext {
  /** Finds the deployment, once. Called after the command line has been checked, so that a typing error costs nothing. */
  readonly connect: () => Promise<Connection>;
  /** Storage without a deployment, once. */
  readonly connectStorage: () => Storage;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: Output;
  readonly progress: ProgressLines;
  /** A line on stderr about something that went wrong and stops nothing. */
  readonly warn: (text: string) => void;
  readonly clock: Clock;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Values of a command's own options, as `parseArgs` types them. */
type OptionValues<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: Options; strict: true; allowPositionals: true }>
>['values'];

/** A command as it is written down. */
export interface CommandSpec<Options extends ParseArgsOptionsConfig> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows `holdfast <name>`: one line for each way to write it. */
  readonly usage: readonly string[];
  readonly options: Options;
  /** Options and what they do, for `help`. */
  readonly optionLines: readonly (readonly [string, string])[];
  /** How many words follow the name. */
  readonly words: { readonly least: number; readonly most: number };
  run(context: CommandContext, values: OptionValues<Options>, words: readonly string[]): Promise<ExitCode>;
}

/** A command whatever its options. */
export interface Command extends Pick<
  CommandSpec<ParseArgsOptionsConfig>,
  'name' | 'summary' | 'usage' | 'optionLines'
> {
  /**
   * Checks the arguments that follow the name.
   * @throws {@link UsageError} an option or word that the command does not take, or one too few.
   */
  parse(args: readonly string[]): (context: CommandContext) => Promise<ExitCode>;
}

/** Joins a command's description with the parsing that all commands share. */
export function defineCommand<const Options extends ParseArgsOptionsConfig>(
  spec: CommandSpec<Options>,
): Command {
  const { name, summary, usage, optionLines, words } = spec;
  return {
    name,
    summary,
    usage,
    optionLines,
    parse: (args) => {
      const { values, positionals } = parseStrictly(name, args, spec.options);
      if (positionals.length < words.least || positionals.length > words.most) {
        throw new UsageError(
          `write ${usage.map((line) => `"holdfast ${name} ${line}`.trimEnd() + '"').join(' or ')}`,
        );
      }
      return async (context) => spec.run(context, values as OptionValues<Options>, positionals);
    },
  };
}

function parseStrictly(name: string, args: readonly string[], options: ParseArgsOptionsConfig) {
  try {
    return parseArgs({
      args: [...args],
      options: { ...globalOptions, ...options },
      strict: true,
      allowPositionals: true,
    });
  } catch (error) {
    const text = error instanceof Error ? (error.message.split(/\. |\n/)[0] ?? '') : String(error);
    const [, option] = /^Option '(?:-\w, )?(--[\w-]+)(?: <value>)?' argument is ambiguous/.exec(text) ?? [];
    if (option !== undefined)
      throw new UsageError(
        `${option} needs a value; write one that begins with - as ${option}=-…, see "holdfast help ${name}"`,
        { cause: error },
      );
    throw new UsageError(`${text.charAt(0).toLowerCase()}${text.slice(1)}; see "holdfast help ${name}"`, {
      cause: error,
    });
  }
}

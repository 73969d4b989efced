import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings';
import type { Clock } from '@holdfast/engine';
import type { LocalVaultOptions } from '@holdfast/node';
import type { Connection, ConnectedStorage } from '../deployment/connection.ts';
import type { Answer } from './answer.ts';
import type { ExitCode } from './exit-codes.ts';
import type { KnownNames } from './known-names.ts';
import type { Output } from './output.ts';
import type { ProgressLines } from './progress-lines.ts';

export interface CommandContext {
  /** Finds the deployment, once, after the command line has been checked, so that a typing error costs nothing. */
  readonly connect: () => Promise<Connection>;
  /**
   * The vault in a directory that options or variables name.
   * @throws {@link UsageError} they name none.
   */
  readonly localVault: () => LocalVaultOptions;
  /** Storage without a deployment, once. */
  readonly connectStorage: () => Promise<ConnectedStorage>;
  readonly keyFile: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: Output;
  readonly progress: ProgressLines;
  /** Prints a line on stderr about a problem that stops nothing. */
  readonly warn: (text: string) => void;
  /**
   * Has a person say yes.
   * @throws {@link UsageError} nobody can be asked.
   */
  readonly confirm: (question: string) => Promise<boolean>;
  /** Keeps names for a shell to complete. */
  readonly keepNames: (names: Partial<KnownNames>) => Promise<void>;
  readonly clock: Clock;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Ends with 0, unless it says otherwise. */
export type CommandWork = (context: CommandContext) => Promise<ExitCode | void>;

/** A command as it is written down: everything about an option or a word is said where it is declared. */
export interface CommandSpec<Declared extends CommandUnknownOpts> {
  /** One word, or two: a group and its member. */
  readonly name: string;
  readonly summary: string;
  /** All forms of what it prints with `--json`, by names for the published schema. */
  readonly answers: Readonly<Record<string, Answer>>;
  /** Declares words and options; types, help, completion and refusals follow from them. */
  readonly declare: (command: Command) => Declared;
  readonly run: (
    context: CommandContext,
    options: ReturnType<Declared['opts']>,
    ...words: Declared['processedArgs']
  ) => ReturnType<CommandWork>;
}

export interface CommandDefinition {
  readonly name: string;
  readonly summary: string;
  readonly answers: Readonly<Record<string, Answer>>;
  /** Makes a parser for one command line, as a parser keeps what it reads. It hands the work to `execute`. */
  readonly build: (execute: (work: CommandWork) => Promise<void>) => CommandUnknownOpts;
}

const optionsSpelled = 4;

export function defineCommand<Declared extends CommandUnknownOpts>({
  name,
  summary,
  answers,
  declare,
  run,
}: CommandSpec<Declared>): CommandDefinition {
  return {
    name,
    summary,
    answers,
    build: (execute) => {
      const command = declare(new Command(name.split(' ').at(-1)).description(summary));
      command.usage(usageOf(command));
      command.action(async () =>
        execute(async (context) =>
          run(context, command.opts() as ReturnType<Declared['opts']>, ...command.processedArgs),
        ),
      );
      return command;
    },
  };
}

/** The words after the command's name: its arguments, and its options where they are few. */
function usageOf({ registeredArguments, options }: Pick<Command, 'registeredArguments' | 'options'>): string {
  const words = registeredArguments.map((word) => {
    const text = word.required ? `<${word.name()}>` : `[${word.name()}]`;
    return word.variadic ? `${text}…` : text;
  });
  const flags = options.map((option) => `[${option.flags}]`);
  return [...words, ...(flags.length > optionsSpelled ? ['[options]'] : flags)].join(' ');
}

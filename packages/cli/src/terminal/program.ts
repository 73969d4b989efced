import { Command, type CommanderError, type CommandUnknownOpts } from '@commander-js/extra-typings';
import type { CommandDefinition, CommandWork } from './command.ts';
import type { addCompletion } from './completion.ts';
import { UsageError } from './errors.ts';
import { withGlobalOptions } from './global-options.ts';
import { helpConfiguration, pathOf } from './help.ts';
import type { KnownNames } from './known-names.ts';
import { findNearest } from './nearest.ts';
import { safeText } from './text.ts';

export interface ProgramHooks {
  readonly version: string;
  /** Receives help and the version, before a {@link CommanderError} ends the parsing. */
  readonly answer: (text: string) => void;
  readonly print: (text: string) => Promise<void>;
  /** Names for a shell to complete. */
  readonly readNames: () => Promise<KnownNames>;
  readonly execute: (work: CommandWork) => Promise<void>;
}

export interface LoadedCommands {
  readonly commands: readonly CommandDefinition[];
  /** Adds what completes the commands in a shell, where all are there. */
  readonly addCompletion?: typeof addCompletion;
}

export function buildProgram({ commands, addCompletion }: LoadedCommands, hooks: ProgramHooks) {
  const { version, answer, execute } = hooks;
  const program = withGlobalOptions(new Command('holdfast'))
    .usage('<command> [options]')
    .version(version, '--version', 'print the version of this program')
    .helpOption('-h, --help', 'explain the program, or a command')
    .helpCommand(false)
    .configureHelp(helpConfiguration)
    .configureOutput({ writeOut: answer, writeErr: answer, outputError: () => {} });
  const root = program as CommandUnknownOpts;
  const add = (parent: CommandUnknownOpts, command: CommandUnknownOpts): CommandUnknownOpts => {
    parent.addCommand(command.copyInheritedSettings(root).helpCommand(false));
    return command;
  };
  for (const { name, build } of commands) {
    const [group = ''] = name.split(' ');
    const parent = group === name ? root : (childOf(root, group) ?? add(root, new Command(group)));
    add(parent, build(execute));
  }
  const help = new Command('help').description('Explain the program, or a command.').argument('[command...]');
  add(root, help);
  help.action((words) => getCommand(root, words).help());
  const tell = add(root, new Command('version').description('Print the version of this program.'));
  tell.action(() => answer(`${version}\n`));
  addCompletion?.(root, hooks);
  for (const command of everyCommand(root)) command.exitOverride((error) => refuse(command, error));
  return program;
}

/** The word of a command line that names a command or a group, where it can be told without knowing them. */
export function firstWord(argv: readonly string[]): string | undefined {
  const program = withGlobalOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  try {
    return program.parseOptions([...argv]).operands[0];
  } catch {
    // An option lacks its value: the whole program says so.
    return undefined;
  }
}

function everyCommand(command: CommandUnknownOpts): readonly CommandUnknownOpts[] {
  return [command, ...command.commands.flatMap((member) => everyCommand(member))];
}

function childOf(parent: CommandUnknownOpts, name: string): CommandUnknownOpts | undefined {
  return parent.commands.find((command) => command.name() === name);
}

function getCommand(root: CommandUnknownOpts, words: readonly string[]): CommandUnknownOpts {
  return words.reduce((parent, word) => {
    const child = childOf(parent, word);
    if (child === undefined) throw unknownCommand(parent, word);
    return child;
  }, root);
}

function unknownCommand(parent: CommandUnknownOpts, word: string): UsageError {
  const path = `${pathOf(parent)} ${safeText(word)}`.trim();
  const near = findNearest(
    word,
    parent.commands.map((command) => command.name()),
  );
  const meant = near === undefined ? '' : `did you mean "holdfast ${`${pathOf(parent)} ${near}`.trim()}"? `;
  const hint = parent.parent === null ? '"holdfast help" lists them' : `write ${membersText(parent)}`;
  return new UsageError(`"${path}" is not a command; ${meant}${hint}`);
}

function membersText({ commands }: CommandUnknownOpts): string {
  return commands.map((command) => `"holdfast ${pathOf(command)}"`).join(' or ');
}

/**
 * Turns a refusal of the library into a sentence that says what to write instead.
 * @throws {@link UsageError} for every refusal. @throws {@link CommanderError} help or the version has been given.
 */
function refuse(command: CommandUnknownOpts, error: CommanderError): never {
  const path = pathOf(command);
  switch (error.code) {
    case 'commander.unknownCommand':
      throw unknownCommand(command, command.args[0] ?? '');
    case 'commander.help':
      // Without a member, a group says nothing.
      if (error.exitCode === 0 || path === '') throw error;
      throw new UsageError(`"${path}" is not a command; write ${membersText(command)}`);
    case 'commander.missingArgument':
    case 'commander.excessArguments':
      throw new UsageError(`write "holdfast ${`${path} ${command.usage()}`.trim()}"`);
    default: {
      if (error.exitCode === 0) throw error;
      const text = error.message
        .replace(/^error: /, '')
        .replace(/\.$/, '')
        .replace('\n', ' ');
      throw new UsageError(
        path === ''
          ? `${text.replaceAll("'", '"')}; "holdfast help" lists commands and options`
          : `${text}; see "holdfast help ${path}"`,
      );
    }
  }
}

/**
 * Refuses an option without a value, for which the library would take the next option.
 * @throws {@link UsageError} one is not followed by a value, or by one that looks like an option.
 */
export function checkValues(program: CommandUnknownOpts, argv: readonly string[]): void {
  const { operands } = program.parseOptions([...argv]);
  const command = operands.reduce((parent, word) => childOf(parent, word) ?? parent, program);
  const flags = new Set(
    [...program.options, ...command.options].flatMap((o) => (o.required ? [o.long] : [])),
  );
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  for (const [at, word] of words.entries()) {
    if (!flags.has(word)) continue;
    const value = argv[at + 1];
    const help = `see "holdfast help ${pathOf(command)}"`;
    if (value === undefined) throw new UsageError(`option '${word} <value>' argument missing; ${help}`);
    if (/^-./.test(value))
      throw new UsageError(`${word} needs a value; write one that begins with - as ${word}=-…, ${help}`);
  }
}

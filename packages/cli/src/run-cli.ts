import { parseArgs } from 'node:util';
import { BackupError, type Clock } from '@holdfast/engine';
import type { Command, CommandContext } from './terminal/command.ts';
import { commands } from './commands/all-commands.ts';
import type { Connect, Connection, ConnectStorage, Storage } from './deployment/connection.ts';
import { UsageError } from './terminal/errors.ts';
import { type ExitCode, exitCodeOf, exitCodes } from './terminal/exit-codes.ts';
import { connectOptionsOf, globalOptions, type GlobalValues } from './terminal/global-options.ts';
import { helpOf, helpText } from './terminal/help.ts';
import { Output } from './terminal/output.ts';
import { ProgressLines } from './terminal/progress-lines.ts';
import { safeText } from './terminal/text.ts';

/** The process round the program. */
export interface CliIo {
  /** Writes to stdout; settles when more may be written. */
  readonly out: (text: string) => Promise<void>;
  readonly err: (text: string) => void;
  /** Whether a person watches stderr. */
  readonly errIsTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly version: string;
  readonly connect: Connect;
  readonly connectStorage: ConnectStorage;
}

/**
 * Runs one command line.
 * @param argv - what follows the program's name.
 * @returns the code to exit with. Errors become one line on stderr, never an exception.
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  let connection: Promise<Connection> | undefined;
  let storage: Storage | undefined;
  let [debug, json] = [false, false];
  try {
    const { name, rest, values } = splitArguments(argv);
    debug = values.debug === true;
    json = values.json === true;
    if (name === 'version' || values.version === true) return await answer(io, io.version);
    if (name === undefined || name === 'help')
      return await answer(io, helpFor(rest.filter((word) => !word.startsWith('-')).join(' ')));
    if (values.help === true) return await answer(io, helpFor(name));
    const command = getCommand(name);
    const run = command.parse(rest);
    const context: CommandContext = {
      connect: async () => (connection ??= io.connect(connectOptionsOf(values, io.env))),
      connectStorage: () => (storage ??= io.connectStorage(connectOptionsOf(values, io.env))),
      env: io.env,
      out: new Output(io.out, values.json === true),
      progress: new ProgressLines(io.err, io.clock, io.errIsTerminal || values.progress === true),
      warn: (text) => io.err(`holdfast: ${safeText(text)}\n`),
      clock: io.clock,
      signal: io.signal,
    };
    return await run(context);
  } catch (error) {
    if (io.signal.aborted) {
      io.err('holdfast: interrupted; what was started in AWS goes on, "holdfast runs" shows it\n');
      return exitCodes.interrupted;
    }
    const code = exitCodeOf(error);
    const message = messageOf(error);
    const name = error instanceof Error ? error.name : 'Error';
    io.err(json ? `${JSON.stringify({ error: name, message, exitCode: code })}\n` : `holdfast: ${message}\n`);
    if (debug) io.err(`${error instanceof Error ? error.stack : String(error)}\n`);
    return code;
  } finally {
    storage?.close();
    await connection?.then(
      (open) => open.close(),
      () => {},
    );
  }
}

/** Takes the command's name out of the arguments: global options may come before it, with their values. */
function splitArguments(argv: readonly string[]) {
  const { values, tokens } = parseArgs({
    args: [...argv],
    options: globalOptions,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const [word, second] = tokens.filter(({ kind }) => kind === 'positional');
  const unknown = tokens.find((token) => token.kind === 'option' && !(token.name in globalOptions));
  if (word === undefined && unknown?.kind === 'option') {
    throw new UsageError(`unknown option "${unknown.rawName}"; "holdfast help" lists commands and options`);
  }
  const name = word === undefined ? undefined : argv[word.index];
  const twoWords = second === undefined ? undefined : `${name} ${argv[second.index]}`;
  const isTwoWords = commands.some((command) => command.name === twoWords);
  const taken = new Set([word?.index, isTwoWords ? second?.index : undefined]);
  const rest = argv.filter((_, at) => !taken.has(at));
  return { name: isTwoWords ? twoWords : name, rest, values: values as GlobalValues };
}

function getCommand(name: string): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const longer = commands.filter((candidate) => candidate.name.startsWith(`${name} `));
  const hint =
    longer.length > 0
      ? `write ${longer.map((candidate) => `"holdfast ${candidate.name}"`).join(' or ')}`
      : '"holdfast help" lists them';
  throw new UsageError(`"${safeText(name)}" is not a command; ${hint}`);
}

/** Help about the program, a command, or all commands whose first word it is. */
function helpFor(name: string): string {
  if (name === '') return helpText(commands);
  const group = commands.filter((command) => command.name.startsWith(`${name} `));
  return group.length > 0 ? group.map(helpOf).join('\n\n') : helpOf(getCommand(name));
}

async function answer(io: CliIo, text: string): Promise<ExitCode> {
  await io.out(`${text}\n`);
  return exitCodes.ok;
}

/** One calm line. Errors of the product say what to do; of others, the usual ones are put into words here. */
function messageOf(error: unknown): string {
  if (error instanceof BackupError) return safeText(error.message);
  if (!(error instanceof Error)) return safeText(String(error));
  if (error.name === 'CredentialsProviderError') {
    return 'no AWS credentials were found; sign in, set AWS_PROFILE, or name a profile with --profile';
  }
  if (error.message === 'Region is missing')
    return 'no AWS region is set; set AWS_REGION, or name it with --region';
  return safeText(`${error.name}: ${error.message}; run it again with --debug to see where it comes from`);
}

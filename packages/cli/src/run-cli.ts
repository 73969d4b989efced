import { CommanderError } from '@commander-js/extra-typings';
import { BackupError, type Clock } from '@holdfast/engine';
import { loadCommands } from './commands/load-commands.ts';
import type { Connect, Connection, ConnectStorage, ConnectedStorage } from './deployment/connection.ts';
import { connectLocalVault, localVaultOf } from './deployment/connect-local-vault.ts';
import type { CommandWork } from './terminal/command.ts';
import { UsageError } from './terminal/errors.ts';
import type { CliError } from './terminal/cli-error.ts';
import { type ExitCode, exitCodeOf, exitCodes } from './terminal/exit-codes.ts';
import { connectOptionsOf, type GlobalOptions } from './terminal/global-options.ts';
import { keepNames, type NamesFile, readNames } from './terminal/known-names.ts';
import { Output } from './terminal/output.ts';
import { buildProgram, checkValues, firstWord } from './terminal/program.ts';
import { ProgressLines } from './terminal/progress-lines.ts';
import { safeText } from './terminal/text.ts';
import type { Tone } from './terminal/tone.ts';

export interface CliIo {
  /** Writes to stdout; settles when more may be written. */
  readonly out: (output: string | Uint8Array) => Promise<void>;
  readonly err: (text: string) => void;
  readonly errIsTerminal: boolean;
  /** Asks the person at the terminal, where there is one; `undefined` if they leave. */
  readonly ask?: (question: string) => Promise<string | undefined>;
  /** Columns of the terminal that stdout is, where it is one. */
  readonly outColumns?: number | undefined;
  /** Colours a text for whoever reads stdout or stderr, where they want it. */
  readonly paint?: Readonly<Record<'out' | 'err', (tone: Tone, text: string) => string>>;
  /** Where names are kept for a shell to complete. @default nowhere */
  readonly names?: NamesFile;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly version: string;
  readonly connect: Connect;
  readonly connectStorage: ConnectStorage;
}

const unpainted: NonNullable<CliIo['paint']> = { out: (_, text) => text, err: (_, text) => text };

const nowhere: NamesFile = { read: async () => Promise.resolve(undefined), write: async () => {} };

const awsGoesOn = 'what was started in AWS goes on: "holdfast runs" and "holdfast restores" show it';
const nothingGoesOn = 'run it again to go on: what it has stored is not stored again';

/**
 * Runs one command line.
 * @param argv - what follows the program's name.
 * @returns the code to exit with. Errors become one line on stderr, never an exception.
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  let connection: Promise<Connection> | undefined;
  let storage: ConnectedStorage | undefined;
  let code: ExitCode = exitCodes.ok;
  let answer = '';
  const { names = nowhere } = io;
  const execute = async (work: CommandWork): Promise<void> => {
    const { json = false, progress = false, wide = false, ...options } = program.opts();
    const where = connectOptionsOf(options, io.env);
    const done = await work({
      connect: async () =>
        (connection ??= where.vault === undefined ? io.connect(where) : connectLocalVault(where)),
      localVault: () => localVaultOf(where),
      connectStorage: async () => (storage ??= await io.connectStorage(where)),
      keyFile: options.keyFile,
      env: io.env,
      out: new Output({
        write: io.out,
        json,
        wide,
        columns: io.outColumns,
        paint: (io.paint ?? unpainted).out,
        clock: io.clock,
      }),
      progress: new ProgressLines(io.err, io.clock, { isTerminal: io.errIsTerminal, isAskedFor: progress }),
      warn: (text) => io.err(`${(io.paint ?? unpainted).err('doubtful', 'holdfast:')} ${safeText(text)}\n`),
      confirm: async (question) => {
        if (io.ask === undefined)
          throw new UsageError('nobody can be asked here; look at it with --dry-run, and confirm with --yes');
        return /^y(es)?$/i.test((await io.ask(`${question} [y/N] `)) ?? '');
      },
      keepNames: async (known) => keepNames(names, known),
      clock: io.clock,
      signal: io.signal,
    });
    code = done ?? exitCodes.ok;
  };
  const program = buildProgram(await loadCommands(firstWord(argv)), {
    version: io.version,
    answer: (text) => void (answer += text),
    print: io.out,
    readNames: async () => readNames(names),
    execute,
  });
  try {
    checkValues(program, argv);
    await program.parseAsync(argv, { from: 'user' });
    if (answer !== '') await io.out(answer);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      await io.out(answer);
      return exitCodes.ok;
    }
    return tell(error, program.opts(), io);
  } finally {
    storage?.close();
    await connection?.then(
      (open) => open.close(),
      () => {},
    );
  }
}

/** Says on stderr what went wrong. @returns the code to exit with. */
function tell(
  error: unknown,
  options: GlobalOptions,
  { err, env, signal, paint = unpainted }: CliIo,
): ExitCode {
  if (signal.aborted) {
    const isLocal = connectOptionsOf(options, env).vault !== undefined;
    const message = `interrupted; ${isLocal ? nothingGoesOn : awsGoesOn}`;
    const document = errorDocument('interrupted', 'InterruptedError', message, exitCodes.interrupted);
    err(options.json === true ? document : `holdfast: ${message}\n`);
    return exitCodes.interrupted;
  }
  const { json, debug } = options;
  const exitCode = exitCodeOf(error);
  const message = messageOf(error);
  const name = error instanceof Error ? error.name : 'Error';
  err(
    json === true
      ? errorDocument(error instanceof BackupError ? error.kind : 'failed', name, message, exitCode)
      : `${paint.err('bad', 'holdfast:')} ${message}\n`,
  );
  if (debug === true) err(`${error instanceof Error ? error.stack : String(error)}\n`);
  return exitCode;
}

/** A failure for programs; docs/cli-error.schema.json is its schema. */
function errorDocument(
  kind: CliError['error']['kind'],
  name: string,
  message: string,
  exitCode: ExitCode,
): string {
  return `${JSON.stringify({ error: { kind, name, message, exitCode } } satisfies CliError)}\n`;
}

/**
 * Makes one line for people. Errors of the product say what to do; the usual ones of others are put into words here.
 */
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

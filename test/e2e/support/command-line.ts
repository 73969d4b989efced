import { SystemClock } from '@holdfast/aws';
import { connectAws, connectStorage, runCli } from '@holdfast/cli';
import { patienceMs } from '../../support/patience.ts';

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `holdfast` with these arguments in this process, against the deployment that the environment names. */
export async function holdfast(...argv: readonly string[]): Promise<CommandResult> {
  let out = '';
  let err = '';
  const code = await runCli(argv, {
    out: async (text) => {
      out += text;
      return Promise.resolve();
    },
    err: (text) => {
      err += text;
    },
    errIsTerminal: false,
    env: process.env,
    clock: new SystemClock(),
    signal: AbortSignal.timeout(patienceMs),
    version: '0.0.0',
    connect: connectAws,
    connectStorage,
  });
  return { code, out, err };
}

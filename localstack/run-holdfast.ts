import { connectAws, connectStorage, runCli } from '@holdfast/cli';
import { systemClock } from '@holdfast/node';
import { productVersion } from '@holdfast/engine/model';

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `holdfast` with these arguments in this process, against the deployment that the environment names. */
export async function runHoldfast(argv: readonly string[], signal: AbortSignal): Promise<CommandResult> {
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
    clock: systemClock,
    signal,
    version: productVersion,
    connect: connectAws,
    connectStorage,
  });
  return { code, out, err };
}

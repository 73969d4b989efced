import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { SystemClock } from '@holdfast/aws';
import * as z from 'zod';
import { connectAws } from './deployment/connect-aws.ts';
import { connectStorage } from './deployment/connect-storage.ts';
import { runCli } from './run-cli.ts';

const Manifest = z.object({ version: z.string() });

/** The program: connects {@link runCli} with this process. Sets the process's exit code and lets it end by itself. */
export async function main(): Promise<void> {
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  // A reader that has seen enough, as in `holdfast ls … | head`, is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  process.exitCode = await runCli(process.argv.slice(2), {
    out: async (text) => {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain');
    },
    err: (text) => void process.stderr.write(text),
    errIsTerminal: process.stderr.isTTY,
    env: process.env,
    clock: new SystemClock(),
    signal: interrupted.signal,
    version: Manifest.parse(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')))
      .version,
    connect: async (options) => {
      // The SDK's own way to choose a profile: every client reads it.
      if (options.profile !== undefined) process.env['AWS_PROFILE'] = options.profile;
      return connectAws(options);
    },
    connectStorage: (options) => {
      if (options.profile !== undefined) process.env['AWS_PROFILE'] = options.profile;
      return connectStorage(options);
    },
  });
}

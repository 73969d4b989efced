import { once } from 'node:events';
import { styleText } from 'node:util';
import { systemClock } from '@holdfast/node';
import { productVersion } from '@holdfast/engine/model';
import { runCli } from './run-cli.ts';
import { askLine } from './terminal/ask.ts';
import { namesFileOf } from './terminal/known-names.ts';
import { type Tone, toneColours } from './terminal/tone.ts';

/** Colours for a stream; Node gives none where it is no terminal, or `NO_COLOR` is set. */
function painting(stream: NodeJS.WriteStream): (tone: Tone, text: string) => string {
  return (tone, text) => styleText(toneColours[tone], text, { stream });
}

/** Runs {@link runCli} on this process. Sets the exit code and lets the process end by itself. */
export async function main(): Promise<void> {
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  // A reader that has seen enough, as in `holdfast ls … | head`, is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const hasPerson = process.stdin.isTTY && process.stderr.isTTY;
  const terminal = hasPerson ? { input: process.stdin, output: process.stderr } : undefined;
  process.exitCode = await runCli(process.argv.slice(2), {
    out: async (text) => {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain');
    },
    err: (text) => void process.stderr.write(text),
    errIsTerminal: process.stderr.isTTY,
    ask: terminal && (async (question) => askLine(terminal, question, interrupted.signal)),
    outColumns: process.stdout.columns,
    paint: { out: painting(process.stdout), err: painting(process.stderr) },
    names: namesFileOf(process.env),
    env: process.env,
    clock: systemClock,
    signal: interrupted.signal,
    version: productVersion,
    // The SDK takes a third of a second to load: completion and vaults in directories do without it.
    connect: async (options) => {
      // The SDK's own way to choose a profile: every client reads it.
      if (options.profile !== undefined) process.env['AWS_PROFILE'] = options.profile;
      const { connectAws } = await import('./deployment/connect-aws.ts');
      return connectAws(options, terminal);
    },
    connectStorage: async (options) => {
      if (options.profile !== undefined) process.env['AWS_PROFILE'] = options.profile;
      const { connectStorage } = await import('./deployment/connect-aws.ts');
      return connectStorage(options, terminal);
    },
  });
}

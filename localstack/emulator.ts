import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { startEmulator } from './composition.ts';

const usualPort = 4566;
const stopMs = 10_000;
const statePath = join(import.meta.dirname, '..', '.emulator', 'running.json');
const State = z.object({ processId: z.number(), endpointUrl: z.string(), dataDir: z.string() });
type State = z.infer<typeof State>;

const usage = `usage: npm run emulator -- [start|status|stop] [options of start]
  --port <number>      listen there and nowhere else (default: 4566, or any free port)
  --host <address>     listen on this address (default: 127.0.0.1)
  --region <name>      default: us-east-1
  --data <folder>      keep the data there after the end (default: a temporary folder)
  --upstream <url>     put the gateway before this emulator instead of MiniStack`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: 'string' },
    host: { type: 'string' },
    region: { type: 'string' },
    data: { type: 'string' },
    upstream: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});

const command = values.help ? 'help' : (positionals[0] ?? 'start');
const commands: Readonly<Record<string, () => Promise<void>>> = { start, status, stop };
const run = commands[command];
if (run) {
  await run();
} else {
  console.log(usage);
  process.exitCode = command === 'help' ? 0 : 2;
}

async function start(): Promise<void> {
  const other = await findRunning();
  if (other)
    console.log(
      `another emulator of this checkout runs on ${other.endpointUrl} (process ${other.processId})`,
    );
  const emulator = await startEmulator({
    port: values.port === undefined ? undefined : Number(values.port),
    preferredPort: usualPort,
    host: values.host,
    region: values.region,
    dataDir: values.data,
    upstreamUrl: values.upstream,
    log: (line) => console.log(`${new Date().toISOString()} ${line}`),
  });
  await putState({ processId: process.pid, endpointUrl: emulator.endpointUrl, dataDir: emulator.dataDir });
  const exports = Object.entries(emulator.environment).map(([name, value]) => `  export ${name}=${value}`);
  console.log(['ready; to use it:', ...exports, 'Ctrl-C stops it'].join('\n'));
  const keepRunning = setInterval(() => undefined, 2 ** 30);
  await Promise.race(
    ['SIGINT', 'SIGTERM'].map((signal) => new Promise((resolve) => process.once(signal, resolve))),
  );
  clearInterval(keepRunning);
  console.log('stopping');
  await emulator.stop();
  if ((await findState())?.processId === process.pid) await rm(statePath, { force: true });
}

async function status(): Promise<void> {
  const state = await findRunning();
  console.log(
    state
      ? `running on ${state.endpointUrl} (process ${state.processId}), data in ${state.dataDir}`
      : 'not running',
  );
  process.exitCode = state ? 0 : 1;
}

async function stop(): Promise<void> {
  const state = await findRunning();
  if (!state) {
    console.log('not running');
    return;
  }
  process.kill(state.processId, 'SIGTERM');
  const giveUpAt = Date.now() + stopMs;
  while (await findRunning()) {
    if (Date.now() > giveUpAt) {
      throw new Error(
        `process ${state.processId} did not stop in ${stopMs / 1000} s: end it with kill -9 ${state.processId}`,
      );
    }
    await delay(100);
  }
  console.log(`stopped process ${state.processId}`);
}

async function putState(state: State): Promise<void> {
  await mkdir(dirname(statePath), { recursive: true });
  await writeFile(statePath, JSON.stringify(state));
}

async function findState(): Promise<State | undefined> {
  if (!existsSync(statePath)) return undefined;
  return State.safeParse(JSON.parse(await readFile(statePath, 'utf8'))).data;
}

/** The emulator that the state file names, if its gateway answers with that very process id. */
async function findRunning(): Promise<State | undefined> {
  const state = await findState();
  if (!state) return undefined;
  const health: unknown = await fetch(`${state.endpointUrl}/_gateway/health`).then(
    (response) => response.json(),
    () => undefined,
  );
  const answering = z.object({ processId: z.number() }).safeParse(health).data?.processId;
  return answering === state.processId ? state : undefined;
}

// One function of a machine in a process of its own, called with one event after the other:
// node run-function.ts <module of the handler> <events, JSON> <where the report goes>
// Its variables are those of the process, as in Lambda.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

export interface FunctionReport {
  readonly outputs: readonly unknown[];
  /** The time of all calls together, without that of loading the module. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly loadSeconds: number;
  readonly peakBytes: number;
}

type Handler = (event: unknown, context: { getRemainingTimeInMillis: () => number }) => Promise<unknown>;

const callMs = 15 * 60_000;
const [module = '', events = '', report = ''] = process.argv.slice(2);

const begun = performance.now();
const { handler } = (await import(pathToFileURL(module).href)) as { readonly handler: Handler };
const loaded = performance.now();
const cpu = process.cpuUsage();
const outputs: unknown[] = [];
for (const event of JSON.parse(readFileSync(events, 'utf8')) as unknown[]) {
  const endsAt = performance.now() + callMs;
  outputs.push(await handler(event, { getRemainingTimeInMillis: () => endsAt - performance.now() }));
}
const { user, system } = process.cpuUsage(cpu);

/** Linux counts what the parent had before this program took its place to `maxRSS`, too. */
function peakBytes(): number {
  const [, kibibytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

const found: FunctionReport = {
  outputs,
  seconds: (performance.now() - loaded) / 1000,
  cpuSeconds: (user + system) / 1e6,
  loadSeconds: (loaded - begun) / 1000,
  peakBytes: peakBytes(),
};
writeFileSync(report, JSON.stringify(found));

// Kept connections would hold it.
process.exit(0);

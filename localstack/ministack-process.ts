import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface MinistackOptions {
  readonly python: string;
  readonly port: number;
  readonly region: string;
  /** The gateway's address, which Lambda handlers get as AWS_ENDPOINT_URL. */
  readonly endpointUrl: string;
  readonly dataDir: string;
  /** A folder outside of the project: otherwise Node would take the project's package.json for the handlers' own. */
  readonly temporaryDir: string;
  readonly logPath: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Tells whether it answers. @default asks for its health over plain HTTP */
  readonly isReady?: () => Promise<boolean>;
}

export const healthPath = '/_ministack/health';

// MiniStack ends by itself when it cannot start; a busy machine is no reason to give up.
const readyMs = 600_000;
const graceMs = 5_000;
const inherited = ['HOME', 'LANG', 'LC_ALL', 'TZ'];

/** MiniStack and its Lambda workers: one process group, which ends with us in whatever way we end. */
export class MinistackProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #options: MinistackOptions;

  constructor(options: MinistackOptions) {
    this.#options = options;
    const log = openSync(options.logPath, 'a');
    this.#child = spawn(options.python, [join(import.meta.dirname, 'ministack', 'launcher.py')], {
      cwd: options.temporaryDir,
      env: environmentOf(options),
      detached: true,
      // The pipe stays open as long as we live: its end tells the launcher that we are gone.
      stdio: ['pipe', log, log],
    });
    closeSync(log);
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
  }

  get processId(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves when it answers; an early end shows the end of its log. */
  async waitUntilReady(): Promise<void> {
    const giveUpAt = Date.now() + readyMs;
    const isReady = this.#options.isReady ?? (() => answersPlainHttp(this.#options.port));
    while (Date.now() < giveUpAt) {
      if (this.#child.exitCode !== null || this.#child.pid === undefined) break;
      if (await isReady()) return;
      await delay(100);
    }
    await this.stop();
    const log = await readFile(this.#options.logPath, 'utf8').catch(() => '');
    throw new Error(
      `MiniStack did not become ready on port ${this.#options.port}; its log ${this.#options.logPath} ends with:\n` +
        log.split('\n').slice(-20).join('\n'),
    );
  }

  async stop(): Promise<void> {
    this.#signalGroup('SIGTERM');
    await Promise.race([this.#exited, delay(graceMs, undefined, { ref: false })]);
    this.#signalGroup('SIGKILL');
    await this.#exited;
  }

  #signalGroup(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // The whole group is gone already.
    }
  }
}

async function answersPlainHttp(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}${healthPath}`).then(
    (response) => response.ok,
    () => false,
  );
}

function environmentOf(options: MinistackOptions): NodeJS.ProcessEnv {
  const own = Object.fromEntries(inherited.map((name) => [name, process.env[name]]));
  const projectBin = join(import.meta.dirname, '..', 'node_modules', '.bin');
  return {
    ...own,
    PATH: [dirname(process.execPath), projectBin, process.env['PATH'] ?? ''].join(delimiter),
    TMPDIR: options.temporaryDir,
    EXIT_WITH_STDIN: '1',
    GATEWAY_PORT: String(options.port),
    BIND_HOST: '127.0.0.1',
    MINISTACK_REGION: options.region,
    AWS_ENDPOINT_URL: options.endpointUrl,
    S3_PERSIST: '1',
    S3_DATA_DIR: join(options.dataDir, 's3'),
    STATE_DIR: join(options.dataDir, 'state'),
    ...options.environment,
  };
}

// node bench/get-peers.ts [restic] [kopia] [borg] [rustic]
// Builds the programs that Holdfast is measured beside from their registries into .bench/peers, at low priority, and
// says what each took. Needs Go for restic and Kopia, Cargo for rustic, and for Borg Python's venv and, on Debian,
// libacl1-dev libssl-dev liblz4-dev libzstd-dev libxxhash-dev pkg-config.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { peerNames, peersDirectory, type PeerName } from './programs.ts';

const programs = join(peersDirectory, 'bin');

function run(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): string {
  return execFileSync('nice', ['-n', '19', command, ...args], {
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Builds a program inside Go's module cache, so that its own `go.mod` and `go.sum` decide about every dependency. */
function buildGo(module: string, command: string, target: string, linked = ''): void {
  const { Dir } = JSON.parse(run('go', ['mod', 'download', '-json', module])) as { Dir: string };
  run(
    'go',
    ['build', '-C', Dir, '-trimpath', `-ldflags=-s -w ${linked}`, '-o', join(programs, target), command],
    {
      CGO_ENABLED: '0',
    },
  );
}

/** The newest that its registry has. */
const versions: Readonly<Record<PeerName, string>> = {
  restic: '0.19.1',
  kopia: '0.23.1',
  borg: '1.4.5',
  rustic: '0.11.4',
};

const builds: Readonly<Record<PeerName, (version: string) => void>> = {
  restic: (version) => buildGo(`github.com/restic/restic@v${version}`, './cmd/restic', 'restic'),
  kopia: (version) =>
    buildGo(
      `github.com/kopia/kopia@v${version}`,
      '.',
      'kopia',
      `-X github.com/kopia/kopia/repo.BuildVersion=${version}`,
    ),
  borg: (version) => {
    const environment = join(peersDirectory, 'borg');
    run('python3', ['-m', 'venv', environment]);
    run(join(environment, 'bin', 'pip'), ['install', '--quiet', `borgbackup==${version}`]);
    const link = join(programs, 'borg');
    rmSync(link, { force: true });
    symlinkSync(join(environment, 'bin', 'borg'), link);
  },
  rustic: (version) => {
    const features = ['--no-default-features', '--features', 'mimalloc'];
    const target = { CARGO_TARGET_DIR: join(peersDirectory, 'cargo') };
    run(
      'cargo',
      [
        'install',
        'rustic-rs',
        '--version',
        version,
        '--locked',
        '--quiet',
        ...features,
        '--root',
        peersDirectory,
      ],
      target,
    );
  },
};

mkdirSync(programs, { recursive: true });
const wanted = process.argv.slice(2);
for (const name of peerNames) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const started = performance.now();
  let outcome = 'ready';
  try {
    builds[name](versions[name]);
  } catch (error) {
    const { message, status, signal } = error as Error & { status?: number | null; signal?: string | null };
    outcome = `not built, ended with ${signal ?? status}: ${message.split('\n')[0]}`;
    process.exitCode = 1;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`${name} ${versions[name]}: ${outcome} (${seconds} s)`);
}

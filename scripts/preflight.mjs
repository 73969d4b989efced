// Names what this machine lacks before anything else fails in a less readable way.
// Plain JavaScript on purpose: it has to run on the Node that is too old to run the rest.
import { execFileSync, spawnSync } from 'node:child_process';

const needed = 24;
const missing = [];
// The second reader of the format, in test/compat, is in Python, wherever the emulator runs.
const reader = process.argv.includes('--python');
const emulator = process.argv.includes('--emulator') && !process.env.AWS_ENDPOINT_URL;
const docker = reader
  ? ''
  : ', or use Docker: docker compose -f localstack/compose.yaml up, then set AWS_ENDPOINT_URL=http://127.0.0.1:4566';

const major = Number(process.versions.node.split('.')[0]);
if (major < needed) {
  missing.push(
    `node ${process.versions.node} runs this, Holdfast needs ${needed}: run it through npm (npm ci installs Node ${needed} ` +
      `on Linux), or on macOS and others install Node ${needed} (nodejs.org, or "nvm install ${needed}")`,
  );
}

if (reader || emulator) {
  try {
    execFileSync('python3', ['-c', 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else 3)'], {
      stdio: 'ignore',
    });
    try {
      execFileSync('python3', ['-c', 'import venv, ensurepip'], { stdio: 'ignore' });
    } catch {
      missing.push(
        `python3 has no venv module: install it (Debian and Ubuntu: apt-get install python3-venv)${docker}`,
      );
    }
  } catch {
    missing.push(`python3 3.10 or newer is not on the PATH: install Python${docker}`);
  }
}

// Tests of disk images, made and read by others. Debian keeps these programs where the PATH of most users does not lead.
if (process.argv.includes('--disks')) {
  const programs = {
    e2fsprogs: ['mke2fs', 'debugfs', 'e2fsck', 'tune2fs'],
    xfsprogs: ['mkfs.xfs', 'xfs_db', 'xfs_io'],
    'ntfs-3g': ['mkntfs', 'ntfscat', 'ntfscp'],
    lvm2: ['lvm'],
    'qemu-utils': ['qemu-img'],
  };
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
  const isAbsent = (program) => spawnSync(program, ['-V'], { env, stdio: 'ignore' }).error !== undefined;
  const absent = Object.entries(programs).filter(([, names]) => names.some(isAbsent));
  if (absent.length > 0)
    missing.push(
      `${absent.flatMap(([, names]) => names.filter(isAbsent)).join(', ')} not on the PATH, which tests of disk images ` +
        `need: on Debian and Ubuntu, apt-get install ${absent.map(([name]) => name).join(' ')}; elsewhere, use a ` +
        'container of one of these',
    );
}

if (missing.length > 0) {
  console.error(
    'preflight: this machine lacks something\n' + missing.map((line) => `  - ${line}`).join('\n'),
  );
  process.exit(1);
}

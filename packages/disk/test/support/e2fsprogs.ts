import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';

/** The folders of the programs on Debian, which the PATH of most users leaves out. */
const env = {
  ...process.env,
  PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
  MKE2FS_CONFIG: '/dev/null',
  /** The programs take this for now, so that two images of the same options differ in random numbers alone. */
  E2FSPROGS_FAKE_TIME: '1800000000',
};

export interface ExtImageOptions {
  /** As `mke2fs` takes it: `64M`. */
  readonly size: string;
  readonly type?: 'ext2' | 'ext3' | 'ext4';
  /** Directory whose tree is put into it. */
  readonly tree?: string;
  /** Added to those that the type has on Debian, or with `^` taken away. */
  readonly features?: string;
  readonly inodeBytes?: number;
  /** More options of `mke2fs`. */
  readonly options?: readonly string[];
  /** Commands of `debugfs`, run in order. */
  readonly commands?: readonly string[];
}

const older = 'sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr';
const newer = 'has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize';
/** As Debian's mke2fs.conf has them; written out, so that images are the same on every machine. */
const featuresOf = { ext2: older, ext3: `${older},has_journal`, ext4: `${older},${newer}` };

/** Makes an image with the file system's own programs. */
export function makeExtImage(
  file: string,
  { size, type = 'ext4', tree, features, inodeBytes = 256, options = [], commands }: ExtImageOptions,
): string {
  const all = ['none', featuresOf[type], ...(features === undefined ? [] : [features])].join(',');
  const lazily = ['-E', 'lazy_itable_init=1,lazy_journal_init=1'];
  const fill = tree === undefined ? [] : ['-d', tree];
  const given = ['-O', all, '-I', `${inodeBytes}`, ...lazily, ...options, ...fill];
  run('mke2fs', ['-q', '-F', '-t', type, ...given, file, size], [0]);
  if (commands !== undefined) debugfs(file, commands);
  return file;
}

/** Runs commands that change an image, in order. @throws one of them failed: `debugfs` itself ends well, whatever fails. */
export function debugfs(file: string, commands: readonly string[]): void {
  const script = `${file}.commands`;
  writeFileSync(script, commands.join('\n'));
  const { stderr } = spawnSync('debugfs', ['-w', '-f', script, file], { env, encoding: 'utf8' });
  rmSync(script);
  const complaints = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('debugfs 1.'));
  if (complaints.length > 0) throw new Error(`debugfs: ${complaints.join('; ')}`);
}

/** The output of a command of `debugfs`. */
export function askDebugfs(file: string, command: string): string {
  return execFileSync('debugfs', ['-R', command, file], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 28,
  });
}

/** Writes what is in a journal to its place, and mends what there is to mend. */
export function replayByE2fsck(file: string): void {
  run('e2fsck', ['-fy', file], [0, 1]);
}

/** Faults of an image as `e2fsck` says them, a line each; empty if there are none. It changes nothing. */
export function complaintsOfE2fsck(file: string): string[] {
  const program = 'e2fsck';
  const { status, stdout, stderr } = spawnSync(program, ['-fn', file], { env, encoding: 'utf8' });
  if (status === 0) return [];
  const lines = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim());
  return lines.filter(
    (line) => line !== '' && !/^(?:Pass \d|e2fsck \d|.*\*{5}|.* files \(.*\), .* blocks$)/.test(line),
  );
}

/** Lets `e2fsck` mend an image, and index its directories; it ends with 1 if it changed something. */
export function indexDirectories(file: string): void {
  run('e2fsck', ['-f', '-y', '-D', file], [0, 1]);
}

/** Sets what `tune2fs` sets. */
export function tune(file: string, ...options: readonly string[]): void {
  run('tune2fs', [...options, file], [0]);
}

function run(program: string, options: readonly string[], fine: readonly number[]): void {
  try {
    execFileSync(program, options, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { status } = error as { status?: number };
    if (status === undefined || !fine.includes(status)) throw error;
  }
}

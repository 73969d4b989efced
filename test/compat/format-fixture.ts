import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImageRecord, PointId, ResourceArn, Root } from '@holdfast/engine';
import type { ListedFile } from './listed-file.ts';

/** What a point of a fixture must give. */
export interface ExpectedPoint extends Pick<Root, 'type' | 'resourceKind' | 'warnings' | 'unread'> {
  readonly point: PointId;
  readonly resource: ResourceArn;
  readonly files: number;
  /** Of `listing`, by `digestOf`. */
  readonly listingSha256: string;
  /** Absent where it is long. */
  readonly listing?: readonly ListedFile[];
  readonly image?: ImageRecord;
}

/** `expected.json` of a fixture. */
export interface ExpectedVault {
  /** The 32 bytes of the key file that opens the vault. */
  readonly keyHex: string;
  /** Private key of the vault's offline recipient in PEM, where it has one. */
  readonly offlineKey?: string;
  /** In the order of the names of their roots. */
  readonly points: readonly ExpectedPoint[];
}

/** A committed vault that this and every later version must read. */
export interface FormatFixture extends ExpectedVault {
  /** Its place below test/fixtures/formats, such as `v1/empty`. */
  readonly name: string;
  /** The plain copy of the vault. */
  readonly vault: string;
}

/** Where the fixtures lie: a folder for each version of the format, in it one for each vault. */
export const formatFixturesDir = join(import.meta.dirname, '..', 'fixtures', 'formats');

/** All fixtures of all versions. */
export function listFormatFixtures(): readonly FormatFixture[] {
  return readdirSync(formatFixturesDir).flatMap((version) =>
    readdirSync(join(formatFixturesDir, version)).map((vault) => readFixture(`${version}/${vault}`)),
  );
}

function readFixture(name: string): FormatFixture {
  const folder = join(formatFixturesDir, name);
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as ExpectedVault;
  return { ...expected, name, vault: join(folder, 'vault') };
}

/** Runs work with a key file as the product wants it: for its owner only, which a checkout does not keep. */
export async function withKeyFile<Result>(
  keyHex: string,
  work: (path: string) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-key-'));
  try {
    const path = join(folder, 'key');
    writeFileSync(path, Buffer.from(keyHex, 'hex'), { mode: 0o600 });
    return await work(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

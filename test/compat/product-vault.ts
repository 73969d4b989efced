import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  commitPoint,
  consolidatePoint,
  newId,
  openRun,
  type Root,
  type RunId,
  withOfflineRecipient,
} from '@holdfast/engine';
import type { BackupType } from '@holdfast/engine/model';
import { backUpDirectory, createKeyFile, directoryArn, openLocalVault, systemRandom } from '@holdfast/node';

const keepDays = 35;
/** Of a container: after so many questions whether to go on, a call ends. */
const asksOfACall = 50;

/** A vault in a temporary directory, written by the product as its users do: real clock, real threads, real files. */
export class ProductVault {
  readonly folder: string;
  readonly keyFile: string;
  /** Private key of an offline recipient, which the vault gets when it first makes a synthetic full. */
  readonly offlineKey: string;
  readonly #directory: string;

  private constructor(folder: string, directory: string) {
    this.folder = folder;
    this.keyFile = join(folder, 'key');
    this.offlineKey = join(folder, 'offline-private.pem');
    this.#directory = directory;
  }

  /** @param directory - what is backed up. */
  static async create(directory: string): Promise<ProductVault> {
    const vault = new ProductVault(mkdtempSync(join(tmpdir(), 'holdfast-compat-')), directory);
    await createKeyFile(vault.keyFile, systemRandom);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
    writeFileSync(vault.offlineKey, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    return vault;
  }

  async backUp(type: BackupType): Promise<Root> {
    if (type === 'synthetic-full') return this.#consolidate();
    const { root } = await backUpDirectory({
      vault: this.#options,
      directory: this.#directory,
      type,
      keepDays,
      workers: 2,
      limits: { files: 200, bytes: 64 * 2 ** 20 },
    });
    return root;
  }

  /** Copies the vault's objects, names as paths, into a new directory: what `aws s3 sync` makes of a bucket. */
  copy(name: string): string {
    const copy = join(this.folder, name);
    const from = join(this.folder, 'local', 'vault');
    cpSync(from, copy, { recursive: true, filter: (path) => path !== join(from, '.holdfast') });
    return copy;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #options() {
    return { root: join(this.folder, 'local'), keyFile: this.keyFile, durable: false };
  }

  async #consolidate(): Promise<Root> {
    const { services: local, close } = await openLocalVault(this.#options);
    const publicKey = createPublicKey(readFileSync(this.offlineKey)).export({ type: 'spki', format: 'pem' });
    const services = { ...local, keyring: withOfflineRecipient(local.keyring, String(publicKey)) };
    try {
      const opened = await openRun(services, {
        runId: newId<RunId>(systemRandom),
        resourceArn: directoryArn(this.#directory),
        resourceKind: 'directory',
        plan: 'local',
        type: 'synthetic-full',
        keepDays,
        readTags: false,
        sourceNow: async () => Promise.resolve(services.clock.now()),
      });
      if (opened.state === 'over') throw new Error(`the run is ${opened.run.state}`);
      const { keys, plan } = opened;
      // In many calls, as the largest containers are made.
      let asked = 0;
      const shouldStop = (): boolean => ++asked % asksOfACall === 0;
      let step = await consolidatePoint(services, keys, plan, { shouldStop });
      while (!step.done) step = await consolidatePoint(services, keys, plan, { shouldStop });
      const { content } = step;
      const { root } = await commitPoint(services, keys, plan, async () => Promise.resolve(content));
      return root;
    } finally {
      close();
    }
  }
}

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  backUpFiles,
  commitPoint,
  consolidatePoint,
  newId,
  openRun,
  openVault,
  type PointContent,
  resourceKeyOf,
  type ResourceArn,
  type Root,
  type RunId,
  withOfflineRecipient,
  type WriteServices,
} from '@holdfast/engine';
import type { BackupType } from '@holdfast/engine/model';
import {
  FakeClock,
  MemoryCatalog,
  MemoryChunkIndex,
  type MemorySource,
  MemoryWorkStore,
  SeededRandom,
  rotateDataKey,
} from '@holdfast/engine/testing';
import { createKeyFile, FileKeyring, FilesystemObjectStore } from '@holdfast/node';
import { type ListedFile, listedFileOf, quotePath } from './listed-file.ts';

const hourMs = 3_600_000;

/** A committed point, and what must come out of it. */
interface FixturePoint {
  readonly root: Root;
  readonly rootName: string;
  readonly listing: readonly ListedFile[];
}

/** What a fixture's story tells about a resource. */
interface Resource {
  readonly arn: ResourceArn;
  readonly kind: Root['resourceKind'];
}

/** A backup in a fixture's story. */
export interface FixtureBackup extends Resource {
  readonly type: Exclude<BackupType, 'synthetic-full'>;
  readonly source: MemorySource;
  /** Paths that the source refuses or breaks off this time: set their traps in `before`. */
  readonly unread?: readonly string[];
  /** What happens to the source after its state was written down as what has to be expected. */
  readonly before?: () => void;
}

/**
 * A vault that is written by the product with a clock that stands and randomness from a seed, so that the same version
 * of the product writes the same bytes (but for an offline recipient's key pair); and what its points must give, taken from the source and not from the product.
 */
export class FixtureVault {
  readonly points: FixturePoint[] = [];
  readonly clock: FakeClock;
  readonly keyHex: string;
  /** Private key of the offline recipient in PEM, if the vault has one. */
  offlineKey: string | undefined;
  #services: WriteServices;

  private constructor(services: WriteServices, clock: FakeClock, keyHex: string) {
    this.#services = services;
    this.clock = clock;
    this.keyHex = keyHex;
  }

  /** Makes the vault's directory and key file. */
  static async create(root: string, keyFile: string, seed: string): Promise<FixtureVault> {
    const clock = new FakeClock('2026-01-05T02:00:00.000Z');
    const random = new SeededRandom(`format fixture ${seed}`);
    await createKeyFile(keyFile, random);
    const services: WriteServices = {
      store: new FilesystemObjectStore({ root, clock, random, durable: false }),
      keyring: await FileKeyring.open(keyFile, random),
      catalog: new MemoryCatalog(),
      index: new MemoryChunkIndex(),
      work: new MemoryWorkStore(),
      clock,
      random,
      lockMode: 'governance',
    };
    return new FixtureVault(services, clock, readFileSync(keyFile).toString('hex'));
  }

  /** Makes a point, an hour after whatever happened last. */
  async backUp(backup: FixtureBackup): Promise<Root> {
    this.clock.advance(hourMs);
    const { source, unread = [] } = backup;
    const state = await listSource(source);
    backup.before?.();
    const request = this.#request(backup, backup.type, async () => source.now());
    const { root } = await backUpFiles(this.#services, request, { source });
    const before = this.points.findLast((point) => point.root.resource === backup.arn);
    return this.#add(
      root,
      withUnread(
        state,
        unread.map((path) => quotePath(Buffer.from(path))),
        before,
      ),
    );
  }

  /** Makes a synthetic full of the resource's newest point. */
  async consolidate(resource: Resource): Promise<Root> {
    this.clock.advance(hourMs);
    const request = this.#request(resource, 'synthetic-full', async () => Promise.resolve(this.clock.now()));
    const opened = await openRun(this.#services, request);
    if (opened.state === 'over') throw new Error(`the run is ${opened.run.state}`);
    const { keys, plan } = opened;
    const step = await consolidatePoint(this.#services, keys, plan, { shouldStop: () => false });
    if (!step.done) throw new Error('a synthetic full stopped although nobody asked for it');
    const { root } = await commitPoint(this.#services, keys, plan, async () => Promise.resolve(step.content));
    const base = this.points.find((point) => point.root.point === root.base);
    if (base === undefined)
      throw new Error(`the synthetic full ${root.point} was made of no point of the story`);
    return this.#add(root, base.listing);
  }

  /** Makes a point of content that is there already: snapshots that EC2 took, or pages of other points. */
  async commit(resource: Resource, content: PointContent): Promise<Root> {
    this.clock.advance(hourMs);
    const request = this.#request(resource, 'full', async () => Promise.resolve(this.clock.now()));
    const opened = await openRun(this.#services, request);
    if (opened.state === 'over') throw new Error(`the run is ${opened.run.state}`);
    const { keys, plan } = opened;
    const { root } = await commitPoint(this.#services, keys, plan, async () => Promise.resolve(content));
    return this.#add(root, []);
  }

  /** The vault's keys, also those that are there, are wrapped for an offline recipient from the next run on. */
  addOfflineRecipient(): void {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
    this.offlineKey = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const pem = String(publicKey.export({ type: 'spki', format: 'pem' }));
    this.#services = { ...this.#services, keyring: withOfflineRecipient(this.#services.keyring, pem) };
  }

  /** New packs and roots are under a new data key from here on. */
  async rotateDataKey(): Promise<void> {
    this.clock.advance(hourMs);
    const lock = {
      mode: 'governance',
      until: new Date(this.clock.now().getTime() + 400 * 24 * hourMs),
    } as const;
    await rotateDataKey(await openVault(this.#services), { ...this.#services, lock });
  }

  #request({ arn, kind }: Resource, type: BackupType, sourceNow: () => Promise<Date>) {
    return {
      runId: newId<RunId>(this.#services.random),
      resourceArn: arn,
      resourceKind: kind,
      plan: 'daily',
      type,
      keepDays: 365,
      readTags: true,
      sourceNow,
    };
  }

  #add(root: Root, listing: readonly ListedFile[]): Root {
    const rootName = `points/${resourceKeyOf(root.resource)}/${root.point}`;
    this.points.push({ root, rootName, listing });
    return root;
  }
}

async function listSource(source: MemorySource): Promise<ListedFile[]> {
  const listing: ListedFile[] = [];
  for await (const listed of source.list({})) {
    const { entry, content } = await source.open(listed);
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(new Uint8Array(piece));
    listing.push(listedFileOf(entry, Buffer.concat(pieces)));
  }
  return listing;
}

/** What the format promises of entries that could not be read: as the point before has them, or not at all. */
function withUnread(
  state: readonly ListedFile[],
  unread: readonly string[],
  before: FixturePoint | undefined,
): readonly ListedFile[] {
  return state.flatMap((file) => {
    if (!unread.includes(file.path)) return [file];
    const known = before?.listing.find(({ path }) => path === file.path);
    if (before === undefined || known === undefined) return [];
    const carriedFrom = known.carriedFrom ?? before.root.point;
    return [{ ...known, carriedFrom }];
  });
}

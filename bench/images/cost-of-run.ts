import { type BackupType, prices, storageClassPrices, workerSecondDollars } from '@holdfast/engine/model';
import { FakeClock, makeMemoryServices, SeededRandom } from '@holdfast/engine/testing';
import { limits } from '../scale/limits.ts';
import { watched } from '../watched.ts';
import { backUpVolume } from './back-up-volume.ts';
import type { ProgramVolume } from './program-volume.ts';

/** The requests of one backup of an image, and their price. */
export interface RunCost {
  readonly readBytes: number;
  readonly storedBytes: number;
  readonly cpuSeconds: number;
  readonly requests: Readonly<Record<string, number>>;
  readonly gibibyteSeconds: number;
  readonly transitions: number;
  readonly dollars: Readonly<Record<string, number>>;
}

/** State transitions. A run has those of opening, taking and waiting for the snapshot, listing, the map and the commit; a shard has its start, step and end. */
const transitionsOf = { run: 20, shard: 3 } as const;

/** A vault in memory, whose calls are counted by what AWS takes for them. */
export class CountedVault {
  readonly #random = new SeededRandom('images');
  readonly #counts = new Map<string, number>();
  readonly #services;

  constructor() {
    const memory = makeMemoryServices(new FakeClock(), this.#random);
    const count = (unit: string, by = 1): void => {
      this.#counts.set(unit, (this.#counts.get(unit) ?? 0) + by);
    };
    const objects = (isRead: boolean): void => count(isRead ? 's3 reads' : 's3 writes');
    this.#services = {
      ...memory,
      store: counted(memory.store, objects),
      work: counted(memory.work, objects),
      // A row and its entry in an index are written.
      catalog: counted(memory.catalog, (isRead) =>
        isRead ? count('catalog reads') : count('catalog writes', 2),
      ),
      index: counted(memory.index, (isRead, [items]) =>
        count(isRead ? 'index reads' : 'index writes', lengthOf(items)),
      ),
      keyring: counted(memory.keyring, () => count('kms')),
    };
  }

  /** Backs the volume up as it is in a snapshot, by the steps of the product. */
  async backUp(type: BackupType, volume: ProgramVolume, snapshot: string): Promise<RunCost> {
    this.#counts.clear();
    Object.assign(volume.counts, { pages: 0, blocks: 0 });
    const before = process.cpuUsage();
    this.#services.clock.advance(3_600_000);
    const { root, shards } = await backUpVolume(this.#services, { type, source: volume, snapshot });
    const { user, system } = process.cpuUsage(before);
    return costOf({
      readBytes: root.counts.readBytes,
      storedBytes: root.counts.storedBytes,
      cpuSeconds: (user + system) / 1e6,
      requests: {
        'EBS blocks': volume.counts.blocks,
        'EBS pages': volume.counts.pages,
        ...Object.fromEntries(this.#counts),
      },
      transitions: transitionsOf.run + transitionsOf.shard * shards,
    });
  }
}

function counted<Port extends object>(
  port: Port,
  note: (isRead: boolean, args: readonly unknown[]) => void,
): Port {
  return watched(port, '', (call, args, answer) => {
    note(/\.(find|list|get|head|stat|now)/.test(call), args);
    return answer;
  });
}

function lengthOf(items: unknown): number {
  return Array.isArray(items) ? items.length : 1;
}

function costOf(run: Omit<RunCost, 'gibibyteSeconds' | 'dollars'>): RunCost {
  const { requests, readBytes, storedBytes, cpuSeconds, transitions } = run;
  const { put, get } = storageClassPrices.STANDARD;
  const of = (unit: string): number => requests[unit] ?? 0;
  // A worker has one processor, and its network carries both ways together.
  const workerSeconds = Math.max(cpuSeconds, (readBytes + storedBytes) / limits.networkBytes.value);
  return {
    ...run,
    gibibyteSeconds: (workerSeconds * limits.workerBytes.value) / 2 ** 30,
    dollars: {
      'EBS direct': of('EBS blocks') * prices.ebsDirect.get + of('EBS pages') * prices.ebsDirect.list,
      S3: of('s3 writes') * put + of('s3 reads') * get,
      DynamoDB:
        (of('index writes') + of('catalog writes')) * prices.dynamo.writeUnit +
        (of('index reads') / 2 + of('catalog reads')) * prices.dynamo.readUnit,
      KMS: of('kms') * prices.kms.request,
      Lambda: workerSeconds * workerSecondDollars,
      'Step Functions': transitions * prices.stepFunctions.transition,
    },
  };
}

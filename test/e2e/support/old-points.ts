import { S3FileSource } from '@holdfast/aws';
import { backUpFiles, newId, type PointId, type RunId, type WriteServices } from '@holdfast/engine';
import { arnOfBucket } from './cycles.ts';
import type { App } from './deployed.ts';
import { makeWriteServices } from '../../support/write-services.ts';

const dayMs = 86_400_000;

/** The deployed vault, tables and work bucket, for writing into them from here. */
export function writeServicesOf(app: App): WriteServices {
  return makeWriteServices(app.clients, {
    vaultBucket: app.vaultBucket,
    kmsKeyArn: app.outputs['KeyArn'] ?? '',
    workBucket: app.workBucket,
    catalogTable: app.outputs['CatalogTableName'] ?? '',
    chunkIndexTable: app.outputs['ChunkIndexTableName'] ?? '',
    lockMode: 'governance',
  });
}

/**
 * Backs a bucket up as it would have been done some days ago: the engine is told that time, so all dates that it
 * decides (expiry, leases, locks) are those of then. The emulators take new objects with locks that have ended already,
 * which S3 would refuse: nobody can wait for a lease of a week in a test. A lock that would be moved to a past time
 * stays as it is, as not all emulators do that.
 */
export async function backUpDaysAgo(
  app: App,
  { bucket, plan, keepDays, days }: { bucket: string; plan: string; keepDays: number; days: number },
): Promise<PointId> {
  const services = writeServicesOf(app);
  const shiftMs = days * dayMs;
  const then = async (): Promise<Date> => new Date((await services.store.now()).getTime() - shiftMs);
  const { clock, random } = services;
  const source = withClock(new S3FileSource(app.s3, bucket, clock, random), then);
  const { root } = await backUpFiles(
    { ...services, store: withClock(withoutEndedLocks(services.store), then) },
    {
      runId: newId<RunId>(services.random),
      resourceArn: arnOfBucket(bucket),
      resourceKind: 's3-bucket',
      plan,
      type: 'full',
      keepDays,
      readTags: true,
    },
    { source, limits: { files: 20, bytes: 4 * 2 ** 20 } },
  );
  return root.point;
}

/** A store that moves no lock to a past time. */
function withoutEndedLocks(store: WriteServices['store']): WriteServices['store'] {
  const extendLock: typeof store.extendLock = async (name, versionId, lock, signal) =>
    lock.until < new Date() ? lock : store.extendLock(name, versionId, lock, signal);
  return withMember(store, 'extendLock', extendLock);
}

function withClock<Port extends object>(port: Port, now: () => Promise<Date>): Port {
  return withMember(port, 'now', now);
}

function withMember<Port extends object>(port: Port, name: string, member: unknown): Port {
  return new Proxy(port, {
    get(target, property) {
      if (property === name) return member;
      const own: unknown = Reflect.get(target, property, target);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

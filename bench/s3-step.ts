// One step of Holdfast with a bucket as its store, in a process and a thread of its own, as a worker in the cloud runs:
// node s3-step.ts <bucket> <scratch directory> init | backup <directory> <name> | restore <target> <name> [path]
// Catalog, index and keys lie in the scratch directory.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeClients, S3ObjectStore } from '@holdfast/aws';
import {
  backUpFiles,
  newId,
  openVault,
  PointReader,
  restoreRange,
  selectKeys,
  type PointId,
  type ResourceArn,
  type RunId,
} from '@holdfast/engine';
import {
  createKeyFile,
  directoryArn,
  DirectorySource,
  DirectoryTarget,
  openLocalVault,
  systemClock,
  systemRandom,
} from '@holdfast/node';

const [bucket = '', at = '', step, directory = '', name = '', path] = process.argv.slice(2);
const keyFile = join(at, 'key');
const pointFile = join(at, `${name}.json`);
if (step === 'init') {
  mkdirSync(at, { recursive: true });
  await createKeyFile(keyFile, systemRandom);
  process.exit(0);
}
const clients = makeClients();
const { services: local, close } = await openLocalVault({ root: join(at, 'vault'), keyFile });
const services = { ...local, store: new S3ObjectStore(clients, bucket, systemClock) };

if (step === 'restore') {
  const point = JSON.parse(readFileSync(pointFile, 'utf8')) as { resource: ResourceArn; id: PointId };
  const keys = await openVault(services);
  const reader = await PointReader.open(services.store, keys, point.resource, point.id);
  const target = new DirectoryTarget({ root: directory, random: systemRandom });
  const [range = {}] = selectKeys(path === undefined ? undefined : [path]);
  const { failed } = await restoreRange(reader, { range, target, overwrite: 'never' });
  if (failed.length > 0) throw new Error(`${failed.length} files were not restored`);
} else {
  const request = {
    runId: newId<RunId>(systemRandom),
    resourceArn: directoryArn(directory),
    resourceKind: 'directory',
    plan: 'benchmark',
    type: 'incremental',
    keepDays: 35,
    compression: 'fast',
    readTags: false,
  } as const;
  const source = new DirectorySource({ root: directory, clock: systemClock, onWarning: () => {} });
  const { root } = await backUpFiles(services, request, { source });
  writeFileSync(pointFile, JSON.stringify({ resource: root.resource, id: root.point }));
}
close();
clients.destroy();

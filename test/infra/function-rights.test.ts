import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { statementsOf, synthesize, WITH_EVERYTHING, type Statement } from './synthesize.ts';

const { storage, pipeline } = synthesize(WITH_EVERYTHING);
const lambdas = join(import.meta.dirname, '..', '..', 'lambdas');
const folders = readdirSync(lambdas).filter((folder) => existsSync(join(lambdas, folder, 'env.ts')));

/** What a handler makes its clients with, and the services whose rights it needs for them. */
const clients: Readonly<Record<string, string>> = {
  makeS3Clients: 's3',
  makeDynamoClient: 'dynamodb',
  makeKmsClient: 'kms',
  makeEc2Clients: 'ec2',
  makeTaggingClient: 'tag',
  makeStepFunctionsClient: 'states',
  makeCloudWatchClient: 'cloudwatch',
  SQSClient: 'sqs',
};
/** Rights that S3 and EC2 use in the caller's name, or that Lambda itself needs. */
const notTheHandlers = new Set([
  'DecryptSources',
  'EncryptTargets',
  'EncryptVolumes',
  'LetEc2UseVolumeKeys',
  'WriteLog',
  'SetAsideFailedEvents',
]);

/** Statements about what a function calls itself. */
function rightsOf(folder: string): readonly Statement[] {
  const name = folder
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
  const statements = statementsOf([storage, pipeline], `${name}Role`);
  return statements.filter(({ sid }) => !notTheHandlers.has(sid));
}

const actionsOf = (folder: string): readonly string[] => [
  ...new Set(rightsOf(folder).flatMap(({ actions }) => actions)),
];

describe.each(folders)('%s', (folder) => {
  const handler = readFileSync(join(lambdas, folder, 'handler.ts'), 'utf8');

  test('may use the services whose clients it makes, and no others', () => {
    const made = Object.entries(clients).filter(([maker]) => handler.includes(`${maker}(`));
    const allowed = new Set(actionsOf(folder).map((action) => action.split(':')[0]));

    expect(allowed).toEqual(new Set(made.map(([, service]) => service)));
  });

  test('reaches the vault only if it is told its name', () => {
    const isTold = readFileSync(join(lambdas, folder, 'env.ts'), 'utf8').includes('...vault');
    const reaches = rightsOf(folder).some(({ resources }) => /GetAttVault[A-Z0-9]/.test(resources.join()));

    expect(reaches).toBe(isTold);
  });
});

describe('backups are opened', () => {
  test('by nobody who only lists, counts, removes, or writes the log', () => {
    const openers = folders.filter((folder) => actionsOf(folder).includes('kms:Decrypt'));

    expect(openers).toEqual([
      'commit-image',
      'commit-point',
      'consolidate-point',
      'hold-points',
      'open-run',
      'plan-restore',
      'protect-shard',
      'reconcile-holds',
      'reconcile-points',
      'renew-leases',
      'restore-shard',
      'sweep-packs',
      'verify-sample',
    ]);
  });
});

describe('the catalog is written', () => {
  test('by nobody who only looks things up in it', () => {
    const readers = folders.filter(
      (folder) =>
        actionsOf(folder).includes('dynamodb:Query') && !actionsOf(folder).includes('dynamodb:UpdateItem'),
    );

    expect(readers).toEqual(['plan-maintenance', 'report-cycle', 'start-containers']);
  });
});

/** Commands of the SDK that an adapter sends, as rights; those of a transaction are its items' own. */
const rightsOfAdapter = (...files: readonly string[]): ReadonlySet<string> => {
  const adapters = join(lambdas, '..', 'packages', 'aws', 'src');
  const sent = files.flatMap((file) => [
    ...readFileSync(join(adapters, file), 'utf8').matchAll(/new (\w+)Command[({]/g),
  ]);
  const names = sent.map(([, name = '']) => name).filter((name) => name !== 'TransactWrite');
  return new Set(names.map((name) => `dynamodb:${name}${name === 'Query' ? '' : 'Item'}`));
};
const rightsTo = (table: string): ReadonlySet<string> =>
  new Set(
    statementsOf([storage, pipeline], '')
      .filter(({ resources }) => resources.join().includes(table))
      .flatMap(({ actions }) => actions),
  );

describe('tables', () => {
  test('are used by the calls that their adapters make, and no others', () => {
    const [inTable, inBatches] = [rightsOfAdapter('dynamo-table.ts'), rightsOfAdapter('dynamo-batches.ts')];

    expect(rightsTo('GetAttCatalog')).toEqual(new Set([...inTable, 'dynamodb:BatchGetItem']));
    expect(rightsTo('GetAttChunkIndex')).toEqual(new Set([...inBatches, 'dynamodb:DeleteItem']));
  });
});

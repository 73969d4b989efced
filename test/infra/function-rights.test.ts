import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allSteps } from '../../lambdas/steps.ts';
import { statementsOf, synthesize, WITH_EVERYTHING, type Statement } from './synthesize.ts';

const { storage, pipeline } = synthesize(WITH_EVERYTHING);
const steps = Object.keys(allSteps).sort();

/** Rights that S3 and EC2 use in the caller's name, or that Lambda itself needs. */
const notTheHandlers = new Set([
  'DecryptSources',
  'DecryptBlocks',
  'EncryptTargets',
  'EncryptVolumes',
  'LetEc2UseVolumeKeys',
  'PassRoles',
  'EncryptBlocks',
  'DescribeKeysOfBlocks',
  'LetEbsUseKeys',
  'WriteLog',
  'SetAsideFailedEvents',
]);

/** Statements about what a function calls itself. */
function rightsOf(step: string): readonly Statement[] {
  const name = step
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
  const statements = statementsOf([storage, pipeline], `${name}Role`);
  return statements.filter(({ sid }) => !notTheHandlers.has(sid));
}

const actionsOf = (step: string): readonly string[] => [
  ...new Set(rightsOf(step).flatMap(({ actions }) => actions)),
];

describe('backups are opened', () => {
  test('by nobody who only lists, counts, removes, or writes the log', () => {
    const openers = steps.filter((step) => actionsOf(step).includes('kms:Decrypt'));

    expect(openers).toEqual([
      'commit-image',
      'commit-point',
      'consolidate-point',
      'copy-blocks',
      'hold-points',
      'join-group',
      'launch-instance',
      'list-blocks',
      'open-run',
      'plan-restore',
      'protect-shard',
      'reconcile-holds',
      'reconcile-points',
      'renew-leases',
      'restore-shard',
      'sweep-packs',
      'verify-sample',
      'write-blocks',
    ]);
  });
});

const statementsWith = (action: string): readonly [string, Statement][] =>
  steps.flatMap((step) =>
    rightsOf(step)
      .filter(({ actions }) => actions.includes(action))
      .map((statement): [string, Statement] => [step, statement]),
  );
const holdersOf = (action: string) => statementsWith(action).map(([step]) => step);

describe('blocks of snapshots', () => {
  test('are compared by backups alone, and listed and read by the restores that need it', () => {
    const restores = ['plan-restore', 'restore-shard', 'write-blocks'];
    expect(holdersOf('ebs:ListSnapshotBlocks')).toEqual(['copy-blocks', 'list-blocks', ...restores]);
    expect(holdersOf('ebs:ListChangedBlocks')).toEqual(['copy-blocks', 'list-blocks']);
    expect(holdersOf('ebs:GetSnapshotBlock')).toEqual(['copy-blocks', ...restores]);
  });

  test('are read in turn with all others, by every function that reads any', () => {
    const turns = statementsWith('dynamodb:GetItem').filter(([, { condition }]) =>
      JSON.stringify(condition ?? {}).includes('SHARED#'),
    );
    const takers = [...turns.map(([step]) => step), ...holdersOf('dynamodb:UpdateItem')];

    for (const step of holdersOf('ebs:GetSnapshotBlock')) {
      expect(takers, step).toContain(step);
      expect(allSteps[step as keyof typeof allSteps].needs, step).toMatchObject({ shared: true });
    }
  });

  test('are those of snapshots that runs took, but for the snapshot that somebody names for a delta', () => {
    for (const [step, { condition, resources }] of statementsWith('ebs:ListSnapshotBlocks')) {
      if (step !== 'write-blocks')
        expect(condition, step).toEqual({ Null: { 'aws:ResourceTag/holdfast:run': 'false' } });
      expect(resources.join(), step).toContain('::snapshot/*');
    }
  });

  test('are decrypted with the named keys of sources, as EBS encrypts', () => {
    for (const role of ['CopyBlocksRole', 'PlanRestoreRole', 'RestoreShardRole']) {
      const decrypts = statementsOf([storage, pipeline], role).filter(({ sid }) => sid === 'DecryptBlocks');

      expect(decrypts, role).toMatchObject([
        { actions: ['kms:Decrypt'], condition: { Null: { 'kms:EncryptionContext:aws:ebs:id': 'false' } } },
      ]);
      expect(decrypts[0]?.resources.join(), role).not.toContain('*');
    }
  });
});

describe('the catalog is written', () => {
  test('by nobody who only looks things up in it', () => {
    const readers = steps.filter(
      (step) =>
        actionsOf(step).includes('dynamodb:Query') && !actionsOf(step).includes('dynamodb:UpdateItem'),
    );

    expect(readers).toEqual(['plan-maintenance', 'report-cycle', 'start-containers']);
  });
});

/** Commands of the SDK that an adapter sends, as rights; those of a transaction are its items' own. */
const rightsOfAdapter = (...files: readonly string[]): ReadonlySet<string> => {
  const adapters = join(import.meta.dirname, '..', '..', 'packages', 'aws', 'src');
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
    const [inTable, inBatches] = [
      rightsOfAdapter('catalog/dynamo-table.ts'),
      rightsOfAdapter('catalog/dynamo-batches.ts'),
    ];

    expect(rightsTo('GetAttCatalog')).toEqual(new Set([...inTable, 'dynamodb:BatchGetItem']));
    expect(rightsTo('GetAttChunkIndex')).toEqual(new Set([...inBatches, 'dynamodb:DeleteItem']));
  });
});

import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { describe, expect, test } from 'vitest';
import { describeKept, destroyDeployment } from '../../scripts/destroy-deployment.ts';

const outputs = {
  VaultBucketName: 'the-vault',
  KeyArn: 'arn:aws:kms:eu-central-1:111122223333:key/mrk-1',
  CatalogTableName: 'the-catalog',
  ChunkIndexTableName: 'the-index',
  WorkBucketName: 'the-work',
  TrailLogBucketName: 'the-log',
};
const stacks = ['HoldfastStorage', 'HoldfastPipeline', 'HoldfastMonitoring'];

/** CloudFormation with stacks of which the storage is protected; `stuck` is one that it cannot delete. */
function makeAccount({ deployed = stacks, stuck = '' }: { deployed?: string[]; stuck?: string } = {}) {
  const present = new Set(deployed);
  const protectedStacks = new Set(['HoldfastStorage']);
  const failed = new Set<string>();
  const deleted: string[] = [];
  const cloudFormation = new CloudFormationClient({ region: 'eu-central-1' });
  const answer = (call: string, StackName: string, on: unknown): unknown => {
    if (!present.has(StackName))
      throw Object.assign(new Error(`Stack with id ${StackName} does not exist`), {
        name: 'ValidationError',
      });
    if (call === 'UpdateTerminationProtectionCommand') {
      if (on === true) protectedStacks.add(StackName);
      else protectedStacks.delete(StackName);
    } else if (call === 'DeleteStackCommand') {
      if (protectedStacks.has(StackName)) throw new Error(`${StackName} is protected`);
      if (StackName === stuck) failed.add(StackName);
      else present.delete(StackName);
      deleted.push(StackName);
    }
    const Outputs = Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue }));
    return {
      Stacks: [
        {
          StackName,
          StackId: StackName,
          StackStatus: failed.has(StackName) ? 'DELETE_FAILED' : 'CREATE_COMPLETE',
          ...(failed.has(StackName) && { StackStatusReason: 'a role is in use' }),
          EnableTerminationProtection: protectedStacks.has(StackName),
          ...(StackName === 'HoldfastStorage' && { Outputs }),
        },
      ],
    };
  };
  cloudFormation.send = async (command: {
    readonly input: { readonly StackName?: string; readonly EnableTerminationProtection?: boolean };
  }) =>
    Promise.resolve(
      answer(
        command.constructor.name,
        command.input.StackName ?? '',
        command.input.EnableTerminationProtection,
      ),
    ) as never;
  const lines: string[] = [];
  const destroy = async (isConfirmed = true): Promise<boolean> =>
    destroyDeployment({
      cloudFormation,
      confirm: async () => Promise.resolve(isConfirmed),
      log: (line) => lines.push(line),
    });
  return { destroy, deleted, lines, protectedStacks, present };
}

describe('destroying a deployment', () => {
  test('removes the stacks, users first, and ends with how to read and adopt the vault', async () => {
    const { destroy, deleted, lines, present } = makeAccount();

    expect(await destroy()).toBe(true);

    expect(deleted).toEqual(['HoldfastMonitoring', 'HoldfastPipeline', 'HoldfastStorage']);
    expect([...present]).toEqual([]);
    expect(lines.at(-1)).toContain(describeKept(outputs).join('\n'));
  });

  test('removes nothing that nobody confirmed, and has shown by then what stays', async () => {
    const { destroy, deleted, lines, protectedStacks } = makeAccount();

    expect(await destroy(false)).toBe(false);

    expect(deleted).toEqual([]);
    expect(protectedStacks).toEqual(new Set(['HoldfastStorage']));
    expect(lines.join('\n')).toContain('s3://the-vault');
  });

  test('protects a stack again that could not be removed, says why, and can be repeated', async () => {
    const { destroy, protectedStacks, present } = makeAccount({ stuck: 'HoldfastStorage' });

    await expect(destroy()).rejects.toMatchObject({
      name: 'DestroyError',
      message: expect.stringContaining('HoldfastStorage could not be removed (a role is in use)'),
    });

    expect(protectedStacks).toEqual(new Set(['HoldfastStorage']));
    expect([...present]).toEqual(['HoldfastStorage']);
  });

  test('goes on where an earlier attempt stopped', async () => {
    const { destroy, deleted } = makeAccount({ deployed: ['HoldfastStorage'] });

    expect(await destroy()).toBe(true);

    expect(deleted).toEqual(['HoldfastStorage']);
  });

  test('where nothing is deployed names the region', async () => {
    const { destroy } = makeAccount({ deployed: [] });

    await expect(destroy()).rejects.toThrow('region eu-central-1 has none of the stacks');
  });
});

describe('what stays', () => {
  test('is printed in the form of the plans file, with every name', () => {
    const text = describeKept(outputs).join('\n');

    expect(text).toContain(`  existingVault: {
    bucketName: 'the-vault',
    keyArn: 'arn:aws:kms:eu-central-1:111122223333:key/mrk-1',
    catalogTable: 'the-catalog',
    chunkIndexTable: 'the-index',
  },`);
    expect(text).toContain('s3://the-work');
    expect(text).toContain('s3://the-log');
    expect(text).toContain('npx holdfast extract s3://the-vault --list');
    expect(text).toContain('docs/format.md');
  });

  test('without the storage stack still says how to read a vault', () => {
    expect(describeKept({}).join('\n')).toContain('docs/format.md');
  });
});

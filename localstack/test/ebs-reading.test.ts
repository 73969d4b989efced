import { DeleteSnapshotCommand, ModifyVolumeCommand } from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import { blockBytes, blockOf, sha256, startScene } from './ebs-scene.ts';

const hour = 3_600_000;

function numbers(from: number, end: number): number[] {
  return Array.from({ length: end - from }, (_, index) => from + index);
}

test('lists the blocks that were written, also with zeros, and no others', async () => {
  const { bytes, createVolume, snapshot, writeBlock, list, now } = await startScene();
  const volumeId = await createVolume();
  await writeBlock(volumeId, 2047, 'last');
  await bytes.write(volumeId, 7 * blockBytes, new Uint8Array(10));
  await bytes.write(volumeId, 3 * blockBytes - 1, 'over the border');

  const page = await list(await snapshot(volumeId));

  expect(page.Blocks?.map((block) => block.BlockIndex)).toEqual([2, 3, 7, 2047]);
  expect(page).toMatchObject({ VolumeSize: 1, BlockSize: 524_288 });
  expect(page.ExpiryTime).toEqual(new Date(now().getTime() + 7 * 24 * hour));
  expect(page.NextToken).toBeUndefined();
});

test('gives a block as it was when the snapshot was taken, with its checksum', async () => {
  const { createVolume, snapshot, writeBlock, list, get } = await startScene();
  const volumeId = await createVolume();
  await writeBlock(volumeId, 5, 'before');
  const snapshotId = await snapshot(volumeId);
  await writeBlock(volumeId, 5, 'after!');
  const [block] = (await list(snapshotId)).Blocks!;

  const answer = await get(snapshotId, 5, block!.BlockToken!);

  const data = await answer.BlockData!.transformToByteArray();
  expect(Buffer.from(data).equals(blockOf('before'))).toBe(true);
  expect(answer).toMatchObject({
    DataLength: blockBytes,
    Checksum: sha256(blockOf('before')),
    ChecksumAlgorithm: 'SHA256',
  });
});

test('pages through blocks from an index on, by a token that makes the index of no account', async () => {
  const { createVolume, snapshot, writeBlocks, list } = await startScene();
  const volumeId = await createVolume();
  await writeBlocks(volumeId, 30, 80);
  await writeBlocks(volumeId, 1000, 80);
  const snapshotId = await snapshot(volumeId);

  const first = await list(snapshotId, { MaxResults: 100, StartingBlockIndex: 31 });
  const second = await list(snapshotId, {
    NextToken: first.NextToken,
    StartingBlockIndex: 0,
    MaxResults: 200,
  });

  const indexes = [...first.Blocks!, ...second.Blocks!].map((block) => block.BlockIndex!);
  expect(first.Blocks).toHaveLength(100);
  expect(indexes).toEqual([...numbers(31, 110), ...numbers(1000, 1080)]);
  expect(second.NextToken).toBeUndefined();
});

test('gives at least a hundred blocks to those who ask for fewer, and refuses more than ten thousand', async () => {
  const { createVolume, snapshot, writeBlocks, list } = await startScene();
  const volumeId = await createVolume();
  await writeBlocks(volumeId, 0, 110);
  const snapshotId = await snapshot(volumeId);

  expect((await list(snapshotId, { MaxResults: 1 })).Blocks).toHaveLength(100);
  await expect(list(snapshotId, { MaxResults: 10_001 })).rejects.toMatchObject({
    name: 'ValidationException',
    Reason: 'INVALID_PARAMETER_VALUE',
  });
});

test('lists from no index beyond the end of the volume', async () => {
  const { createVolume, snapshot, list, listChanged } = await startScene();
  const snapshotId = await snapshot(await createVolume());
  const refused = { name: 'ValidationException', Reason: 'INVALID_PARAMETER_VALUE' };

  expect((await list(snapshotId, { StartingBlockIndex: 2047 })).Blocks).toEqual([]);
  await expect(list(snapshotId, { StartingBlockIndex: 2048 })).rejects.toMatchObject(refused);
  await expect(listChanged(snapshotId, snapshotId, { StartingBlockIndex: 2048 })).rejects.toMatchObject(
    refused,
  );
});

test('tells changed, new and discarded blocks apart by the tokens that they have', async () => {
  const { bytes, createVolume, snapshot, writeBlock, changes } = await startScene();
  const volumeId = await createVolume();
  await writeBlock(volumeId, 0, 'same');
  await writeBlock(volumeId, 1, 'before');
  await writeBlock(volumeId, 2, 'gone');
  const first = await snapshot(volumeId);
  await writeBlock(volumeId, 1, 'after');
  await bytes.trim(volumeId, 2 * blockBytes, blockBytes);
  await writeBlock(volumeId, 1000, 'new');

  const second = await snapshot(volumeId);

  expect(await changes(first, second)).toEqual([
    [1, true, true],
    [2, true, false],
    [1000, false, true],
  ]);
  expect(await changes(second, second)).toEqual([]);
});

test('gives the blocks of both snapshots by the tokens of a list of changes', async () => {
  const { createVolume, snapshot, writeBlock, listChanged, get } = await startScene();
  const volumeId = await createVolume();
  await writeBlock(volumeId, 1, 'before');
  const first = await snapshot(volumeId);
  await writeBlock(volumeId, 1, 'after');
  const second = await snapshot(volumeId);
  const [changed] = (await listChanged(first, second)).ChangedBlocks!;

  const before = await get(first, 1, changed!.FirstBlockToken!);
  const after = await get(second, 1, changed!.SecondBlockToken!);

  expect([before.Checksum, after.Checksum]).toEqual([sha256(blockOf('before')), sha256(blockOf('after'))]);
});

// An example of the page on reading snapshots in the EBS User Guide, of fewer blocks.
test('looks at as many written blocks in a page of changes as it may list, and so has empty pages', async () => {
  const { createVolume, snapshot, writeBlock, writeBlocks, listChanged } = await startScene();
  const volumeId = await createVolume();
  await writeBlocks(volumeId, 1000, 250);
  const first = await snapshot(volumeId);
  await writeBlock(volumeId, 1150, 'changed');
  const second = await snapshot(volumeId);

  const pages: (number | undefined)[][] = [];
  let NextToken: string | undefined;
  do {
    const page = await listChanged(first, second, { MaxResults: 100, NextToken });
    pages.push(page.ChangedBlocks!.map((block) => block.BlockIndex));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);

  expect(pages).toEqual([[], [1150], []]);
});

test('puts an empty page before every page when it is told to', async () => {
  const { configureEbs, createVolume, snapshot, writeBlock, list } = await startScene();
  await configureEbs({ emptyPages: true });
  const volumeId = await createVolume();
  await writeBlock(volumeId, 3, 'x');
  const snapshotId = await snapshot(volumeId);

  const empty = await list(snapshotId);
  const full = await list(snapshotId, { NextToken: empty.NextToken });

  expect([empty.Blocks, full.Blocks?.map((block) => block.BlockIndex)]).toEqual([[], [3]]);
  expect(full.NextToken).toBeUndefined();
});

test('compares snapshots of one lineage: of a volume, and of volumes that are made of its snapshots', async () => {
  const { createVolume, snapshot, writeBlock, changes, listChanged } = await startScene();
  const volumeId = await createVolume();
  await writeBlock(volumeId, 1, 'one');
  const origin = await snapshot(volumeId);
  const child = await createVolume(origin, 2);
  await writeBlock(child, 2048, 'beyond the end of the first');
  const larger = await snapshot(child);
  const stranger = await snapshot(await createVolume());

  expect(await changes(origin, larger)).toEqual([[2048, false, true]]);
  expect((await listChanged(origin, larger)).VolumeSize).toBe(2);
  await expect(listChanged(origin, stranger)).rejects.toMatchObject({
    name: 'ValidationException',
    Reason: 'UNRELATED_SNAPSHOTS',
  });
});

test('compares snapshots of a volume that has grown between them', async () => {
  const { ec2, createVolume, snapshot, writeBlock, listChanged, changes } = await startScene();
  const volumeId = await createVolume();
  await writeBlock(volumeId, 1, 'same');
  const first = await snapshot(volumeId);
  await ec2.send(new ModifyVolumeCommand({ VolumeId: volumeId, Size: 3 }));
  await writeBlock(volumeId, 6000, 'new');
  const second = await snapshot(volumeId);

  expect(await changes(first, second)).toEqual([[6000, false, true]]);
  expect(await changes(second, first)).toEqual([[6000, true, false]]);
  expect((await listChanged(first, second)).VolumeSize).toBe(3);
});

test('takes the token of a block for that block of that snapshot alone, for seven days', async () => {
  const { advance, createVolume, snapshot, writeBlock, list, get } = await startScene();
  const volumeId = await createVolume();
  await writeBlock(volumeId, 1, 'one');
  await writeBlock(volumeId, 2, 'two');
  const snapshotId = await snapshot(volumeId);
  const other = await snapshot(volumeId);
  const token = (await list(snapshotId)).Blocks![0]!.BlockToken!;
  const refused = { name: 'ValidationException', Reason: 'INVALID_BLOCK_TOKEN' };

  await expect(get(other, 1, token)).rejects.toMatchObject(refused);
  await expect(get(snapshotId, 2, token)).rejects.toMatchObject(refused);
  await expect(get(snapshotId, 1, 'AAABAV3/PNhXOynV')).rejects.toMatchObject(refused);
  advance(7 * 24 * hour - 1);
  await get(snapshotId, 1, token);
  advance(1);
  await expect(get(snapshotId, 1, token)).rejects.toMatchObject(refused);
});

test('takes the token of a page for that list alone, for an hour or as long as is set', async () => {
  const { advance, configureEbs, createVolume, snapshot, writeBlock, list, listChanged } = await startScene();
  await configureEbs({ emptyPages: true });
  const volumeId = await createVolume();
  await writeBlock(volumeId, 1, 'one');
  const first = await snapshot(volumeId);
  const second = await snapshot(volumeId);
  const { NextToken } = await listChanged(first, second);
  const refused = { name: 'ValidationException', Reason: 'INVALID_PAGE_TOKEN' };

  await expect(list(second, { NextToken })).rejects.toMatchObject(refused);
  await expect(listChanged(second, first, { NextToken })).rejects.toMatchObject(refused);
  await expect(listChanged(first, second, { NextToken: 'AAAB' })).rejects.toMatchObject(refused);
  advance(hour - 1);
  await listChanged(first, second, { NextToken });
  advance(1);
  await expect(listChanged(first, second, { NextToken })).rejects.toMatchObject(refused);

  await configureEbs({ pageTokenMs: 10 });
  const short = await listChanged(first, second);
  advance(10);
  await expect(listChanged(first, second, { NextToken: short.NextToken })).rejects.toMatchObject(refused);
});

test('refuses snapshots that are pending, gone, or none', async () => {
  const { configure, advance, ec2, createVolume, snapshot, list, listChanged } = await startScene();
  await configure({ snapshotMs: 1000 });
  const volumeId = await createVolume();
  const first = await snapshot(volumeId);
  const missing = { name: 'ResourceNotFoundException', Reason: 'SNAPSHOT_NOT_FOUND' };
  const malformed = { name: 'ValidationException', Reason: 'INVALID_SNAPSHOT_ID' };

  await expect(list(first)).rejects.toMatchObject({ name: 'ValidationException' });
  advance(1000);
  expect((await list(first)).Blocks).toEqual([]);
  await expect(list('snapshot')).rejects.toMatchObject(malformed);
  await ec2.send(new DeleteSnapshotCommand({ SnapshotId: first }));
  await expect(list(first)).rejects.toMatchObject(missing);
  await configure({ snapshotMs: 0 });
  await expect(listChanged(first, await snapshot(volumeId))).rejects.toMatchObject(missing);
});

test('throttles an account and a snapshot by the second, as is set', async () => {
  const { advance, configureEbs, createVolume, snapshot, list } = await startScene();
  const volumeId = await createVolume();
  const [one, other] = [await snapshot(volumeId), await snapshot(volumeId)];
  await configureEbs({ accountQuotas: { ListSnapshotBlocks: 3 }, snapshotQuotas: { ListSnapshotBlocks: 2 } });

  await list(one);
  await list(one);
  const third = await list(one).catch((error: unknown) => error);
  await list(other);
  const fifth = await list(other).catch((error: unknown) => error);
  advance(1000);
  await list(one);

  const throttled = { name: 'RequestThrottledException', $metadata: { httpStatusCode: 400 } };
  expect(third).toMatchObject({ ...throttled, Reason: 'RESOURCE_LEVEL_THROTTLE' });
  expect(fifth).toMatchObject({ ...throttled, Reason: 'ACCOUNT_THROTTLED' });
});

test('counts calls, and disturbs them by fault rules', async () => {
  const { url, createVolume, snapshot, list } = await startScene();
  const snapshotId = await snapshot(await createVolume());
  await fetch(`${url}/_gateway/faults`, {
    method: 'POST',
    body: JSON.stringify([
      {
        match: { service: 'ebs', operation: 'List*', path: `/snapshots/${snapshotId}/*` },
        action: {
          kind: 'error',
          status: 403,
          code: 'AccessDeniedException',
          members: { Reason: 'UNAUTHORIZED_ACCOUNT' },
        },
        count: 1,
      },
      { match: { service: 'ebs' }, action: { kind: 'throttle' }, count: 1 },
    ]),
  });

  await expect(list(snapshotId)).rejects.toMatchObject({
    name: 'AccessDeniedException',
    Reason: 'UNAUTHORIZED_ACCOUNT',
  });
  await expect(list(snapshotId)).rejects.toMatchObject({
    name: 'RequestThrottledException',
    Reason: 'ACCOUNT_THROTTLED',
  });
  await list(snapshotId);

  const { requests } = (await (await fetch(`${url}/_gateway/requests`)).json()) as { requests: object };
  expect(requests).toMatchObject({ 'ebs:ListSnapshotBlocks': 3 });
});

import {
  CancelKeyDeletionCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  EncryptCommand,
  PutKeyPolicyCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { without } from '../infra/simulate.ts';
import type { RoleId } from '../infra/vault-stack.ts';
import { deployEnforcedVault, type EnforcedVault } from './support/enforced-vault.ts';

let vault: EnforcedVault;
beforeAll(async () => {
  vault = await deployEnforcedVault({ lockMode: 'governance' });
});
afterAll(async () => vault.stop());

const requests = {
  'kms:ScheduleKeyDeletion': (KeyId: string) =>
    new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }),
  'kms:DisableKey': (KeyId: string) => new DisableKeyCommand({ KeyId }),
  'kms:PutKeyPolicy': (KeyId: string) =>
    new PutKeyPolicyCommand({ KeyId, PolicyName: 'default', Policy: JSON.stringify(vault.keyPolicy) }),
} as const;
type Action = keyof typeof requests;

/** The key's policy denies it. */
async function isDenied(role: RoleId, action: Action): Promise<boolean> {
  const { kms } = vault.as[role];
  const command = requests[action](vault.keyId) as PutKeyPolicyCommand;
  return kms.send(command).then(
    () => false,
    (error: Error) => /explicit deny in a resource-based policy/.test(error.message),
  );
}

const cases: readonly [sid: string, action: Action][] = [
  ['OnlyBreakGlassEndsTheKey', 'kms:ScheduleKeyDeletion'],
  ['OnlyBreakGlassEndsTheKey', 'kms:DisableKey'],
  ['ThisPolicyStays', 'kms:PutKeyPolicy'],
];

describe('where IAM is enforced, the policy of the key', () => {
  beforeEach(async () => {
    const { kms } = vault.as.BreakGlass;
    await vault.setKeyPolicy(vault.keyPolicy);
    await kms.send(new CancelKeyDeletionCommand({ KeyId: vault.keyId })).catch(() => undefined);
    await kms.send(new EnableKeyCommand({ KeyId: vault.keyId }));
  });

  test('is the one of the template', () => {
    const denials = vault.keyPolicy.Statement.filter(({ ['Effect']: effect }) => effect === 'Deny');
    expect(denials.map(({ Sid }) => Sid)).toEqual([...new Set(cases.map(([sid]) => sid))]);
  });

  test.each(cases)('%s lets break-glass call %s', async (_, action) => {
    expect(await isDenied('BreakGlass', action)).toBe(false);
  });

  test.each(cases)('%s denies %s to an administrator, and nothing else does', async (sid, action) => {
    expect(await isDenied('Administrator', action)).toBe(true);

    await vault.setKeyPolicy(without(vault.keyPolicy, sid));

    expect(await isDenied('Administrator', action)).toBe(false);
  });

  test('leaves the use of the key to the policies of roles', async () => {
    const { CiphertextBlob } = await vault.as.Writer.kms.send(
      new EncryptCommand({ KeyId: vault.keyId, Plaintext: Buffer.from('x') }),
    );

    expect(CiphertextBlob).toBeDefined();
  });
});

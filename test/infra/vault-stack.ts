import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AccountRootPrincipal, PolicyStatement, Role, type CfnRole } from 'aws-cdk-lib/aws-iam';
import { deployRoleArnOf } from '../../lib/vault/deploy-role.ts';
import { VaultBucket } from '../../lib/vault/vault-bucket.ts';
import { VaultKey } from '../../lib/vault/vault-key.ts';
import { vaultPolicy } from '../../lib/vault/vault-policy.ts';
import type { LockCaps } from '../../lib/lock-caps.ts';

/** Roles of the stack; the last one is nobody to the vault. */
export const ROLES = [
  'Writer',
  'Sweeper',
  'Renewer',
  'Holder',
  'Auditor',
  'BreakGlass',
  'Administrator',
] as const;
export type RoleId = (typeof ROLES)[number];

/** What the vault's policy caps locks at. */
export const CAPS: LockCaps = { byClass: { short: 65, standard: 90, long: 400 }, audit: 402, longest: 2600 };

/** Logical ids of what the stack consists of, beside its roles, which have their own. */
export const VAULT_ID = 'Vault23237E5B';
export const KEY_ID = 'VaultKey6B75F33E';

/** How a stack is made. */
export interface VaultStackOptions {
  readonly lockMode: 'governance' | 'compliance';
  /** Whether the policy names a function's role for each purpose, or none. @default true */
  readonly withFunctions?: boolean;
  readonly place: { readonly account: string; readonly region: string };
}

/**
 * The template of a vault and its key under their policies, with a role of each kind that may do everything by its own
 * policy: what is denied to it, the vault or the key denies.
 */
export function vaultTemplate({ lockMode, withFunctions = true, place }: VaultStackOptions): Template {
  const stack = new Stack(new App(), 'Vault', { env: place });
  const roles = Object.fromEntries(ROLES.map((id) => [id, makeRole(stack, id)])) as Record<RoleId, Role>;
  const deployRoleArn = deployRoleArnOf(stack);
  const listed = (id: RoleId): Role[] => (withFunctions ? [roles[id]] : []);
  const vault = new VaultBucket(stack, 'Vault', { lockMode });
  const statements = vaultPolicy(
    vault,
    {
      writers: listed('Writer'),
      sweepers: listed('Sweeper'),
      renewers: listed('Renewer'),
      holders: listed('Holder'),
      auditors: listed('Auditor'),
      breakGlass: roles.BreakGlass,
      deployRoleArn,
    },
    { lockMode, caps: CAPS },
  );
  for (const statement of statements) vault.addToResourcePolicy(statement);
  void new VaultKey(stack, 'VaultKey', {
    deploymentName: 'Vault',
    breakGlass: roles.BreakGlass,
    deployRoleArn,
  });
  return Template.fromStack(stack);
}

function makeRole(stack: Stack, id: RoleId): Role {
  const role = new Role(stack, id, { roleName: id, assumedBy: new AccountRootPrincipal() });
  (role.node.defaultChild as CfnRole).overrideLogicalId(id);
  role.addToPolicy(new PolicyStatement({ actions: ['*'], resources: ['*'] }));
  return role;
}

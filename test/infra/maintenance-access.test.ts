import { describe, expect, test } from 'vitest';
import { roleSession, type Principal } from './principals.ts';
import { isAllowed, resolved, roleArn, type AccessRequest, type PolicyDocument } from './simulate.ts';
import { synthesize } from './synthesize.ts';
import { vaultRequests } from './vault-requests.ts';

const { storage, pipeline } = synthesize();

const [vaultId] = Object.keys(
  storage.findResources('AWS::S3::Bucket', { Properties: { ObjectLockEnabled: true } }),
);
const vaultArn = resolved(storage, { 'Fn::GetAtt': [vaultId, 'Arn'] }) as string;
const [vaultPolicy] = Object.values(storage.findResources('AWS::S3::BucketPolicy'))
  .map(({ Properties }) => resolved(storage, Properties.PolicyDocument) as PolicyDocument)
  .filter(({ Statement }) => Statement.some(({ Sid }) => Sid === 'NamesAreWrittenOnce'));

/** A function's principal, wherever it is, and what the pipeline's stack lets it do. */
function roleOf(folder: string) {
  const name = folder
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
  const roles = [storage, pipeline].flatMap((template) =>
    Object.keys(template.findResources('AWS::IAM::Role')),
  );
  const id = roles.find((role) => new RegExp(`^(MaintenanceFunctions)?${name}Role`).test(role));
  if (id === undefined) throw new Error(`${folder} has no role`);
  const Statement = Object.values(pipeline.findResources('AWS::IAM::Policy'))
    .filter(({ Properties }) => JSON.stringify(Properties.Roles).includes(id))
    .flatMap(
      ({ Properties }) =>
        (resolved(pipeline, Properties.PolicyDocument, storage) as PolicyDocument).Statement,
    );
  return { session: roleSession(roleArn(id)), policy: { Version: '2012-10-17', Statement } };
}

const { on, put, extend } = vaultRequests(vaultArn);

type Request = (principal: Principal) => AccessRequest;

/** What the role's own policy and the vault's say together. */
async function isPermitted(
  { session, policy }: ReturnType<typeof roleOf>,
  request: Request,
): Promise<boolean> {
  return isAllowed(request(session), vaultPolicy as PolicyDocument, policy);
}

const remove = (name: string) => (principal: Principal) => ({
  principal,
  action: 's3:DeleteObjectVersion',
  resource: on(name),
});
const hide = (name: string) => (principal: Principal) => ({
  principal,
  action: 's3:DeleteObject',
  resource: on(name),
});
const look = (action: string, name: string) => (principal: Principal) => ({
  principal,
  action,
  resource: on(name),
});
const setHold = (name: string, status: 'ON' | 'OFF') => (principal: Principal) => ({
  principal,
  action: 's3:PutObjectLegalHold',
  resource: on(name),
  context: { 's3:object-lock-legal-hold': status },
});
const write = (name: string) => (principal: Principal) => put(principal, name);
const lock = (name: string) => (principal: Principal) => extend(principal, name);
/** S3 asks for both rights when an object arrives locked, as all in the vault do. */
const append = (name: string): readonly Request[] => [write(name), lock(name)];

const [pack, pages, container] = ['packs/short/ab/abcd', 'pages/ab/abcd', 'containers/abcd'] as const;
const [root, key, format, audit] = ['points/r/p', 'keys/k.json', 'format.json', 'audit/chains/r/1'] as const;

const rights: Readonly<
  Record<string, { readonly may: readonly Request[]; readonly mayNot: readonly Request[] }>
> = {
  'sweep-packs': {
    may: [
      remove(pack),
      remove(pages),
      remove(container),
      setHold(container, 'OFF'),
      look('s3:GetObjectVersion', pack),
      look('s3:GetObjectRetention', pack),
    ],
    mayNot: [remove(root), setHold(container, 'ON'), write(pack), lock(pack)],
  },
  'expire-points': {
    may: [
      remove(root),
      setHold(root, 'OFF'),
      look('s3:GetObjectVersion', root),
      look('s3:GetObjectRetention', root),
      look('s3:GetObjectLegalHold', root),
      ...append(audit),
    ],
    mayNot: [remove(pack), remove(pages), remove(container), setHold(root, 'ON'), write(root), lock(root)],
  },
  'renew-leases': {
    may: [
      lock(pack),
      lock(pages),
      lock(container),
      lock(root),
      lock(key),
      lock(format),
      look('s3:GetObject', root),
      ...append(audit),
    ],
    mayNot: [remove(pack), remove(root), write(pack), write(root), setHold(root, 'ON'), setHold(root, 'OFF')],
  },
  'verify-sample': {
    may: [look('s3:GetObjectVersion', pack), look('s3:GetObject', root)],
    mayNot: [remove(pack), write(pack), lock(pack)],
  },
  ...Object.fromEntries(
    ['record-configuration', 'write-checkpoint', 'plan-restore', 'finish-restore', 'close-executions'].map(
      (folder) => [
        folder,
        {
          may: [...append(audit), look('s3:GetObjectVersion', audit)],
          mayNot: [remove(pack), remove(root), write(pack), write(root), lock(pack), lock(root)],
        },
      ],
    ),
  ),
  'reconcile-points': {
    may: [look('s3:GetObjectVersion', root), look('s3:GetObjectLegalHold', root)],
    mayNot: [remove(root), write(root), lock(root)],
  },
};

describe.each(Object.entries(rights))('%s', (folder, { may, mayNot }) => {
  const role = roleOf(folder);

  test('may do what it is for', async () => {
    for (const request of may) {
      const { action, resource } = request(roleSession(roleArn('Any')));
      expect(await isPermitted(role, request), `${action} ${resource}`).toBe(true);
    }
  });

  test('may do nothing else to the vault', async () => {
    const never = [
      remove(key),
      remove(format),
      remove(audit),
      hide(pack),
      hide(root),
      write(key),
      write(format),
    ];
    for (const request of [...mayNot, ...never]) {
      const { action, resource } = request(roleSession(roleArn('Any')));
      expect(await isPermitted(role, request), `${action} ${resource}`).toBe(false);
    }
  });
});

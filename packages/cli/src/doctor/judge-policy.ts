import type { ProtectionFact } from '@holdfast/aws/inventory';
import * as z from 'zod';
import type { StackTemplate } from '../deployment/stack-template.ts';
import { attention, type Judgement, good, unknown } from './judgement.ts';
import { judgeFact } from './judge-fact.ts';

const list = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat().sort());
const PolicyDocument = z.looseObject({
  Statement: z.array(
    z.looseObject({ Sid: z.string().optional(), Effect: z.string(), Action: list.optional() }),
  ),
});
type Statement = z.infer<typeof PolicyDocument>['Statement'][number];

/** Compares a policy as AWS has it with the one that was deployed: denials that are gone, or that deny something else. */
export function judgePolicy(fact: ProtectionFact, deployed: unknown): Judgement {
  const [actual, wanted] = [PolicyDocument.safeParse(fact.value), PolicyDocument.safeParse(deployed)];
  if (!actual.success) return judgeFact(fact);
  if (!wanted.success)
    return unknown('what was deployed cannot be compared: allow cloudformation:GetTemplate');
  const denials = wanted.data.Statement.filter(({ Effect, Sid }) => Effect === 'Deny' && Sid !== undefined);
  const lost = denials.filter((one) => !actual.data.Statement.some((other) => isSame(one, other)));
  if (lost.length === 0) return good(`all ${denials.length} denials as they were deployed`);
  const names = lost.map(({ Sid }) => Sid).join(', ');
  return attention(`somebody has changed or removed ${names}: deploy HoldfastStorage again`);
}

function isSame(one: Statement, other: Statement): boolean {
  return one.Sid === other.Sid && one.Effect === other.Effect && String(one.Action) === String(other.Action);
}

/** The policy of the bucket of a vault, as a template has it. */
export function bucketPolicyOf({ Resources }: StackTemplate, vaultBucket: string): unknown {
  const isOfVault = (bucket: unknown): boolean => {
    const id = typeof bucket === 'object' && bucket !== null && 'Ref' in bucket ? String(bucket.Ref) : '';
    return bucket === vaultBucket || Resources[id]?.Properties?.['ObjectLockEnabled'] === true;
  };
  return Object.values(Resources).find(
    ({ Type, Properties }) => Type === 'AWS::S3::BucketPolicy' && isOfVault(Properties?.['Bucket']),
  )?.Properties?.['PolicyDocument'];
}

/** The policy of the key that the output `KeyArn` names; `undefined` where another deployment made the key. */
export function keyPolicyOf({ Resources, Outputs = {} }: StackTemplate): unknown {
  const [, output] = Object.entries(Outputs).find(([name]) => /KeyArn(?:[0-9A-F]{8})?$/.test(name)) ?? [];
  const [id] = z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) }).safeParse(output?.Value).data?.[
    'Fn::GetAtt'
  ] ?? [''];
  return Resources[id]?.Properties?.['KeyPolicy'];
}

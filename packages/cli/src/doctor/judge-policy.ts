import type { ProtectionFact } from '@holdfast/aws/inventory';
import * as z from 'zod';
import type { StackTemplate } from './stack-template.ts';
import { attention, type Judgement, good, unknown } from './judgement.ts';
import { judgeFact } from './judge-fact.ts';

const PolicyDocument = z.looseObject({
  Statement: z.array(z.looseObject({ Sid: z.string().optional(), Effect: z.string() })),
});
type Statement = z.infer<typeof PolicyDocument>['Statement'][number];

const Join = z.strictObject({ 'Fn::Join': z.tuple([z.string(), z.array(z.unknown())]) });

/**
 * Compares a policy as AWS has it with the one that was deployed: denials that are gone, or that deny something else, or
 * elsewhere, or less often. Names that only the deployment knows may be any.
 */
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

function isSame(deployed: Statement, actual: Statement): boolean {
  return comesOf(withPrincipal(deployed), withPrincipal(actual));
}

/** The two ways to write everybody are one. */
function withPrincipal(statement: Statement): Statement {
  return statement['Principal'] === '*' ? { ...statement, Principal: { AWS: '*' } } : statement;
}

/** True where a template's part of a policy can have become the actual one: AWS gives a list of one as a text. */
function comesOf(deployed: unknown, actual: unknown): boolean {
  if (isRecord(deployed) && !isFunction(deployed)) {
    const names = Object.keys(deployed);
    return (
      isRecord(actual) &&
      Object.keys(actual).length === names.length &&
      names.every((name) => Object.hasOwn(actual, name) && comesOf(deployed[name], actual[name]))
    );
  }
  const patterns = [deployed].flat().map((value) => new RegExp(`^${patternOf(value)}$`, 's'));
  const texts = [actual].flat().map(String);
  return (
    patterns.length === texts.length &&
    patterns.every((pattern) => texts.some((text) => pattern.test(text))) &&
    texts.every((text) => patterns.some((pattern) => pattern.test(text)))
  );
}

/** A pattern of the texts that a template's value can become. */
function patternOf(value: unknown): string {
  if (!isRecord(value)) return escaped(String(value));
  const join = Join.safeParse(value).data?.['Fn::Join'];
  return join === undefined ? '.+' : join[1].map(patternOf).join(escaped(join[0]));
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True of a function of CloudFormation in a template, whose value only the deployment knows. */
function isFunction(value: Readonly<Record<string, unknown>>): boolean {
  const [name = '', ...others] = Object.keys(value);
  return others.length === 0 && (name === 'Ref' || name.startsWith('Fn::'));
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

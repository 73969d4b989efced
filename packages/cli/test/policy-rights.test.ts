import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { rightsBeyond, type Statement, statementsOf } from '../src/doctor/policy-rights.ts';

const actions = ['s3:GetObject', 's3:PutObject', 's3:Get*', 'kms:Decrypt'];
const resources = ['arn:aws:s3:::v/packs/*', 'arn:aws:s3:::v/*', 'arn:aws:kms:r:1:key/k', '*'];
const conditions = [
  undefined,
  { StringEquals: { 'aws:ResourceAccount': ['1', '2'] } },
  { ArnNotLike: { 'aws:PrincipalArn': ['arn:a', 'arn:b'] }, Bool: { 'aws:SecureTransport': true } },
];
const someOf = (values: readonly string[]) => fc.subarray([...values], { minLength: 1 });
const statement = fc.record({
  Effect: fc.constantFrom('Allow', 'Deny'),
  Action: someOf(actions),
  Resource: someOf(resources),
  Condition: fc.constantFrom(...conditions),
});
type Raw = typeof statement extends fc.Arbitrary<infer Value> ? Value : never;

const parsed = (raw: readonly unknown[]): readonly Statement[] => statementsOf({ Statement: raw }) ?? [];
const beyond = (some: readonly unknown[], others: readonly unknown[]) =>
  (['Allow', 'Deny'] as const).flatMap((effect) => rightsBeyond(effect, parsed(some), parsed(others)));

/** The same in other words: a statement for each action, reversed, in the other case, with texts for lists of one. */
function rewritten(raw: readonly Raw[]): readonly unknown[] {
  return raw
    .flatMap(({ Effect, Action, Resource, Condition }) =>
      Action.map((action) => ({
        Sid: 'Split',
        Effect,
        Action: action.toUpperCase(),
        Resource: Resource.length === 1 ? Resource[0] : Resource.toReversed(),
        ...(Condition === undefined
          ? {}
          : {
              Condition: Object.fromEntries(
                Object.entries(Condition).map(([operator, keys]) => [
                  operator,
                  Object.fromEntries(
                    Object.entries(keys).map(([key, values]) => [
                      key.toLowerCase(),
                      [values].flat().map(String).toReversed(),
                    ]),
                  ),
                ]),
              ),
            }),
      })),
    )
    .toReversed();
}

test('finds no difference between a policy and the same in other words', () => {
  fc.assert(
    fc.property(fc.array(statement, { maxLength: 4 }), (raw) => {
      expect(beyond(raw, rewritten(raw))).toEqual([]);
      expect(beyond(rewritten(raw), raw)).toEqual([]);
    }),
    { numRuns: 100, seed: 4 },
  );
});

test('finds what is left out, unless something else says it as well', () => {
  fc.assert(
    fc.property(fc.array(statement, { minLength: 1, maxLength: 4 }), fc.nat(), (raw, nth) => {
      const [left, ...others] = [...raw.slice(nth % raw.length), ...raw.slice(0, nth % raw.length)];
      const lost = beyond(raw, others);

      for (const right of lost) expect(left?.Action).toContain(right.action);
      expect(beyond([left, ...others], raw)).toEqual([]);
      if (others.every(({ Effect }) => Effect !== left?.Effect)) expect(lost.length).toBeGreaterThan(0);
    }),
    { numRuns: 100, seed: 5 },
  );
});

const one = { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::v/a' };

test.for([
  ['an asterisk', { ...one, Action: 's3:*', Resource: '*' }],
  ['a question mark', { ...one, Resource: 'arn:aws:s3:::v/?' }],
  ['all but others', { ...one, NotAction: 's3:Delete*', Action: undefined }],
  ['all but another resource', { ...one, NotResource: 'arn:aws:s3:::w', Resource: undefined }],
] as const)('knows that %s is wider', ([, wider]) => {
  expect(beyond([wider], [one])).toHaveLength(1);
});

test.for([
  ['a condition less', { ...one, Condition: { Bool: { a: 'true' } } }, one],
  [
    'another value of a condition',
    { ...one, Condition: { StringEquals: { a: 'x' } } },
    { ...one, Condition: { StringEquals: { a: ['x', 'y'] } } },
  ],
  [
    'an exception less',
    { ...one, Condition: { StringNotEquals: { a: ['x', 'y'] } } },
    { ...one, Condition: { StringNotEquals: { a: 'x' } } },
  ],
  [
    'an exception less of what it is about',
    { ...one, NotResource: ['arn:a', 'arn:b'], Resource: undefined },
    { ...one, NotResource: 'arn:a', Resource: undefined },
  ],
] as const)('knows that %s is wider, and not the other way round', ([, narrow, wide]) => {
  expect(beyond([narrow], [wide])).toEqual([]);
  expect(beyond([wide], [narrow])).toHaveLength(1);
});

test.for([
  ['arn:*/x/*/y', 'arn:1/x/2/x/3/y', true],
  ['arn:*/x/*/y', 'arn:1/x/2/y/3', false],
  ['arn:?/*', 'arn:1/*', true],
  ['arn:?', 'arn:*', false],
  ['arn:1**', 'arn:1', true],
  ['arn:1*2', 'arn:12', true],
  ['arn:1', 'arn:12', false],
  // Written to keep whoever compares it busy.
  [`${'*a'.repeat(24)}b`, 'a'.repeat(60), false],
] as const)('a permission on %s is one on %s, too: %s', ([outer, inner, isCovered]) => {
  expect(beyond([{ ...one, Resource: inner }], [{ ...one, Resource: outer }])).toHaveLength(
    isCovered ? 0 : 1,
  );
});

const trust = (Principal: unknown) => ({ Effect: 'Allow', Action: 'sts:AssumeRole', Principal });

test('a principal is the same however it is written', () => {
  expect(
    beyond([trust({ AWS: '111122223333' })], [trust({ AWS: ['arn:aws:iam::111122223333:root'] })]),
  ).toEqual([]);
  expect(beyond([trust('*')], [trust({ AWS: '*' })])).toEqual([]);
  expect(beyond([trust('*')], [trust({ AWS: '111122223333' })])).toEqual([
    { action: 'sts:AssumeRole', on: 'AWS:*', isConditional: false },
  ]);
});

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { deployment } from '../../lib/plans.ts';
import { deployment as demo } from '../../localstack/demo/plans.ts';
import { ensurePython } from '../../localstack/python-environment.ts';
import { deployment as endToEnd } from '../e2e/plans.ts';
import { synthesize, WITH_EVERYTHING } from './synthesize.ts';

/** The largest, one of Europe, one of China, one that accounts opt in to, and the two with the fewest types. */
const regions = [
  'us-east-1',
  'eu-central-1',
  'cn-northwest-1',
  'me-central-1',
  'ap-southeast-6',
  'ap-east-2',
];

/** W3005, a dependency that a reference enforces already: CDK makes every function depend on its role. */
const ignoredRules = ['W3005'];

/** A value that is none of the enumerated ones, and a type that few regions have. */
const careless = {
  Resources: {
    Table: {
      Type: 'AWS::DynamoDB::Table',
      Properties: {
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_BYTE',
      },
    },
    Times: { Type: 'AWS::Timestream::Database' },
  },
};

const Findings = z.array(
  z.object({ Filename: z.string(), Message: z.string(), Rule: z.object({ Id: z.string() }) }),
);

const run = promisify(execFile);
let directory: string;
let findings: readonly { readonly template: string; readonly rule: string; readonly message: string }[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-templates-'));
  const everything = { ...deployment, ...WITH_EVERYTHING };
  const files = await writeTemplates({ deployment, everything, demo, endToEnd });
  findings = await lint(files);
});

afterAll(() => rm(directory, { recursive: true, force: true }));

test('the templates of every plans file pass the schemas that AWS publishes, in regions large and small', () => {
  expect(findings.filter(({ template }) => template !== 'careless')).toEqual([]);
});

test('a value that AWS refuses and a type that a region lacks are found', () => {
  const found = findings.filter(({ template }) => template === 'careless');

  expect(found.map(({ message }) => message)).toEqual(
    expect.arrayContaining([expect.stringContaining('PAY_PER_BYTE'), expect.stringContaining('ap-east-2')]),
  );
});

/** Writes the templates of each deployment, of equal ones the first. @returns their paths. */
async function writeTemplates(deployments: Readonly<Record<string, object>>): Promise<readonly string[]> {
  const names = new Map([[JSON.stringify(careless), 'careless']]);
  for (const [name, changes] of Object.entries(deployments)) {
    for (const [stack, template] of Object.entries(synthesize(changes))) {
      const text = JSON.stringify(template.toJSON());
      names.set(text, names.get(text) ?? `${name}-${stack}`);
    }
  }
  return Promise.all(
    [...names].map(async ([text, name]) => {
      const file = join(directory, `${name}.json`);
      await writeFile(file, text);
      return file;
    }),
  );
}

async function lint(files: readonly string[]): Promise<typeof findings> {
  const python = await ensurePython(
    {
      name: 'cfn-lint',
      requirementsPath: join(import.meta.dirname, 'cfn-lint-requirements.txt'),
      otherwise: '',
    },
    console.log,
  );
  const options = ['--format', 'json', '--regions', ...regions, '--ignore-checks', ...ignoredRules];
  const program = [join(import.meta.dirname, 'lint_templates.py'), ...options];
  const { stdout } = await run(python, [...program, '--non-zero-exit-code', 'none', '--', ...files]);
  return Findings.parse(JSON.parse(stdout)).map(({ Filename, Message, Rule }) => ({
    template: basename(Filename, '.json'),
    rule: Rule.Id,
    message: Message,
  }));
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { AwsSolutionsChecks } from 'cdk-nag';
import { parseDeploymentConfig } from '../../lib/deployment-config.ts';
import type { Deployment } from '../../lib/deployment-schema.ts';
import { HoldfastStacks } from '../../lib/stacks/holdfast-stacks.ts';
import { deployment } from '../../lib/plans.ts';

/** Everything that a configuration can switch on. */
export const WITH_EVERYTHING: Partial<Deployment> = {
  sources: { buckets: ['documents'], keys: ['arn:aws:kms:eu-central-1:111122223333:key/1111'] },
  restoreTargets: {
    buckets: ['restored'],
    keys: ['arn:aws:kms:eu-central-1:111122223333:key/2222'],
    roles: ['arn:aws:iam::111122223333:role/web'],
  },
  notifications: { email: 'backup-team@example.com' },
};

/** The feature flags that a deployment is made with. */
function featureFlags(): Record<string, unknown> {
  const file = join(import.meta.dirname, '..', '..', 'cdk.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { context: Record<string, unknown> }).context;
}

/** The application with lib/plans.ts and some settings changed. Functions share a stand-in bundle. */
export function makeApp(changes: Partial<Deployment> = {}): { app: App; stacks: HoldfastStacks } {
  const app = new App({ context: featureFlags() });
  const config = parseDeploymentConfig({ deployment: { ...deployment, ...changes } });
  const stacks = new HoldfastStacks(app, config, Code.fromInline('exports.handler = async () => ({});'));
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { app, stacks };
}

type Templates = Readonly<Record<'storage' | 'pipeline' | 'monitoring', Template>>;

declare global {
  /** Templates that the files that share this process have synthesized, by the settings that they changed. */
  var synthesizedTemplates: Map<string, Templates> | undefined;
}

/** The three templates, to look at: other tests are given the same ones. */
export function synthesize(changes: Partial<Deployment> = {}): Templates {
  const synthesized = (globalThis.synthesizedTemplates ??= new Map<string, Templates>());
  const key = JSON.stringify(changes);
  const known = synthesized.get(key);
  if (known !== undefined) return known;
  const { storage, pipeline, monitoring } = makeApp(changes).stacks;
  const templates = {
    storage: Template.fromStack(storage),
    pipeline: Template.fromStack(pipeline),
    monitoring: Template.fromStack(monitoring),
  };
  synthesized.set(key, templates);
  return templates;
}

/** One statement of a synthesized policy, its lists always lists. */
export interface Statement {
  readonly sid: string;
  readonly effect: string;
  readonly actions: readonly string[];
  /** References are JSON text. */
  readonly resources: readonly string[];
  readonly condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What the policies of a template say about each role, by a part of the role's logical id. */
export function statementsOf(templates: readonly Template[], role: string): readonly Statement[] {
  return templates.flatMap((template) =>
    Object.values(template.findResources('AWS::IAM::Policy'))
      .filter((policy) => JSON.stringify(policy['Properties'].Roles).includes(role))
      .flatMap((policy) => toStatements(policy['Properties'].PolicyDocument)),
  );
}

/** The statements of a policy document. */
export function toStatements(document: unknown): Statement[] {
  const { Statement: statements } = document as { Statement: readonly Record<string, unknown>[] };
  return statements.map((statement) => ({
    sid: String(statement['Sid']),
    effect: String(statement['Effect']),
    actions: [statement['Action']].flat() as string[],
    resources: [statement['Resource']]
      .flat()
      .map((resource) => (typeof resource === 'string' ? resource : JSON.stringify(resource))),
    ...(statement['Condition'] === undefined
      ? {}
      : { condition: statement['Condition'] as NonNullable<Statement['condition']> }),
  }));
}

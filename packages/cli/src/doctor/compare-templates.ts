import { fullDiff, ResourceImpact, type ResourceDifference } from '@aws-cdk/cloudformation-diff';
import type { StackTemplate } from './stack-template.ts';
import type { StackChanges, TemplateChange } from './template-changes.ts';

/** Types of what holds data: a new one in its place would begin empty. */
const dataTypes: ReadonlySet<string | undefined> = new Set([
  'AWS::DynamoDB::GlobalTable',
  'AWS::DynamoDB::Table',
  'AWS::KMS::Key',
  'AWS::S3::Bucket',
]);

const kinds: Readonly<Record<string, TemplateChange['kind']>> = {
  'AWS::CloudWatch::Alarm': 'alarm',
  'AWS::Lambda::Function': 'function',
  'AWS::Scheduler::Schedule': 'schedule',
  'AWS::StepFunctions::StateMachine': 'workflow',
};

/** Parts of a resource that change nothing in AWS by themselves. */
const withoutEffect: ReadonlySet<string> = new Set(['DependsOn', 'Metadata']);

/** Compares a stack's template as it is deployed with the one that would be. */
export function compareTemplates(
  stack: string,
  deployed: StackTemplate | undefined,
  next: StackTemplate,
): StackChanges {
  const { resources, iamChanges } = fullDiff(deployed ?? { Resources: {} }, next);
  const refused: string[] = [];
  const changes: TemplateChange[] = [];
  resources.forEachDifference((id, difference) => {
    const reason = refusalOf(id, difference);
    if (reason !== undefined) refused.push(reason);
    const change = changeOf(id, difference);
    if (change !== undefined) changes.push(change);
  });
  const { additions, removals } = iamChanges.statements;
  for (const [statements, isAdded] of [[additions, true] as const, [removals, false] as const])
    for (const statement of statements) {
      const { effect, action, resource, principal, condition } = statement.render();
      const where = condition === '' ? '' : ` if ${condition}`;
      changes.push({
        kind: 'permission',
        change: isAdded === statement.isNegativeStatement ? 'narrower' : 'wider',
        name: `${effect} ${action} on ${resource} to ${principal}${where}`.replaceAll(/\s*\n\s*/g, ', '),
        type: 'statement',
        properties: [],
      });
    }
  return { stack, refused, changes };
}

function refusalOf(
  id: string,
  { oldValue, newValue, changeImpact, isRemoval, propertyUpdates }: ResourceDifference,
): string | undefined {
  if (oldValue === undefined || !dataTypes.has(oldValue.Type)) return undefined;
  const what = `${oldValue.Type} ${id}`;
  if (isRemoval) return `${what} would be removed, or be out of the deployment's reach`;
  const replacing = Object.entries(propertyUpdates)
    .filter(([, { changeImpact: impact }]) => isReplacement(impact))
    .map(([property]) => property);
  if (isReplacement(changeImpact))
    return `${what} would be replaced by an empty one (${replacing.join(', ') || 'another type'})`;
  const lost = ['DeletionPolicy', 'UpdateReplacePolicy'].filter(
    (policy) => isKept(oldValue[policy]) && !isKept(newValue?.[policy]),
  );
  return lost.length === 0 ? undefined : `${what} would not be kept any more (${lost.join(', ')})`;
}

function isReplacement(impact: ResourceImpact | undefined): boolean {
  return impact === ResourceImpact.WILL_REPLACE || impact === ResourceImpact.MAY_REPLACE;
}

function isKept(policy: unknown): boolean {
  return policy === 'Retain' || policy === 'RetainExceptOnCreate' || policy === 'Snapshot';
}

function changeOf(id: string, difference: ResourceDifference): TemplateChange | undefined {
  const { isAddition, isRemoval, propertyUpdates, otherChanges, changeImpact } = difference;
  const type = difference.resourceType ?? difference.oldResourceType ?? '';
  const properties = [...Object.keys(propertyUpdates), ...Object.keys(otherChanges)].filter(
    (part) => !withoutEffect.has(part),
  );
  const isNothing = !isAddition && !isRemoval && properties.length === 0 && !difference.resourceTypeChanged;
  // Their statements are told one by one.
  if (isNothing || type === 'AWS::IAM::Policy' || type === 'AWS::CDK::Metadata') return undefined;
  const inPlace = isReplacement(changeImpact) ? 'replaced' : 'changed';
  const change = isAddition ? 'added' : isRemoval ? 'removed' : inPlace;
  const kind = dataTypes.has(type) ? 'data' : (kinds[type] ?? 'other');
  return { kind, change, name: id, type, properties: isAddition || isRemoval ? [] : properties };
}

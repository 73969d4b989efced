import { InvalidInputError } from '@holdfast/engine';
import type { StackTemplate } from './stack-template.ts';

/** A stack as it is deployed. */
export interface DeployedStack {
  readonly name: string;
  readonly template: StackTemplate;
  /** Names of its resources in AWS, by their logical ids. */
  readonly physicalIds: ReadonlyMap<string, string>;
}

/** Account and region of a deployment. */
export interface DeployedPlace {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
}

/** ARNs by the names that `Ref` gives; of other types, and for other attributes, a template's value is not known here. */
const arnPatterns: Readonly<Record<string, string>> = {
  'AWS::DynamoDB::GlobalTable': 'dynamodb:REGION:ACCOUNT:table/NAME',
  'AWS::DynamoDB::Table': 'dynamodb:REGION:ACCOUNT:table/NAME',
  'AWS::IAM::Role': 'iam::ACCOUNT:role/NAME',
  'AWS::KMS::Key': 'kms:REGION:ACCOUNT:key/NAME',
  'AWS::Lambda::Function': 'lambda:REGION:ACCOUNT:function:NAME',
  'AWS::Logs::LogGroup': 'logs:REGION:ACCOUNT:log-group:NAME:*',
  'AWS::S3::Bucket': 's3:::NAME',
  'AWS::SQS::Queue': 'sqs:REGION:ACCOUNT:NAME',
  'AWS::Scheduler::ScheduleGroup': 'scheduler:REGION:ACCOUNT:schedule-group/NAME',
};

/** Values of templates as CloudFormation made them: functions of it are replaced by what they came to. */
export class TemplateValues {
  readonly #place: DeployedPlace;
  readonly #exports = new Map<string, readonly [stack: DeployedStack, value: unknown]>();

  constructor(stacks: readonly DeployedStack[], place: DeployedPlace) {
    this.#place = place;
    for (const stack of stacks)
      for (const { Value, Export } of Object.values(stack.template.Outputs ?? {}))
        if (typeof Export?.Name === 'string') this.#exports.set(Export.Name, [stack, Value]);
  }

  /** @throws {@link InvalidInputError} the template alone does not tell: a parameter, a condition, another stack's. */
  resolve(stack: DeployedStack, value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.resolve(stack, item));
    if (typeof value !== 'object' || value === null) return value;
    const [[name, argument] = ['', undefined], ...others] = Object.entries(value);
    if (others.length === 0 && (name === 'Ref' || name.startsWith('Fn::')))
      return this.#evaluate(stack, name, argument);
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, this.resolve(stack, part)]));
  }

  #evaluate(stack: DeployedStack, name: string, argument: unknown): unknown {
    if (name === 'Ref') return this.#reference(stack, String(argument));
    if (name === 'Fn::ImportValue') {
      const [exporter, value] = this.#exports.get(String(this.resolve(stack, argument))) ?? [];
      if (exporter !== undefined) return this.resolve(exporter, value);
    }
    if (name === 'Fn::Sub' && typeof argument === 'string')
      return argument.replaceAll(/\$\{(!?)([^}]+)\}/g, (_, literal: string, inner: string) =>
        literal === '' ? this.#named(stack, inner) : `\${${inner}}`,
      );
    if (name === 'Fn::GetAtt' && Array.isArray(argument))
      return this.#attribute(stack, String(argument[0]), String(argument[1]));
    if (name === 'Fn::Join' && Array.isArray(argument) && Array.isArray(argument[1]))
      return argument[1].map((part) => String(this.resolve(stack, part))).join(String(argument[0]));
    throw unresolved(stack, `${name} ${JSON.stringify(argument)}`);
  }

  #named(stack: DeployedStack, name: string): string {
    const [id = '', ...attribute] = name.split('.');
    return attribute.length === 0
      ? this.#reference(stack, id)
      : this.#attribute(stack, id, attribute.join('.'));
  }

  #reference(stack: DeployedStack, id: string): string {
    const { account, partition, region } = this.#place;
    const pseudo: Readonly<Record<string, string>> = {
      'AWS::AccountId': account,
      'AWS::Partition': partition,
      'AWS::Region': region,
      'AWS::StackName': stack.name,
      'AWS::URLSuffix': partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com',
    };
    const found = pseudo[id] ?? stack.physicalIds.get(id);
    if (found === undefined) throw unresolved(stack, `Ref ${id}`);
    return found;
  }

  #attribute(stack: DeployedStack, id: string, attribute: string): string {
    const type = stack.template.Resources[id]?.Type ?? '';
    const physicalId = this.#reference(stack, id);
    // A queue's is an address, and a state machine's is its ARN.
    const name = type === 'AWS::SQS::Queue' ? physicalId.replace(/^.*\//, '') : physicalId;
    if (type === 'AWS::StepFunctions::StateMachine')
      return attribute === 'Name' ? physicalId.replace(/^.*:/, '') : physicalId;
    const pattern = attribute === 'Arn' ? arnPatterns[type] : undefined;
    if (pattern === undefined) throw unresolved(stack, `${attribute} of ${type} ${id}`);
    const { account, partition, region } = this.#place;
    const arn = pattern
      .replace('REGION', region)
      .replace('ACCOUNT', account)
      .replace('NAME', () => name);
    return `arn:${partition}:${arn}`;
  }
}

function unresolved({ name }: DeployedStack, what: string): InvalidInputError {
  return new InvalidInputError(
    `${what} in the template of ${name} has a value that only CloudFormation knows; compare it by hand`,
  );
}

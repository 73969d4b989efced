import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Function, Runtime, type Code, type IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { allow, ExactPolicy } from './exact-policy.ts';

export interface PipelineFunctionProps {
  readonly name: string;
  /** The handlers of all machines; the function loads those of one. */
  readonly code: Code;
  readonly machine: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Rights beside writing its log. */
  readonly statements: readonly PolicyStatement[];
  /** @default a role of its own */
  readonly role?: Role | undefined;
  /** A new account gets at most 3,008. @default 256 */
  readonly memoryMegabytes?: number | undefined;
  /** @default one minute */
  readonly timeout?: Duration | undefined;
  /** Queue for events that failed three times, where the function is invoked asynchronously. */
  readonly deadLetters?: IQueue | undefined;
}

/** One Lambda function of the pipeline: its role with nothing but its own permissions, its log, its bundle. */
export class PipelineFunction extends Construct {
  readonly function: IFunction;
  readonly timeout: Duration;

  constructor(scope: Construct, id: string, props: PipelineFunctionProps) {
    super(scope, id);
    this.timeout = props.timeout ?? Duration.minutes(1);
    const logGroup = new LogGroup(this, 'Log', {
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role =
      props.role ??
      new Role(this, 'Role', {
        description: `Holdfast function ${props.name}`,
        assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      });
    const policy = new ExactPolicy(this, 'Policy', {
      role,
      statements: [
        ...props.statements,
        allow('WriteLog', ['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroup.logGroupArn]),
        ...(props.deadLetters === undefined
          ? []
          : [allow('SetAsideFailedEvents', ['sqs:SendMessage'], [props.deadLetters.queueArn])]),
      ],
    });
    this.function = new Function(this, 'Function', {
      description: `Holdfast ${props.name}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: props.code,
      handler: `${props.machine}.handler`,
      environment: { STEP: props.name, ...props.environment },
      // Not to be written to by the function: what it needs beyond is stated above.
      role: role.withoutPolicyUpdates(),
      memorySize: props.memoryMegabytes ?? 256,
      timeout: this.timeout,
      logGroup,
      ...(props.deadLetters === undefined
        ? {}
        : { deadLetterQueue: props.deadLetters, retryAttempts: 2, maxEventAge: Duration.hours(6) }),
    });
    this.function.node.addDependency(policy);
  }
}

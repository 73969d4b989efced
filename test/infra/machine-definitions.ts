import type { Template } from 'aws-cdk-lib/assertions';
import { synthesize } from './synthesize.ts';

interface State {
  readonly Type: string;
  readonly Next?: string;
  readonly TimeoutSeconds?: number;
  readonly SecondsPath?: string;
  readonly Default?: string;
  readonly Parameters?: Readonly<Record<string, unknown>>;
  readonly OutputPath?: string;
  readonly Error?: string;
  readonly Cause?: string;
  readonly ErrorPath?: string;
  readonly CausePath?: string;
  readonly ResultPath?: string | null;
  readonly ResultSelector?: Readonly<Record<string, string>>;
  readonly MaxConcurrency?: number;
  readonly ToleratedFailureCount?: number;
  readonly Retry?: readonly {
    readonly ErrorEquals: readonly string[];
    readonly JitterStrategy?: string;
    readonly MaxAttempts: number;
  }[];
  readonly Catch?: readonly {
    readonly ErrorEquals: readonly string[];
    readonly Next: string;
    readonly ResultPath?: string | null;
  }[];
  readonly ItemProcessor?: {
    readonly ProcessorConfig: { readonly ExecutionType: string };
    readonly States: Readonly<Record<string, State>>;
  };
  readonly ResultWriter?: { readonly Parameters: Readonly<Record<string, string>> };
  readonly Branches?: readonly {
    readonly StartAt: string;
    readonly States: Readonly<Record<string, State>>;
  }[];
  readonly Choices?: readonly Readonly<Record<string, unknown>>[];
}

/** A state machine, as far as the tests look at it. */
export interface Definition {
  readonly TimeoutSeconds?: number;
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

const { pipeline } = synthesize({ workers: 12, resourcesAtOnce: 3, snapshotPollSeconds: 7 });

/** What stands in a definition where the template refers to a function. */
export const ARN = 'arn:aws:lambda:eu-central-1:111122223333:function:stand-in';

/**
 * The definition of the machine whose logical id begins so.
 * @param template - of another deployment than the one with 12 workers that most tests look at.
 */
export function definitionOf(machine: string, template: Template = pipeline): Definition {
  const found = Object.entries(template.findResources('AWS::StepFunctions::StateMachine')).find(([id]) =>
    id.startsWith(machine),
  );
  const parts = found?.[1]['Properties'].DefinitionString['Fn::Join'][1] as unknown[];
  const text = parts.map((part) => {
    if (typeof part === 'string') return part;
    return JSON.stringify(part).includes('AWS::Partition') ? 'aws' : ARN;
  });
  return JSON.parse(text.join('')) as Definition;
}

/** All states, those within maps and branches included. */
export function statesOf({ States }: Pick<Definition, 'States'>): [string, State][] {
  return Object.entries(States).flatMap(([name, state]) => [
    [name, state] as [string, State],
    ...(state.ItemProcessor === undefined ? [] : statesOf(state.ItemProcessor)),
    ...(state.Branches ?? []).flatMap((branch) => statesOf(branch)),
  ]);
}

import type { MetricValue } from '@holdfast/aws';
import { findJson, putJson, type WorkStore } from '@holdfast/engine';
import type { Context } from 'aws-lambda';
import * as z from 'zod';
import type { Logger } from './logger.ts';
import type { Needs, StepRows } from './needs.ts';
import { parseInput } from './parse-input.ts';
import { publish } from './publish.ts';
import type { GivenServices, Metrics, StepServices } from './services.ts';
import { toHandlerError } from './to-handler-error.ts';

export type StepContext = Pick<Context, 'getRemainingTimeInMillis'>;

export type StepHandler<Output> = (event: unknown, context: StepContext) => Promise<Output>;

/** Hands over what a step counted. It is published when all else is done, and by then decides nothing. */
export type Count = (values: readonly MetricValue[]) => void;

type StepCall<N extends Needs> = { readonly timeLeftMs: () => number } & (N extends { metrics: true }
  ? { readonly count: Count }
  : unknown);

export interface Step<N extends Needs, Output> {
  readonly name: string;
  readonly needs: N;
  /** The step over services: those of its needs in a function, doubles in a test. */
  over(services: GivenServices<N>): StepHandler<Output>;
}

/**
 * Defines what a step does with the services that its row asks for. The event is checked first; errors get names that
 * Step Functions matches. Numbers inform and never decide: a step can only hand them over, they are published after it
 * ended, whether it succeeded or failed, and change neither its result nor more than five seconds of its time.
 */
export function defineStep<
  Rows extends StepRows,
  Name extends keyof Rows & string,
  Schema extends z.ZodType,
  Output,
>(
  rows: Rows,
  name: Name,
  input: Schema,
  run: (
    services: StepServices<Rows[Name]['needs']>,
    input: z.output<Schema>,
    call: StepCall<Rows[Name]['needs']>,
  ) => Promise<Output>,
): Step<Rows[Name]['needs'], Output> {
  const { needs } = rows[name] as Rows[Name];
  return {
    name,
    needs,
    over: (services) => async (event, context) => {
      const counted: MetricValue[] = [];
      const call = {
        timeLeftMs: () => context.getRemainingTimeInMillis(),
        count: (values: readonly MetricValue[]) => counted.push(...values),
      };
      try {
        const remedy = 'call it as the state machine does';
        const checked = parseInput(input, event, `the event of ${name}`, remedy);
        return await run(services, checked, call);
      } catch (error) {
        throw toHandlerError(error);
      } finally {
        const { metrics, log } = services as unknown as { readonly metrics: Metrics; readonly log: Logger };
        if (counted.length > 0) await publish({ metrics, log }, counted, call.timeLeftMs());
      }
    },
  };
}

interface Loop<Input extends z.ZodObject, State extends z.ZodType> {
  readonly input: Input;
  /** The state that a call leaves to the next one. */
  readonly state: State;
  /** A call hands on to the next one when less than this is left. */
  readonly handOnBeforeMs: number;
}

export interface LoopOutput<State> {
  readonly done: boolean;
  readonly state: State;
}

type LoopCall<N extends Needs, State> = StepCall<N> & {
  /** The state that the call before left; `undefined` in the first one. */
  readonly before: State | undefined;
  /** True when it is time to hand on to the next call. */
  readonly shouldStop: () => boolean;
};

/** A state as it is written down, which changes nothing in it. */
type Written<Value> = unknown extends Value
  ? Value
  : Value extends string | number | boolean | Date | null | undefined
    ? Value
    : Value extends readonly (infer One)[]
      ? readonly Written<One>[]
      : { readonly [Field in keyof Value]: Written<Value[Field]> };

type KeptCall<N extends Needs, State> = LoopCall<N, State> & {
  /** Writes down the progress of the call, in case that it comes to no end. */
  readonly keep: (state: Written<State>) => Promise<void>;
};

type Round<N extends Needs, Input extends z.ZodObject, Call, Output> = (
  services: StepServices<N>,
  input: z.output<Input>,
  call: Call,
) => Promise<Output>;

/** A step that is called until it is done. Its answer carries, as `state`, what the machine gives the next call. */
export function defineLoop<
  Rows extends StepRows,
  Name extends keyof Rows & string,
  Input extends z.ZodObject,
  State extends z.ZodType,
  Output extends { readonly done: boolean },
>(
  rows: Rows,
  name: Name,
  loop: Loop<Input, State>,
  round: Round<Rows[Name]['needs'], Input, LoopCall<Rows[Name]['needs'], z.output<State>>, Output>,
): Step<Rows[Name]['needs'], Output> {
  const schema = z.intersection(loop.input, z.object({ state: loop.state.nullish() }));
  return defineStep(rows, name, schema, async (services, input, call) => {
    const before = input.state ?? undefined;
    const shouldStop = () => call.timeLeftMs() < loop.handOnBeforeMs;
    return round(services, input, { ...call, before, shouldStop });
  });
}

/** A loop whose state is too large for its machine: it lies in the work bucket. */
export function defineKeptLoop<
  Rows extends StepRows,
  Name extends keyof Rows & string,
  Input extends z.ZodObject,
  State extends z.ZodType,
  Output extends { readonly done: true } | { readonly done: false; readonly state: Written<z.output<State>> },
>(
  rows: Rows,
  name: Name,
  loop: Loop<Input, State> & { readonly keptAs: (input: z.output<Input>) => string | undefined },
  round: Round<Rows[Name]['needs'], Input, KeptCall<Rows[Name]['needs'], z.output<State>>, Output>,
): Step<Rows[Name]['needs'], HandedOn<Output>> {
  return defineStep(rows, name, loop.input, async (services, input, call) => {
    const { work } = services as unknown as { readonly work: WorkStore };
    const place = loop.keptAs(input);
    const before = place === undefined ? undefined : await findJson(work, place, loop.state);
    const shouldStop = () => call.timeLeftMs() < loop.handOnBeforeMs;
    const keep = async (state: Written<z.output<State>>): Promise<void> => {
      if (place !== undefined) await putJson(work, place, state);
    };
    const output = await round(services, input, { ...call, before, shouldStop, keep });
    if (output.done) return output as HandedOn<Output>;
    const { state, ...answer } = output;
    await keep(state);
    return answer as HandedOn<Output>;
  });
}

/** An answer without the state, which is kept. */
type HandedOn<Output> = Output extends { readonly done: false } ? Omit<Output, 'state'> : Output;

import type * as z from 'zod';
import { parseInput } from './parse-input.ts';
import { toHandlerError } from './to-handler-error.ts';

/** What a function may ask of the runtime. */
export interface StepContext {
  getRemainingTimeInMillis(): number;
}

/** A function of the pipeline as Lambda calls it. */
export type StepHandler<Output> = (event: unknown, context: StepContext) => Promise<Output>;

/** A function of the pipeline: the event is checked, then handed on; errors get names that Step Functions matches. */
export function defineHandler<Schema extends z.ZodType, Output>(
  name: string,
  input: Schema,
  run: (input: z.output<Schema>, context: StepContext) => Promise<Output>,
): StepHandler<Output> {
  return async (event, context) => {
    try {
      const remedy = 'call it as the state machine does';
      return await run(parseInput(input, event, `the event of ${name}`, remedy), context);
    } catch (error) {
      throw toHandlerError(error);
    }
  };
}

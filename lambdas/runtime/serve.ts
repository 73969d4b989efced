import type { Step, StepHandler } from './define-step.ts';
import { mapStacks } from './map-stacks.ts';
import type { Needs, StepRows } from './needs.ts';
import { openServices, type Variables } from './open-services.ts';
import { toHandlerError } from './to-handler-error.ts';

type StepsOf<Rows extends StepRows> = { readonly [Name in keyof Rows]: Step<Rows[Name]['needs'], unknown> };

/**
 * The handler of a machine's functions, which share a bundle: the step that the function's variable `STEP` names, over the
 * services that it needs. Clients are made before the first event, while a function has the most of a processor.
 * @throws {@link TypeError} the machine has no step of that name.
 */
export async function serve<Rows extends StepRows>(
  steps: StepsOf<Rows>,
  variables: Variables = process.env,
): Promise<StepHandler<unknown>> {
  mapStacks();
  const named = Object.values<Step<Needs, unknown>>(steps).find(({ name }) => name === variables['STEP']);
  if (named === undefined)
    throw new TypeError(
      `the function is told the step ${variables['STEP']}, which this machine does not have`,
    );
  const open = await openServices(named.name, named.needs, variables);
  return async (event, context) => {
    let services;
    try {
      services = await open();
    } catch (error) {
      throw toHandlerError(error);
    }
    return named.over(services)(event, context);
  };
}

import { UnknownNameError } from '@holdfast/engine';
import type { Plan, Plans } from '@holdfast/engine/model';
import { findNearest } from '../terminal/nearest.ts';
import type { Connection } from '../deployment/connection.ts';

/** @throws {@link UnknownNameError} the plans of the deployment are not known. */
export async function getDeployedPlans({ deployment }: Connection): Promise<Plans> {
  const plans = await deployment.findPlans();
  if (plans !== undefined) return plans;
  throw new UnknownNameError(
    'the plans are not known: the deployment has no output ConfigurationUrl, or what that names may not be read or ' +
      'is of another version; allow s3:GetObject on it, or deploy this version',
  );
}

/** @throws {@link UnknownNameError} no plan of the name that a person wrote is deployed; the message has the nearest. */
export function resolvePlan(plans: Plans, name: string): Plan {
  const plan = plans.find((one) => one.name === name);
  if (plan !== undefined) return plan;
  const names = plans.map((one) => one.name);
  const near = findNearest(name, names);
  throw new UnknownNameError(
    `plan "${name}" does not exist; ${near === undefined ? '' : `did you mean ${near}? `}deployed plans are: ${names.join(', ') || 'none'}`,
  );
}

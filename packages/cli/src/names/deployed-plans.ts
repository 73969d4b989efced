import { UnknownNameError } from '@holdfast/engine';
import type { Plans } from '@holdfast/engine/model';
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

import type { CycleInput } from './cycle.ts';
import type { HoldRequest } from './hold.ts';
import type { ProtectInput } from './protect.ts';
import type { RestoreInput } from './restore-request.ts';

export interface MachineInputs {
  /** By hand the plan is enough. */
  readonly cycle: CycleInput | Pick<CycleInput, 'plan'>;
  readonly protect: ProtectInput;
  readonly restore: RestoreInput;
  readonly hold: HoldRequest;
  readonly maintenance: Readonly<Record<string, never>>;
}

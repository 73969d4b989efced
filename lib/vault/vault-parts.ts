import type { Needs, StepRows } from '../../lambdas/runtime/needs.ts';
import { allSteps } from '../../lambdas/steps.ts';

const steps: StepRows = allSteps;

/** A part that the vault's policy gives to roles of functions; see `VaultPrincipals`. */
export type VaultPart = 'writers' | 'sweepers' | 'renewers' | 'holders' | 'auditors';

/**
 * Names of the steps whose roles the vault's policy names, by what it lets them do there. A policy in one stack that names
 * a role of another is a cycle, so the roles live beside the vault, and functions are given theirs.
 */
export function vaultParts(): Readonly<Record<VaultPart, readonly string[]>> {
  return {
    writers: stepsThat(({ write }) => write !== undefined),
    sweepers: stepsThat(({ sweep }) => sweep !== undefined),
    renewers: stepsThat(({ renew }) => renew === true),
    holders: stepsThat(({ hold }) => hold === true),
    auditors: stepsThat(
      ({ audit, write, sweep, renew, hold }) =>
        audit === true && write === undefined && sweep === undefined && renew !== true && hold !== true,
    ),
  };
}

function stepsThat(does: (vault: NonNullable<Needs['vault']>) => boolean): string[] {
  return Object.entries(steps)
    .filter(([, { needs }]) => needs.vault !== undefined && does(needs.vault))
    .map(([name]) => name);
}

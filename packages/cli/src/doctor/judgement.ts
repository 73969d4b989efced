import { BackupError } from '@holdfast/engine';

/** `attention`: something is not as it must be; `unknown`: the caller may not look, or nothing tells. */
export type CheckState = 'good' | 'attention' | 'unknown';

export interface CheckResult {
  readonly what: string;
  readonly state: CheckState;
  /** The finding, and for all but `good` what to do. */
  readonly finding: string;
  /** Policies of a role as they were deployed, which no deployment puts back. */
  readonly putBack?: readonly {
    readonly roleName: string;
    readonly policyName: string;
    readonly document: unknown;
  }[];
}

export type Judgement = Pick<CheckResult, 'state' | 'finding'>;

export const good = (finding: string): Judgement => ({ state: 'good', finding });
export const attention = (finding: string): Judgement => ({ state: 'attention', finding });
export const unknown = (finding: string): Judgement => ({ state: 'unknown', finding });

/** Looks at one thing by itself, so that a refusal hides no other. */
export async function check(what: string, look: () => Promise<Judgement>): Promise<CheckResult> {
  try {
    return { what, ...(await look()) };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { what, ...unknown(error.message) };
  }
}

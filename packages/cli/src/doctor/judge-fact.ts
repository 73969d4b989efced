import type { ProtectionFact } from '@holdfast/aws/inventory';
import { attention, type Judgement, good, unknown } from './judgement.ts';

/** Judges what AWS answered about how the vault is protected; what policies say is for people to read, in `evidence`. */
export function judgeFact({ what, value, problem: refusal }: ProtectionFact): Judgement {
  if (refusal !== undefined) return unknown(refusal);
  const has = (value ?? {}) as Record<string, unknown>;
  switch (what) {
    case 'object lock of the bucket':
      return has['ObjectLockEnabled'] === 'Enabled'
        ? good('enabled')
        : attention('not enabled: objects of this vault can be deleted; make a new vault');
    case 'versions of the bucket':
      return has['Status'] === 'Enabled'
        ? good('enabled')
        : attention(`${textOf(has['Status'])}: enable versioning of the bucket`);
    case 'public access to the bucket': {
      const open = Object.entries(has).filter(([, isBlocked]) => isBlocked !== true);
      return open.length === 0 && Object.keys(has).length > 0
        ? good('blocked')
        : attention('not blocked in every way: block all public access to the bucket');
    }
    case 'key of the vault':
      return has['KeyState'] === 'Enabled'
        ? good('enabled')
        : attention(
            `${textOf(has['KeyState'])}: nothing can be restored without it; cancel its deletion, or enable it`,
          );
    case 'trails over the bucket': {
      const trails = (value ?? []) as readonly {
        readonly IsLogging?: boolean;
        readonly LatestDeliveryError?: string;
        readonly problem?: string;
      }[];
      const [hidden] = trails.flatMap(({ problem }) => problem ?? []);
      const known = trails.filter(({ problem }) => problem === undefined);
      if (known.length === 0 && hidden !== undefined) return unknown(hidden);
      if (known.length === 0)
        return attention('none records deletes in the vault: deploy HoldfastMonitoring');
      const silent = known.filter(
        ({ IsLogging, LatestDeliveryError }) => IsLogging !== true || LatestDeliveryError,
      );
      return silent.length === 0
        ? good(`${known.length} at work`)
        : attention(`${silent.length} of ${known.length} stopped, or cannot deliver: see CloudTrail`);
    }
    default:
      return value === null || value === undefined
        ? attention('there is none: deploy HoldfastStorage again')
        : good('there is one');
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : 'not enabled';
}

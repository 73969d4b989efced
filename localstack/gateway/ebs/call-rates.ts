import type { AwsRequest } from '../aws-request.ts';
import { EbsError } from './ebs-error.ts';
import type { EbsOperation, EbsSettings } from './settings.ts';

interface Second {
  readonly startsAt: number;
  calls: number;
}

/** Counts calls by second, and refuses those above a quota. A call that is refused uses none of it up. */
export class CallRates {
  readonly #seconds = new Map<string, Second>();

  /** @throws {@link EbsError} `RequestThrottledException` */
  take(request: AwsRequest, snapshotId: string | undefined, settings: EbsSettings, now: Date): void {
    const operation = request.operation as EbsOperation;
    const scope = `${request.accountId}/${request.region}/${operation}`;
    const account = this.#second(scope, now);
    const snapshot = this.#second(`${scope}/${snapshotId}`, now);
    if (account.calls >= (settings.accountQuotas[operation] ?? Infinity))
      throw throttled('ACCOUNT_THROTTLED', `The account makes too many ${operation} requests.`);
    if (snapshotId !== undefined && snapshot.calls >= (settings.snapshotQuotas[operation] ?? Infinity))
      throw throttled(
        'RESOURCE_LEVEL_THROTTLE',
        `There are too many ${operation} requests for ${snapshotId}.`,
      );
    account.calls += 1;
    snapshot.calls += 1;
  }

  #second(name: string, now: Date): Second {
    const startsAt = Math.floor(now.getTime() / 1000);
    const known = this.#seconds.get(name);
    if (known?.startsAt === startsAt) return known;
    const second = { startsAt, calls: 0 };
    this.#seconds.set(name, second);
    return second;
  }
}

function throttled(reason: string, message: string): EbsError {
  return new EbsError(400, 'RequestThrottledException', message, reason);
}

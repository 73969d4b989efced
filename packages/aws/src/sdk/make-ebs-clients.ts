import { EBSClient } from '@aws-sdk/client-ebs';
import { type ClientOptions, commonOptions } from './client-options.ts';
import { isThrottled } from './sdk-errors.ts';

export interface EbsClients {
  readonly ebs: EBSClient;
  /** Answers since the client was made that refused a call as one too many. Most calls succeed at a later attempt. */
  readonly throttledCalls: () => number;
}

/** The client of blocks has a file of its own, which a bundle loads only where it is used. */
export function makeEbsClients(options: ClientOptions = {}): EbsClients {
  const ebs = new EBSClient(commonOptions(options));
  let throttled = 0;
  ebs.middlewareStack.add(
    (next) => async (call) => {
      try {
        return await next(call);
      } catch (error) {
        if (isThrottled(error)) throttled += 1;
        throw error;
      }
    },
    // Around the reading of one answer, and within the attempts.
    { step: 'deserialize', priority: 'high', name: 'countThrottledCalls' },
  );
  return { ebs, throttledCalls: () => throttled };
}

import type { S3ClientConfig } from '@aws-sdk/client-s3';

/** Region and credentials come from the SDK's own chain when they are left out. */
export interface ClientOptions {
  readonly region?: string;
  /** Another endpoint than AWS's own. @default `AWS_ENDPOINT_URL`, as the SDK reads it */
  readonly endpoint?: string;
  /** @default the SDK's own chain */
  readonly credentials?: S3ClientConfig['credentials'];
  /** Connections of one client. @default 64 */
  readonly maxSockets?: number;
}

/**
 * Gives a client one attempt a call, and a new connection for each. A kept connection that the other side has closed,
 * as it does while a function is frozen between two calls, is noticed only by writing into it. That is the SDK's most
 * usual reason to repeat a call, and fails one that must not be repeated. A handshake costs milliseconds.
 */
export function withoutRetries<Options extends ReturnType<typeof commonOptions>>(options: Options) {
  const { requestHandler } = options;
  return {
    ...options,
    retryMode: 'standard',
    maxAttempts: 1,
    requestHandler: {
      ...requestHandler,
      httpAgent: { ...requestHandler.httpAgent, keepAlive: false },
      httpsAgent: { ...requestHandler.httpsAgent, keepAlive: false },
    },
  };
}

/**
 * Options that all clients have in common. Retries: adaptive, eight attempts, so that a throttled account slows its
 * workers down instead of failing them. Time limits: 5 seconds to connect, 2 minutes without a byte.
 */
export function commonOptions(options: ClientOptions) {
  return {
    region: options.region,
    endpoint: options.endpoint,
    credentials: options.credentials,
    retryMode: 'adaptive',
    maxAttempts: 8,
    requestHandler: {
      connectionTimeout: 5000,
      socketTimeout: 120_000,
      httpAgent: { maxSockets: options.maxSockets ?? 64 },
      httpsAgent: { maxSockets: options.maxSockets ?? 64 },
    },
  };
}

export function isLoopback(endpoint: string | undefined): boolean {
  if (endpoint === undefined || !URL.canParse(endpoint)) return false;
  return ['127.0.0.1', '[::1]', 'localhost'].includes(new URL(endpoint).hostname);
}

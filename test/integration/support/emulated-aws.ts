import { randomBytes } from 'node:crypto';
import { afterAll } from 'vitest';
import { type AwsClients, makeClients } from '@holdfast/aws';

/** Clients for whatever AWS_ENDPOINT_URL points at; closed when the test file ends. */
export function connect(): AwsClients {
  const clients = makeClients();
  afterAll(() => clients.destroy());
  return clients;
}

export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

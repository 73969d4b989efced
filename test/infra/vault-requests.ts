import type { Principal } from './principals.ts';
import type { AccessRequest } from './simulate.ts';

/** The condition key by which locks are capped. */
export const REMAINING = 's3:object-lock-remaining-retention-days';

/** What is changed of a request's context; `undefined` takes a key away. */
type Context = Readonly<Record<string, string | undefined>>;

/** Requests to a vault, with the context that S3 gives to each. */
export function vaultRequests(vaultArn: string) {
  const on = (name: string): string => `${vaultArn}/${name}`;
  /** A put as the writers make it: conditional, and with a lock. */
  const put = (principal: Principal, name: string, context: Context = {}): AccessRequest => ({
    principal,
    action: 's3:PutObject',
    resource: on(name),
    context: present({
      's3:if-none-match': '*',
      's3:ObjectCreationOperation': 'true',
      's3:object-lock-mode': 'GOVERNANCE',
      [REMAINING]: '60',
      ...context,
    }),
  });
  /** The beginning of a multipart upload: it names the lock, and creates nothing. */
  const begin = (principal: Principal, name: string, context: Context = {}): AccessRequest =>
    put(principal, name, {
      's3:if-none-match': undefined,
      's3:ObjectCreationOperation': 'false',
      ...context,
    });
  /** A part: it carries neither a condition nor a lock. */
  const part = (principal: Principal, name: string): AccessRequest =>
    begin(principal, name, { 's3:object-lock-mode': undefined, [REMAINING]: undefined });
  /** Its completion: conditional, and the lock is not named again. */
  const complete = (principal: Principal, name: string, context: Context = {}): AccessRequest =>
    put(principal, name, { 's3:object-lock-mode': undefined, [REMAINING]: undefined, ...context });
  const extend = (principal: Principal, name: string, context: Context = {}): AccessRequest => ({
    principal,
    action: 's3:PutObjectRetention',
    resource: on(name),
    context: present({ 's3:object-lock-mode': 'GOVERNANCE', [REMAINING]: '60', ...context }),
  });
  const setHold = (principal: Principal, status: 'ON' | 'OFF'): AccessRequest => ({
    principal,
    action: 's3:PutObjectLegalHold',
    resource: on('points/r/p'),
    context: { 's3:object-lock-legal-hold': status },
  });
  const ask = (
    principal: Principal,
    action: string,
    resource = on('packs/standard/ab/abcd'),
  ): AccessRequest => ({
    principal,
    action,
    resource,
  });
  return { on, put, begin, part, complete, extend, setHold, ask };
}

function present(context: Context): Record<string, string> {
  return Object.fromEntries(
    Object.entries(context).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** The same request by another transport. */
export function tls(request: AccessRequest, context: Readonly<Record<string, string>>): AccessRequest {
  return { ...request, context: { ...request.context, ...context } };
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { credentialsAskedFor } from '../src/deployment/asked-credentials.ts';

const serial = 'arn:aws:iam::111122223333:mfa/ann';
let directory: string;
let asked: URLSearchParams[];

/** STS, as far as assuming a role needs it, and what a machine has its own credentials of. */
const sts = createServer((request, response) => void answer(request, response));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/machine') {
    const own = {
      AccessKeyId: 'ASIA2',
      SecretAccessKey: 'own',
      Token: 'own',
      Expiration: '2099-01-01T00:00:00Z',
    };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(own));
    return;
  }
  asked.push(new URLSearchParams(await text(request)));
  response.setHeader('content-type', 'text/xml').end(
    `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
      <AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
      <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
  );
}

beforeEach(async () => {
  asked = [];
  directory = await mkdtemp(path.join(tmpdir(), 'holdfast-profile-'));
  const config = path.join(directory, 'config');
  await writeFile(
    config,
    `[profile me]\naws_access_key_id = AKIA1\naws_secret_access_key = mine\n
[profile restorer]\nrole_arn = arn:aws:iam::111122223333:role/Restorer\nsource_profile = me\nmfa_serial = ${serial}\n`,
  );
  await new Promise<void>((resolve) => sts.listen(0, '127.0.0.1', resolve));
  const { port } = sts.address() as AddressInfo;
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'])
    vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_CONFIG_FILE', config);
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', path.join(directory, 'none'));
  vi.stubEnv('AWS_PROFILE', 'restorer');
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${port}`);
  vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `http://127.0.0.1:${port}/machine`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await new Promise((resolve) => sts.close(resolve));
  await rm(directory, { recursive: true });
});

test('asks for the code of a profile that wants one, on stderr, and once for all clients', async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const credentials = credentialsAskedFor({ input, output });
  input.write('123456\n');

  const found = await Promise.all([credentials?.(), credentials?.()]);

  expect(found.map((one) => one?.accessKeyId)).toEqual(['ASIA1', 'ASIA1']);
  expect(String(output.read())).toBe(`code of ${serial}: `);
  expect(asked).toHaveLength(1);
  expect(Object.fromEntries(asked[0] ?? [])).toMatchObject({ SerialNumber: serial, TokenCode: '123456' });
});

test('a code that nobody gives is a failure', async () => {
  const input = new PassThrough();
  const credentials = credentialsAskedFor({ input, output: new PassThrough() });
  input.end();

  await expect(credentials?.()).rejects.toThrow(`no code of ${serial} was given`);
});

test('a profile that is asked for by name is that one, and never the machine itself', async () => {
  const [known, mistyped] = ['me', 'mee'].map((profile) => credentialsAskedFor(undefined, profile));

  expect(await known?.()).toMatchObject({ accessKeyId: 'AKIA1' });
  await expect(mistyped?.()).rejects.toThrow('using profile: [mee]');
});

test('leaves the credentials to the SDK where nobody can be asked', () => {
  expect(credentialsAskedFor(undefined)).toBeUndefined();
});

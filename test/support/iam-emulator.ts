import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '../../localstack/free-port.ts';
import { healthPath, MinistackProcess } from '../../localstack/ministack-process.ts';
import { ensurePython, ministackEnvironment } from '../../localstack/python-environment.ts';

export interface IamEmulatorOptions {
  /** Serves TLS, with a certificate made for it. @default true */
  readonly tls?: boolean;
}

/** MiniStack alone, with every request checked against its sender's policies, until `stop`. */
export interface IamEmulator {
  readonly endpointUrl: string;
  readonly region: string;
  readonly accountId: string;
  /** The account's root user, whom no policy binds. */
  readonly rootCredentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Options with which a client of the SDK trusts it; of no use over plain HTTP. */
  readonly requestHandler: { readonly httpsAgent?: Agent };
  stop(): Promise<void>;
}

const region = 'us-east-1';

/**
 * Starts MiniStack with `AUTH=true` and TLS: signatures are verified, and the policies of roles, buckets and keys
 * decide. There is no gateway, as EC2 and faults have no part in that. Any number can run side by side.
 * @throws PythonMissingError when this machine cannot run MiniStack; its message names the remedies.
 */
export async function startIamEmulator({ tls = true }: IamEmulatorOptions = {}): Promise<IamEmulator> {
  const python = await ensurePython(ministackEnvironment, () => undefined);
  const root = await mkdtemp(join(tmpdir(), `holdfast-iam-emulator-${process.pid}-`));
  const temporaryDir = join(root, 'tmp');
  const dataDir = join(root, 'data');
  await Promise.all([temporaryDir, dataDir].map((path) => mkdir(path)));
  const port = await findFreePort();
  const endpointUrl = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  const certificate = join(temporaryDir, 'ministack-tls', 'server.crt');
  const ministack = new MinistackProcess({
    python,
    port,
    region,
    endpointUrl,
    dataDir,
    temporaryDir,
    logPath: join(root, 'ministack.log'),
    environment: { AUTH: 'true', ...(tls ? { USE_SSL: '1' } : {}) },
    ...(tls ? { isReady: () => answersOverTls(endpointUrl, certificate) } : {}),
  });
  const stop = async (): Promise<void> => {
    await ministack.stop();
    await rm(root, { recursive: true, force: true });
  };
  try {
    await ministack.waitUntilReady();
    return {
      endpointUrl,
      region,
      accountId: '000000000000',
      rootCredentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      requestHandler: tls ? { httpsAgent: new Agent({ ca: await readFile(certificate) }) } : {},
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function answersOverTls(endpointUrl: string, certificate: string): Promise<boolean> {
  const ca = await readFile(certificate).catch(() => undefined);
  if (ca === undefined) return false;
  return new Promise((resolve) => {
    get(`${endpointUrl}${healthPath}`, { ca }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).once('error', () => resolve(false));
  });
}

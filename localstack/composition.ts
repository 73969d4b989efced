import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from './free-port.ts';
import type { Ec2Settings } from './gateway/ec2/settings.ts';
import { startGateway, type Gateway } from './gateway/gateway.ts';
import { linkRuntimeSdk } from './lambda-runtime-sdk.ts';
import { MinistackProcess } from './ministack-process.ts';
import { ensurePython, ministackEnvironment } from './python-environment.ts';

export { completeDeployment } from './deployment-completion.ts';

export interface EmulatorOptions {
  /** The gateway's port; starting fails when it is taken. @default any free port */
  readonly port?: number;
  /** The gateway's port when it is free, otherwise any other. */
  readonly preferredPort?: number;
  /** The address that the gateway listens on. @default 127.0.0.1 */
  readonly host?: string;
  /** @default us-east-1 */
  readonly region?: string;
  /** An emulator that runs already, such as LocalStack, to use instead of MiniStack. */
  readonly upstreamUrl?: string;
  /** Folder of S3 objects, volumes and snapshots. @default a temporary folder */
  readonly dataDir?: string;
  /** Keeps the data after `stop`. @default true when `dataDir` is given */
  readonly keepData?: boolean;
  /** Delays of the EC2 model. @default everything at once */
  readonly ec2?: Partial<Ec2Settings>;
  /** Variables for MiniStack, and so for every Lambda handler. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Takes progress lines. @default nowhere */
  readonly log?: (line: string) => void;
}

export interface Emulator {
  readonly endpointUrl: string;
  readonly region: string;
  readonly accountId: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly dataDir: string;
  /** MiniStack's log, with what Lambda handlers could not log elsewhere; unused with `upstreamUrl`. */
  readonly logPath: string;
  /** Variables with which an SDK, the CDK CLI or a child process finds the emulator. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const startAttempts = 3;

/**
 * Starts MiniStack with our patches behind our gateway, and resolves when both answer.
 * Any number can run side by side. All of it ends with `stop`, or with this process.
 * @throws PythonMissingError when this machine cannot run MiniStack; its message names the remedies.
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const log = options.log ?? (() => undefined);
  const region = options.region ?? 'us-east-1';
  const python = options.upstreamUrl ? undefined : await ensurePython(ministackEnvironment, log);
  const temporaryRoot = await mkdtemp(join(tmpdir(), `holdfast-emulator-${process.pid}-`));
  const dataDir = options.dataDir ?? join(temporaryRoot, 'data');
  const temporaryDir = join(temporaryRoot, 'tmp');
  await mkdir(dataDir, { recursive: true });
  await mkdir(temporaryDir);
  await linkRuntimeSdk(temporaryDir);
  const logPath = join(dataDir, 'ministack.log');
  const running = await startBoth(options, python, { region, dataDir, temporaryDir, logPath });
  const endpointUrl = running.gateway.url;
  log(`gateway on ${endpointUrl} before ${running.upstreamUrl}, data in ${dataDir}`);
  const keepData = options.keepData ?? options.dataDir !== undefined;
  return {
    endpointUrl,
    region,
    accountId: '000000000000',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    dataDir,
    logPath,
    environment: environmentFor(endpointUrl, region),
    stop: async () => {
      await running.gateway.close();
      await running.ministack?.stop();
      if (keepData) await rm(temporaryDir, { recursive: true, force: true });
      else
        await Promise.all([temporaryRoot, dataDir].map((path) => rm(path, { recursive: true, force: true })));
    },
  };
}

export function environmentFor(endpointUrl: string, region: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpointUrl,
    AWS_ENDPOINT_URL_S3: endpointUrl,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

interface Running {
  readonly gateway: Gateway;
  readonly upstreamUrl: string;
  readonly ministack?: MinistackProcess;
}

interface Places {
  readonly region: string;
  readonly dataDir: string;
  readonly temporaryDir: string;
  readonly logPath: string;
}

async function startBoth(
  options: EmulatorOptions,
  python: string | undefined,
  places: Places,
): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    const upstreamUrl = options.upstreamUrl ?? `http://127.0.0.1:${port}`;
    const gateway = await startOn(options, upstreamUrl, places.dataDir);
    if (!python) return { gateway, upstreamUrl };
    const environment = { ARCHIVE_IN_GATEWAY: '1', ...options.environment };
    const ministack = new MinistackProcess({
      ...places,
      python,
      port,
      environment,
      endpointUrl: gateway.url,
    });
    try {
      await ministack.waitUntilReady();
      return { gateway, upstreamUrl, ministack };
    } catch (error) {
      // Another process may have taken the port between our look and MiniStack's.
      await gateway.close();
      if (attempt === startAttempts) throw error;
    }
  }
}

async function startOn(options: EmulatorOptions, upstreamUrl: string, dataDir: string): Promise<Gateway> {
  const { host, ec2 } = options;
  const port = options.port ?? options.preferredPort ?? 0;
  try {
    return await startGateway({ upstreamUrl, dataDir, port, host, ec2 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (options.port === undefined) return startGateway({ upstreamUrl, dataDir, host, ec2 });
    throw new Error(`port ${port} is taken: stop what listens there, or leave the port out`, {
      cause: error,
    });
  }
}

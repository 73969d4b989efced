import { readdir, readFile, readlink } from 'node:fs/promises';

export interface LambdaProcess {
  readonly processId: number;
  readonly functionName: string;
}

/**
 * Finds the Lambda worker that owns the local end of a TCP connection to the gateway, so that a fault rule
 * can kill it in the middle of its work. Linux only: it reads /proc.
 */
export async function findLambdaProcess(
  localPort: number,
  gatewayPort: number,
): Promise<LambdaProcess | undefined> {
  if (process.platform !== 'linux') return undefined;
  const inode = await findSocketInode(localPort, gatewayPort);
  if (inode === undefined) return undefined;
  for (const processId of await listProcessIds()) {
    const functionName = await findFunctionName(processId);
    if (functionName !== undefined && (await ownsSocket(processId, inode)))
      return { processId, functionName };
  }
  return undefined;
}

function portOf(address: string | undefined): number {
  return Number.parseInt(address?.split(':')[1] ?? '', 16);
}

async function findSocketInode(localPort: number, remotePort: number): Promise<string | undefined> {
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const lines = (await readFile(table, 'utf8').catch(() => '')).split('\n').slice(1);
    for (const line of lines) {
      const fields = line.trim().split(/\s+/);
      if (portOf(fields[1]) === localPort && portOf(fields[2]) === remotePort) return fields[9];
    }
  }
  return undefined;
}

async function listProcessIds(): Promise<number[]> {
  const entries = await readdir('/proc');
  return entries.filter((entry) => /^\d+$/.test(entry)).map(Number);
}

/** A worker is told apart by the variable that AWS gives to every function; read when it was started. */
async function findFunctionName(processId: number): Promise<string | undefined> {
  const environment = await readFile(`/proc/${processId}/environ`, 'utf8').catch(() => '');
  const variable = environment.split('\0').find((entry) => entry.startsWith('AWS_LAMBDA_FUNCTION_NAME='));
  return variable?.slice('AWS_LAMBDA_FUNCTION_NAME='.length);
}

async function ownsSocket(processId: number, inode: string): Promise<boolean> {
  const folder = `/proc/${processId}/fd`;
  const descriptors = await readdir(folder).catch(() => []);
  for (const descriptor of descriptors) {
    const target = await readlink(`${folder}/${descriptor}`).catch(() => '');
    if (target === `socket:[${inode}]`) return true;
  }
  return false;
}

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface LambdaProcess {
  readonly processId: number;
  readonly functionName: string;
}

/**
 * Finds the Lambda worker that owns the local end of a TCP connection to the gateway, so that a fault rule
 * can kill it in the middle of its work. Linux only: it reads /proc, at once, as the many small reads of a look cost
 * twenty times as much through the pool of threads.
 */
export function findLambdaProcess(localPort: number, gatewayPort: number): LambdaProcess | undefined {
  if (process.platform !== 'linux') return undefined;
  const inode = findSocketInode(localPort, gatewayPort);
  if (inode === undefined) return undefined;
  for (const processId of listProcessIds()) {
    const functionName = findFunctionName(processId);
    if (functionName !== undefined && ownsSocket(processId, inode)) return { processId, functionName };
  }
  return undefined;
}

/** Lines of the tables: local address, remote address, six more fields, and the inode. */
function findSocketInode(localPort: number, remotePort: number): string | undefined {
  const [local, remote] = [localPort, remotePort].map((port) =>
    port.toString(16).toUpperCase().padStart(4, '0'),
  );
  const connection = new RegExp(`:${local} [0-9A-F]+:${remote} +(?:\\S+ +){6}(\\d+)`);
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const inode = connection.exec(unlessGone(() => readFileSync(table, 'utf8'), ''))?.[1];
    if (inode !== undefined) return inode;
  }
  return undefined;
}

function listProcessIds(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

/** A worker is told apart by the variable that AWS gives to every function; read when it was started. */
function findFunctionName(processId: number): string | undefined {
  const environment = unlessGone(() => readFileSync(`/proc/${processId}/environ`, 'utf8'), '');
  return /(?:^|\0)AWS_LAMBDA_FUNCTION_NAME=([^\0]*)/.exec(environment)?.[1];
}

function ownsSocket(processId: number, inode: string): boolean {
  const folder = `/proc/${processId}/fd`;
  const descriptors = unlessGone(() => readdirSync(folder), []);
  return descriptors.some(
    (descriptor) => unlessGone(() => readlinkSync(`${folder}/${descriptor}`), '') === `socket:[${inode}]`,
  );
}

/** Reads of a process that ends meanwhile, or is somebody else's. */
function unlessGone<Found>(read: () => Found, otherwise: Found): Found {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

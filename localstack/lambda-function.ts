import { CreateFunctionCommand, waitUntilFunctionActiveV2, type LambdaClient } from '@aws-sdk/client-lambda';
import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Emulators do not ask for a role that exists. */
export const roleArn = 'arn:aws:iam::000000000000:role/test';

const activeWithinSeconds = 600;

/** Deploys one handler file as a function with a new name, and returns the name once it can be invoked. */
export async function createFunction(
  client: LambdaClient,
  source: string,
  file = 'index.js',
): Promise<string> {
  const FunctionName = `emulator-test-${randomUUID().slice(0, 8)}`;
  await client.send(
    new CreateFunctionCommand({
      FunctionName,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: roleArn,
      Timeout: 20,
      Code: { ZipFile: lambdaArchive(file, source) },
    }),
  );
  const waiting = { client, maxWaitTime: activeWithinSeconds, minDelay: 0.2, maxDelay: 1 };
  await waitUntilFunctionActiveV2(waiting, { FunctionName });
  return FunctionName;
}

/** Packs one handler file into an uncompressed zip, as CreateFunction takes it. */
function lambdaArchive(name: string, source: string): Buffer {
  const content = Buffer.from(source);
  const fileName = Buffer.from(name);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt32LE(crc32(content), 10);
  common.writeUInt32LE(content.length, 14);
  common.writeUInt32LE(content.length, 18);
  common.writeUInt16LE(fileName.length, 22);
  const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, fileName, content]);
  const attributes = Buffer.alloc(14);
  attributes.writeUInt16LE(0o644, 8);
  const directory = Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\0'), common, attributes, fileName]);
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, directory, end]);
}

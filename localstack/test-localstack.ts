// npm run test:localstack [-- --host <address>] [file …]: the integration and the end-to-end tests on the LocalStack that
// AWS_ENDPOINT_URL names. The address is the one that a gateway started here listens on.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { DeleteFunctionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { environmentFor, startEmulator } from './composition.ts';
import { createFunction } from './lambda-function.ts';

/** The version that README names: the last one that starts without a token. */
const triedVersion = '4.14.0';
const dockerRemedy = 'docker compose -f localstack/compose.yaml --profile localstack up gateway';
const Health = z.object({ version: z.string() });

/** Obstacle to running the tests; the message is for whoever started them. */
class LocalStackMissingError extends Error {
  override readonly name = 'LocalStackMissingError';
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { host: { type: 'string' } },
});

try {
  process.exitCode = await run(process.env['AWS_ENDPOINT_URL']);
} catch (error) {
  if (!(error instanceof LocalStackMissingError)) throw error;
  console.error(`test:localstack: ${error.message}`);
  process.exitCode = 1;
}

async function run(url: string | undefined): Promise<number> {
  if (!url) {
    throw new LocalStackMissingError(
      `AWS_ENDPOINT_URL is not set: start LocalStack (${dockerRemedy}), then set AWS_ENDPOINT_URL=http://127.0.0.1:4566`,
    );
  }
  const version = await findVersion(url);
  if (version === undefined) {
    throw new LocalStackMissingError(
      `no LocalStack answers on AWS_ENDPOINT_URL=${url}: start it (${dockerRemedy}), or name the one that runs`,
    );
  }
  console.log(
    `LocalStack ${version} on ${url}${version.startsWith(triedVersion) ? '' : `; tried with ${triedVersion}`}`,
  );
  await using stack = new AsyncDisposableStack();
  const endpointUrl = (await isGateway(url)) ? url : await startGatewayBefore(url, stack);
  // The tests' clients are this process's children: they need the same variables.
  Object.assign(process.env, environmentFor(endpointUrl, process.env['AWS_REGION'] ?? 'us-east-1'));
  await assertFunctionsPassGateway(endpointUrl);
  const codes = [await test('integration'), await test('e2e')];
  return Math.max(...codes);
}

async function startGatewayBefore(upstreamUrl: string, stack: AsyncDisposableStack): Promise<string> {
  // The next port is what LocalStack can be told before the gateway is there.
  const port = Number(new URL(upstreamUrl).port || 80) + 1;
  const gateway = await startEmulator({
    upstreamUrl,
    port,
    host: values.host,
    log: (line) => console.log(line),
  });
  stack.defer(() => gateway.stop());
  return gateway.endpointUrl;
}

/** Functions have to call the gateway, or discovery finds no bucket in them. */
async function assertFunctionsPassGateway(endpointUrl: string): Promise<void> {
  const lambda = new LambdaClient({});
  const FunctionName = await createFunction(
    lambda,
    `exports.handler = async () => {
      const url = process.env.AWS_ENDPOINT_URL;
      return { url, ok: await fetch(url + '/_gateway/health').then((answer) => answer.ok, () => false) }; };`,
  );
  const { Payload } = await lambda.send(new InvokeCommand({ FunctionName }));
  await lambda.send(new DeleteFunctionCommand({ FunctionName }));
  const found = z
    .object({ url: z.string(), ok: z.boolean() })
    .safeParse(JSON.parse(Buffer.from(Payload ?? []).toString()));
  if (found.data?.ok === true) return;
  const { port } = new URL(endpointUrl);
  throw new LocalStackMissingError(
    `functions reach ${found.data?.url ?? 'nothing'}, which is not the gateway on ${endpointUrl}: start LocalStack with ` +
      `LAMBDA_DOCKER_FLAGS='-e AWS_ENDPOINT_URL=http://<IP address of this machine for containers>:${port}' and run this ` +
      `with "-- --host 0.0.0.0", or start both in Docker (${dockerRemedy})`,
  );
}

async function findVersion(url: string): Promise<string | undefined> {
  return Health.safeParse(await getJson(`${url}/_localstack/health`)).data?.version;
}

async function isGateway(url: string): Promise<boolean> {
  return (await getJson(`${url}/_gateway/health`)) !== undefined;
}

async function getJson(url: string): Promise<unknown> {
  const response = await fetch(url).catch(() => undefined);
  return response?.ok === true ? response.json().catch(() => undefined) : undefined;
}

async function test(project: string): Promise<number> {
  const child = spawn('vitest', ['run', '--project', project, '--passWithNoTests', ...positionals], {
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

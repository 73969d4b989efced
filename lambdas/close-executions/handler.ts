import {
  CloudWatchMetrics,
  DynamoCatalog,
  EndedExecutions,
  makeAuditServices,
  makeCloudWatchClient,
  makeDynamoClient,
  makeS3Clients,
  makeStepFunctionsClient,
  S3WorkStore,
} from '@holdfast/aws';
import { AuditLog } from '@holdfast/engine';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../watch/close-executions.ts';

const env = Env.parse(process.env);
const clients = { ...makeS3Clients(), dynamo: makeDynamoClient(), cloudWatch: makeCloudWatchClient() };
const services = makeAuditServices(clients, { vaultBucket: env.VAULT_BUCKET, lockMode: env.LOCK_MODE });
const { clock, random } = services;

export const handler = makeHandler({
  machines: {
    cycle: env.CYCLE_MACHINE_ARN,
    protect: env.PROTECT_MACHINE_ARN,
    restore: env.RESTORE_MACHINE_ARN,
    hold: env.HOLD_MACHINE_ARN,
    maintenance: env.MAINTENANCE_MACHINE_ARN,
    check: env.CHECK_MACHINE_ARN,
  },
  executions: new EndedExecutions(makeStepFunctionsClient()),
  audit: new AuditLog(services),
  catalog: new DynamoCatalog(clients.dynamo, env.CATALOG_TABLE, clock, random),
  clock,
  work: new S3WorkStore(clients.s3, env.WORK_BUCKET),
  metrics: new CloudWatchMetrics(clients.cloudWatch, env.METRICS_NAMESPACE),
  log: makeLogger('close-executions'),
});

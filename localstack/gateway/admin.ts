import * as z from 'zod';
import type { EbsService } from './ebs/ebs-service.ts';
import { EbsSettings } from './ebs/settings.ts';
import { Ec2Settings } from './ec2/settings.ts';
import type { Ec2Service } from './ec2/ec2-service.ts';
import { FaultRule, type FaultRules } from './faults/fault-rules.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { RequestCounts } from './request-counts.ts';
import type { S3Archive } from './s3-archive/s3-archive.ts';
import { ArchiveSettings } from './s3-archive/settings.ts';

/** Paths under this are the gateway's own; no bucket's name can begin like it. */
export const adminPrefix = '/_gateway/';

const largestRead = 16 * 2 ** 20;
const VolumeRequest = z.object({
  volumeId: z.string().regex(/^vol-[0-9a-f]+$/),
  offset: z.coerce.number().int().min(0).default(0),
  length: z.coerce.number().int().min(1).max(largestRead).default(largestRead),
});
type VolumeRequest = z.infer<typeof VolumeRequest>;
const DigestRequest = VolumeRequest.extend({ length: z.coerce.number().int().min(1) });
type DigestRequest = z.infer<typeof DigestRequest>;

export interface AdminTargets {
  readonly faults: FaultRules;
  readonly counts: RequestCounts;
  readonly ec2: Ec2Service;
  readonly ebs: EbsService;
  readonly archive: S3Archive;
  readonly upstreamUrl: string;
  readonly dataDir: string;
}

/** Answers the gateway's own endpoints: health, requests, faults, settings, bytes of volumes. */
export async function answerAdmin(
  method: string,
  path: string,
  body: Uint8Array,
  targets: AdminTargets,
): Promise<Reply> {
  const { pathname, searchParams } = new URL(path, 'http://gateway');
  const [resource, ...rest] = pathname.slice(adminPrefix.length).split('/');
  try {
    if (resource === 'health' && method === 'GET') {
      const { upstreamUrl, dataDir } = targets;
      return jsonReply(200, { status: 'running', processId: process.pid, upstreamUrl, dataDir });
    }
    if (resource === 'requests') return answerRequests(method, targets.counts) ?? unknown(method, path);
    if (resource === 'faults')
      return answerFaults(method, rest[0], body, targets.faults) ?? unknown(method, path);
    if (resource === 'ec2' && rest[0] === 'settings') {
      return answerSettings(method, body, targets.ec2, Ec2Settings) ?? unknown(method, path);
    }
    if (resource === 'ebs' && rest[0] === 'settings') {
      return answerSettings(method, body, targets.ebs, EbsSettings) ?? unknown(method, path);
    }
    if (resource === 'ec2' && rest[0] === 'volumes' && rest[2] === 'bytes') {
      const volume = VolumeRequest.parse({ volumeId: rest[1], ...Object.fromEntries(searchParams) });
      return (await answerBytes(method, volume, body, targets.ec2)) ?? unknown(method, path);
    }
    if (resource === 'ec2' && rest[0] === 'volumes' && rest[2] === 'digest' && method === 'GET') {
      const stretch = DigestRequest.parse({ volumeId: rest[1], ...Object.fromEntries(searchParams) });
      return answerDigest(stretch, targets.ec2);
    }
    if (resource === 's3-archive' && rest[0] === 'settings') {
      return answerSettings(method, body, targets.archive, ArchiveSettings) ?? unknown(method, path);
    }
    return unknown(method, path);
  } catch (error) {
    if (error instanceof z.ZodError) return jsonReply(400, { error: z.prettifyError(error) });
    if (error instanceof SyntaxError)
      return jsonReply(400, { error: `the body is not JSON: ${error.message}` });
    throw error;
  }
}

async function answerBytes(
  method: string,
  { volumeId, offset, length }: VolumeRequest,
  body: Uint8Array,
  { contents }: Ec2Service,
): Promise<Reply | undefined> {
  return ofVolume(volumeId, async () => {
    if (method === 'GET') {
      const bytes = await contents.readVolume(volumeId, offset, length);
      return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: bytes };
    }
    if (method === 'DELETE') {
      await contents.trimVolume(volumeId, offset, length);
      return jsonReply(200, { offset, length });
    }
    if (method !== 'PUT') return undefined;
    await contents.writeVolume(volumeId, offset, body);
    return jsonReply(200, { offset, length: body.length });
  });
}

async function answerDigest(
  { volumeId, offset, length }: DigestRequest,
  { contents }: Ec2Service,
): Promise<Reply> {
  return ofVolume(volumeId, async () =>
    jsonReply(200, await contents.digestVolume(volumeId, offset, length)),
  );
}

async function ofVolume<Answer>(volumeId: string, answer: () => Promise<Answer>): Promise<Answer | Reply> {
  try {
    return await answer();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return jsonReply(404, { error: `volume ${volumeId} does not exist` });
  }
}

function unknown(method: string, path: string): Reply {
  const known =
    'GET health; GET, DELETE requests; GET, POST, DELETE faults; GET, PUT ec2/settings, ebs/settings, ' +
    's3-archive/settings; GET, PUT, DELETE ec2/volumes/<id>/bytes; GET ec2/volumes/<id>/digest';
  return jsonReply(404, { error: `${method} ${path} is not one of the gateway's own endpoints: ${known}` });
}

function answerRequests(method: string, counts: RequestCounts): Reply | undefined {
  if (method === 'GET') return jsonReply(200, { requests: counts.list() });
  if (method !== 'DELETE') return undefined;
  counts.reset();
  return jsonReply(200, { requests: {} });
}

function answerFaults(
  method: string,
  id: string | undefined,
  body: Uint8Array,
  faults: FaultRules,
): Reply | undefined {
  if (method === 'GET') return jsonReply(200, { rules: faults.list() });
  if (method === 'POST') {
    const sent: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    const rules = z.array(FaultRule).parse(Array.isArray(sent) ? sent : [sent]);
    return jsonReply(200, { rules: rules.map((rule) => faults.add(rule)) });
  }
  if (method !== 'DELETE') return undefined;
  faults.remove(id);
  return jsonReply(200, { rules: faults.list() });
}

function answerSettings<Settings extends object>(
  method: string,
  body: Uint8Array,
  target: { settings: Settings },
  schema: z.ZodType<Settings>,
): Reply | undefined {
  if (method === 'PUT') {
    const sent = z.record(z.string(), z.unknown()).parse(JSON.parse(Buffer.from(body).toString('utf8')));
    target.settings = schema.parse({ ...target.settings, ...sent });
  } else if (method !== 'GET') {
    return undefined;
  }
  return jsonReply(200, target.settings);
}

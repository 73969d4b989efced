// A worker in a process of its own, which reads a snapshot over the wire into a vault in memory:
// node copy-over-wire.ts <snapshot>, with AWS_ENDPOINT_URL and what else finds AWS; prints a WireCopy.
import { SystemClock, SystemRandom } from '@holdfast/aws';
import { EbsBlockSource, makeEbsClients } from '@holdfast/aws/ebs';
import { makeMemoryServices } from '@holdfast/engine/testing';
import { backUpVolume } from './back-up-volume.ts';

export interface WireCopy {
  readonly readBytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

const [snapshot = ''] = process.argv.slice(2);
const services = makeMemoryServices(new SystemClock(), new SystemRandom());
const source = new EbsBlockSource(makeEbsClients().ebs, services.clock, services.random);
const [begun, cpu] = [performance.now(), process.cpuUsage()];
const { root } = await backUpVolume(services, { type: 'full', source, snapshot });
const { user, system } = process.cpuUsage(cpu);
const copied: WireCopy = {
  readBytes: root.counts.readBytes,
  seconds: (performance.now() - begun) / 1000,
  cpuSeconds: (user + system) / 1e6,
};
console.log(JSON.stringify(copied));
process.exit(0);

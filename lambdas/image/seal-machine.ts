import { type Ec2Images, MachineConfiguration } from '@holdfast/aws';
import { type Clock, isOfKind, type PointContent } from '@holdfast/engine';

/**
 * Adds what the machine's snapshots say nothing of, its user data above all, when its point is committed: from there it
 * goes into the sealed root and nowhere else. So it is of that moment, and not of the snapshots'; EC2 lets nobody change
 * it while the instance runs. A machine that is gone by then, or whose attributes may not be read, has its point all the
 * same, with a warning.
 */
export async function sealMachine(
  { images, clock }: { readonly images: Pick<Ec2Images, 'getMachineAttributes'>; readonly clock: Clock },
  content: PointContent,
): Promise<PointContent> {
  const { image, warnings } = content;
  if (image?.machine === undefined) return content;
  const machine = MachineConfiguration.parse(image.machine);
  const readAt = clock.now().toISOString();
  try {
    const attributes = { readAt, ...(await images.getMachineAttributes(machine)) };
    return { ...content, image: { ...image, machine: { ...machine, attributes } } };
  } catch (error) {
    if (!isOfKind(error, 'unknown', 'denied')) throw error;
    const reason = error.kind === 'unknown' ? 'vanished' : 'denied';
    const message = `its user data and protection are not part of the point: ${error.message}`;
    return { ...content, warnings: [...warnings, { path: machine.instanceId, reason, message }] };
  }
}

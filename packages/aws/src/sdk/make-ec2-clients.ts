import { EC2Client } from '@aws-sdk/client-ec2';
import { type ClientOptions, commonOptions, withoutRetries } from './client-options.ts';

/** The two clients that images need: CreateSnapshots has no token, so repeating it makes snapshots twice. */
export interface Ec2Clients {
  readonly ec2: EC2Client;
  /** One attempt a call. */
  readonly ec2WithoutRetries: EC2Client;
}

/** Clients of images. In a file of its own, as EC2's client is half a megabyte, which a bundle loads where it is used only. */
export function makeEc2Clients(options: ClientOptions = {}): Ec2Clients {
  const ec2Options = commonOptions(options);
  return { ec2: new EC2Client(ec2Options), ec2WithoutRetries: new EC2Client(withoutRetries(ec2Options)) };
}

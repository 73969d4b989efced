import { EC2Client } from '@aws-sdk/client-ec2';
import { type ClientOptions, commonOptions, withoutRetries } from './client-options.ts';

/** Images need two clients: CreateSnapshots has no token, so repeating it makes snapshots twice. */
export interface Ec2Clients {
  readonly ec2: EC2Client;
  readonly ec2WithoutRetries: EC2Client;
}

/** EC2's client is half a megabyte, so it has a file of its own, which a bundle loads only where it is used. */
export function makeEc2Clients(options: ClientOptions = {}): Ec2Clients {
  const ec2Options = commonOptions(options);
  return { ec2: new EC2Client(ec2Options), ec2WithoutRetries: new EC2Client(withoutRetries(ec2Options)) };
}

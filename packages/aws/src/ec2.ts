/** Adapters that use EC2, apart from the others: its client is half a megabyte, which most functions need not load. */
export { makeEc2Clients } from './sdk/make-ec2-clients.ts';
export { Ec2Images } from './images/ec2-images.ts';
export { Ec2Launches } from './images/ec2-launches.ts';
export { TaggedResources } from './sources/tagged-resources.ts';

import { makeTaggingClient, type S3Clients } from '@holdfast/aws';
import { Ec2Images, Ec2Launches, makeEc2Clients, TaggedResources } from '@holdfast/aws/ec2';

/** Adapters of EC2, loaded only by steps that use it: its client is half a megabyte. */
export const openImages = {
  images: (): Ec2Images => new Ec2Images(makeEc2Clients()),
  launches: (): Ec2Launches => new Ec2Launches(makeEc2Clients()),
  tagged: (s3: S3Clients, tagKey: string): TaggedResources =>
    new TaggedResources({ ...s3, ...makeEc2Clients(), tagging: makeTaggingClient() }, tagKey),
};

/**
 * Bytes of a block of EBS, for counts and prices before any snapshot has told its own.
 * @see https://docs.aws.amazon.com/ebs/latest/userguide/ebs-accessing-snapshot.html
 */
export const ebsBlockBytes = 512 * 1024;

/** The most blocks that EBS lists in a page: 5 GiB of a volume, and three megabytes of tokens. */
export const ebsPageBlocks = 10_000;

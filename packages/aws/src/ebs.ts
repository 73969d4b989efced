/** Adapters that use the EBS direct APIs, apart from the others: few functions need their client. */
export { type EbsClients, makeEbsClients } from './sdk/make-ebs-clients.ts';
export { EbsBlockSource } from './images/ebs-block-source.ts';
export { EbsSnapshotWriter } from './images/ebs-snapshot-writer.ts';

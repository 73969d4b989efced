// Makers of disks, for tests of other packages, too.
export { debugfs, type ExtImageOptions, makeExtImage } from './e2fsprogs.ts';
export { writeGpt, writeMbr } from './partition-tables.ts';
export { gptPlace, makeSystemHive, mbrPlace } from './registry-hive.ts';
export { makeScratch } from './scratch.ts';
export { bytesSource, fileSource } from './sources.ts';
export { dataAt, groupText, physicalIds, volumeText, writePhysicalVolume } from './volume-groups.ts';
export { copyIntoNtfs, unpackImage as unpackNtfsImage } from './ntfsprogs.ts';
export { makeXfsImage, xfsDb } from './xfsprogs.ts';

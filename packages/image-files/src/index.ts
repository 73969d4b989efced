export { namingPath } from './file-system-errors.ts';
export type { ImagePart, ImagePlace } from './image-part.ts';
export { diffImages, type ImageDifference } from './diff-images.ts';
export type { NodeFacts } from './list-facts.ts';
export { findInImages, type FoundImagePath, type FoundImageVersion } from './find-in-images.ts';
export { openPointImage } from './open-point-image.ts';
export { readInStretches } from './read-in-stretches.ts';
export type { PointImage, PointImageOptions } from './point-image.ts';

/** Kind of a frame's content; its encryption authenticates it. */
export type FrameKind = 'chunk' | 'page' | 'directory' | 'root';

/** A frame's place in its object, whatever name the object gets in the end. */
export interface FramePosition {
  /** Number of the frame within the object, from 0; also the nonce of its encryption. */
  readonly frame: number;
  readonly offset: number;
  /** Stored bytes, including the authentication tag. */
  readonly length: number;
}

export const tagBytes = 16;
/** Bytes that a frame adds to an incompressible content: the codec byte and the tag. */
export const frameOverheadBytes = 1 + tagBytes;
/** Frame numbers are 32 bits of a nonce. */
export const maxFrameNumber = 0xffff_ffff;

/** Largest content of a frame that a reader accepts. Bounds what a damaged or hostile vault can make it allocate. */
export const maxPlainBytes: Readonly<Record<FrameKind, number>> = {
  chunk: 8 * 1024 * 1024,
  page: 64 * 1024 * 1024,
  directory: 64 * 1024 * 1024,
  root: 64 * 1024 * 1024,
};

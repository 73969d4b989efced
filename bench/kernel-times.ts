/** Work that no backup can do without, in its order. */
export const kernelNames = ['reading', 'chunking', 'SHA-256', 'zstd', 'AES-256-GCM', 'decode check'] as const;

export interface KernelTime {
  bytes: number;
  cpuSeconds: number;
}

export type KernelTimes = Record<(typeof kernelNames)[number], KernelTime>;

/** Memory of functions that move data: a core, the point from which network and cores grow no further without a quota. */
export const workerMegabytes = 1769;

/** `tsi`: the host's network, through libkrun; `none`: no network but the loopback interface. */
export const networkModes = ["tsi", "none"] as const;
export type NetworkMode = (typeof networkModes)[number];

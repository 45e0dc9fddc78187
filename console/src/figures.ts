// What the figures of calls and streams say about their health.

import type { Call, Figures, Leg, Stream } from "./types";

/** More loss than this is heard. */
export const BAD_LOSS = 0.01;
/** More jitter than this is more than a phone's usual buffer holds. */
export const BAD_JITTER_US = 40_000;
/** A sink that is further behind than this does not keep up. */
export const BAD_LAG_MS = 1_000;

export function lossOf(figures: Figures | undefined): number {
  if (!figures) return 0;
  const expected = figures.received + figures.lost;
  return expected > 0 ? figures.lost / expected : 0;
}

const here = (call: Call): Leg[] => call.legs.filter((leg) => !leg.left || call.state === "ended");

export const worstLoss = (call: Call) => Math.max(0, ...here(call).map((leg) => lossOf(leg.figures)));
export const worstJitter = (call: Call) => Math.max(0, ...here(call).map((leg) => leg.figures?.jitter_us ?? 0));

export const isLive = (stream: Stream) => stream.state !== "ended";

export function lagOf(stream: Stream): number {
  return Math.max(0, ...stream.terminals.filter((one) => !one.ended).map((one) => one.figures?.lag_ms ?? 0));
}

export const sinksOf = (stream: Stream) => stream.terminals.map((one) => one.sink).join(", ") || "none";

/** The command that looks into a sink's address. */
export const sinkMend = (address: string) => `sidestream doctor --sink ${address}`;

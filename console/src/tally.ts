// How many calls and streams there were over the last ten minutes, as long as this page is open.

import { signal } from "@preact/signals";
import { session } from "./api";
import { isLive } from "./figures";
import { liveCalls } from "./live";

const POINTS = 300;
const POINT_MS = 2000;

/** Seconds since 1970, calls, streams. */
export const tally = signal<number[][]>([[], [], []]);

function note(): void {
  if (!session.value) return;
  const live = liveCalls();
  const streams = live.reduce((sum, call) => sum + call.streams.filter(isLive).length, 0);
  const next = [Date.now() / 1000, live.length, streams];
  tally.value = tally.value.map((list, index) => [...list, next[index] ?? 0].slice(-POINTS));
}

setInterval(note, POINT_MS);

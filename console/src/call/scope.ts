// The levels of one stream, taken from the built-in scope a piece at a time and kept as long as the page is open.

import { signal, type Signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { ApiError, get } from "../api";
import type { Level, Manifest, ScopeView } from "../types";

/** How often levels are asked for: each stands for a tenth of a second. */
const ASK_MS = 200;

/** Levels kept for each track: an hour. */
const KEPT = 36_000;

export const KINDS = ["audio", "silence", "lost", "held", "muted", "paused", "discarded"] as const;

export interface Track {
  name: string;
  /** Sample position of the first level. */
  start: number;
  levels: Level[];
}

export interface Wave {
  sampleRate: number;
  step: number;
  live: boolean;
  tracks: Track[];
}

/** A stretch of one kind, in seconds of the stream's clock. */
export interface Stretch {
  kind: string;
  start: number;
  length: number;
  peak: number;
}

/** The stream's levels as they come; `null` when it does not go to the scope. */
export function useWave(stream: string, isLive: boolean): Signal<Wave | null | undefined> {
  const wave = useMemo(() => signal<Wave | null | undefined>(undefined), [stream]);
  useEffect(() => {
    let timer = 0;
    let isOver = false;
    const ask = async () => {
      const held = wave.peek();
      const from = held ? Math.min(...held.tracks.map((track) => track.start + track.levels.length * held.step)) : 0;
      try {
        if (document.visibilityState === "visible") {
          const got = await get<ScopeView>(`/v1/streams/${stream}/scope?from=${from}`);
          wave.value = joined(wave.peek() ?? null, got);
          if (!got.live) return;
        }
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) wave.value = null;
        if (!isLive) return;
      }
      // A stream that is shown to the scope later is asked for more slowly until then.
      if (!isOver) timer = window.setTimeout(() => void ask(), wave.peek() ? ASK_MS : 1000);
    };
    void ask();
    return () => {
      isOver = true;
      window.clearTimeout(timer);
    };
  }, [stream, isLive]);
  return wave;
}

function joined(held: Wave | null, got: ScopeView): Wave {
  const step = got.samples_per_level;
  const tracks = got.tracks.map((fresh) => {
    const old = held?.tracks.find((track) => track.name === fresh.track);
    if (!old || old.levels.length === 0) return { name: fresh.track, start: fresh.start, levels: fresh.levels };
    const end = old.start + old.levels.length * step;
    // What was asked for twice is taken once; what the scope forgot meanwhile is silence.
    const known = Math.max(0, Math.round((end - fresh.start) / step));
    const missing = Math.max(0, Math.round((fresh.start - end) / step));
    const gap: Level[] = fresh.levels.length > 0 ? Array.from({ length: missing }, () => ({ kind: "silence", peak: 0, rms: 0 })) : [];
    const levels = [...old.levels, ...gap, ...fresh.levels.slice(known)];
    const beyond = Math.max(0, levels.length - KEPT);
    return { name: old.name, start: old.start + beyond * step, levels: levels.slice(beyond) };
  });
  return { sampleRate: got.sample_rate, step, live: got.live, tracks };
}

/** Levels of one kind that follow each other, as one. */
export function stretches(wave: Wave, track: Track): Stretch[] {
  const seconds = wave.step / wave.sampleRate;
  const found: Stretch[] = [];
  track.levels.forEach((level, index) => {
    const last = found.at(-1);
    if (last && last.kind === level.kind) {
      last.length += seconds;
      last.peak = Math.max(last.peak, level.peak);
    } else {
      found.push({ kind: level.kind, start: track.start / wave.sampleRate + index * seconds, length: seconds, peak: level.peak });
    }
  });
  return found;
}

/** The signed account's spans of each track, for a stream that has ended. */
export function useManifest(stream: string, has: boolean): Signal<Manifest | null> {
  const manifest = useMemo(() => signal<Manifest | null>(null), [stream]);
  useEffect(() => {
    if (!has) return;
    get<Manifest>(`/v1/streams/${stream}/manifest`).then(
      (answer) => (manifest.value = answer),
      () => undefined,
    );
  }, [stream, has]);
  return manifest;
}

// Every call as it stands: one snapshot, then the numbered events, resumed by number when the connection was lost.

import { signal } from "@preact/signals";
import { get, session } from "./api";
import { begun, reduce } from "./reduce";
import type { BusEvent, Call } from "./types";

/** Ended calls that are kept here; the server keeps its own. */
const ENDED_KEPT = 1_000;

/** How often what changed is drawn, at most. */
const DRAW_MS = 100;

export type Link = "connecting" | "live" | "lost";

export const link = signal<Link>("connecting");

/** Counts up with each drawing; whoever reads it is drawn again. */
export const turn = signal(0);

/** By id, in order of arrival. */
export const calls = new Map<string, Call>();

let last = 0;
let waiting: BusEvent[] | null = null;
let socket: WebSocket | null = null;
let retry = 0;
let drawing = 0;
const listeners = new Set<(event: BusEvent) => void>();

/** Draws what changed, soon and once. */
export function changed(): void {
  if (drawing) return;
  drawing = window.setTimeout(() => {
    drawing = 0;
    turn.value += 1;
  }, DRAW_MS);
}

/** Hears each event; returns what ends it. */
export function onEvent(listener: (event: BusEvent) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The address of the events. */
export function eventsAddress(query: string): string {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.host}/v1/events${query}`;
}

export function connect(): void {
  if (socket || !session.value) return;
  const opened = new WebSocket(eventsAddress(last > 0 ? `?since=${last}` : ""));
  socket = opened;
  opened.onopen = () => {
    retry = 0;
    link.value = "live";
    if (last === 0) void snapshot();
  };
  opened.onmessage = (message) => take(JSON.parse(message.data as string) as BusEvent);
  opened.onclose = () => {
    if (socket !== opened) return;
    socket = null;
    link.value = "lost";
    // Who is not signed in any more is told so by this; a server that is away is asked again.
    get("/v1/calls?state=live").then(later, later);
  };
}

export function disconnect(): void {
  const closing = socket;
  socket = null;
  closing?.close();
  calls.clear();
  last = 0;
  link.value = "connecting";
}

function later(): void {
  if (!session.value) return;
  retry = Math.min(retry + 1, 6);
  window.setTimeout(connect, 250 * 2 ** retry * (0.5 + Math.random()));
}

function take(event: BusEvent): void {
  if (event.kind === "missed") {
    void snapshot();
    return;
  }
  // A number that goes back is a server that has begun anew.
  if (event.number <= last) {
    calls.clear();
    void snapshot();
  }
  last = event.number;
  if (waiting) waiting.push(event);
  else apply(event);
  for (const listener of listeners) listener(event);
}

function apply(event: BusEvent): void {
  if (event.kind === "call_initiated" && !calls.has(event.call)) calls.set(event.call, begun(event));
  const call = calls.get(event.call);
  if (!call) return;
  reduce(call, event);
  if (event.kind === "call_ended") forget();
  changed();
}

/** Reads everything, and then applies what was told meanwhile. */
async function snapshot(): Promise<void> {
  if (waiting) return;
  waiting = [];
  try {
    const all = await get<{ calls: Call[] }>("/v1/calls?state=all");
    calls.clear();
    for (const call of all.calls) calls.set(call.call, call);
  } catch {
    // Told by the connection, which is lost as well.
  }
  const told = waiting;
  waiting = null;
  told.forEach(apply);
  changed();
}

/** Takes the figures of the live calls, which no event tells. */
export async function refreshFigures(): Promise<void> {
  const all = await get<{ calls: Call[] }>("/v1/calls?state=live").catch(() => null);
  for (const fresh of all?.calls ?? []) {
    const call = calls.get(fresh.call);
    if (call && fresh.seq >= call.seq) calls.set(fresh.call, fresh);
  }
  changed();
}

function forget(): void {
  let ended = 0;
  for (const call of calls.values()) if (call.state === "ended") ended += 1;
  for (const call of calls.values()) {
    if (ended <= ENDED_KEPT) return;
    if (call.state === "ended") {
      calls.delete(call.call);
      ended -= 1;
    }
  }
}

/** The live ones. */
export function liveCalls(): Call[] {
  return [...calls.values()].filter((call) => call.state !== "ended");
}

// The rows of a ladder: SIP messages between the parties and Sidestream, and what passed between Sidestream and the sinks.

import type { BusEvent, Call, Message } from "../types";

export interface Row {
  at: string;
  from: number;
  to: number;
  label: string;
  /** Index into the messages; a row of a sink has none. */
  message?: number;
  text: string;
  isFailure: boolean;
}

export interface Ladder {
  lanes: { name: string; role: string }[];
  rows: Row[];
}

/** The lane that everything passes through. */
const OURS = 1;

const header = (text: string, name: string, short: string): string => {
  const found = new RegExp(`^(?:${name}|${short})\\s*:\\s*(.*)$`, "im").exec(text);
  return found?.[1]?.trim() ?? "";
};

/** `INVITE`, or `180 Ringing (INVITE)`. */
function label(text: string): string {
  const first = text.replace(/^\s+/, "").split(/\r?\n/, 1)[0] ?? "";
  const status = /^SIP\/2\.0 (\d{3} .*)$/.exec(first);
  if (!status) return first.split(" ", 1)[0] ?? first;
  const method = header(text, "CSeq", "CSeq").split(/\s+/)[1] ?? "";
  return `${status[1]?.trim()} (${method})`;
}

/** Whom our own INVITE names. */
const calledUser = (text: string) => /^INVITE sips?:([^@;>\s]+)@/.exec(text.trimStart())?.[1] ?? "";

const WORDS: Record<string, string> = {
  stream_armed: "connect",
  stream_active: "audio",
  stream_paused: "pause",
  stream_resumed: "resume",
  stream_muted: "mute",
  stream_unmuted: "unmute",
  stream_marked: "mark",
  stream_discarded: "audio given up",
  stream_ended: "stop",
  sink_lost: "lost",
  terminal_selected: "connect",
  terminal_ended: "stop",
};

export function ladder(call: Call, messages: Message[], events: BusEvent[]): Ladder {
  const dialogs: { id: string; name: string }[] = [];
  const laneOf = (message: Message): number => {
    const id = header(message.text, "Call-ID", "i");
    let index = dialogs.findIndex((dialog) => dialog.id === id);
    if (index < 0) index = dialogs.push({ id, name: calledUser(message.text) || message.remote }) - 1;
    // The first dialog is the customer's, left of us; the others stand right of us.
    return index === 0 ? 0 : OURS + index;
  };
  const rows: Row[] = messages.map((message, index) => {
    const lane = laneOf(message);
    const text = label(message.text);
    return {
      at: message.at,
      from: message.direction === "sent" ? OURS : lane,
      to: message.direction === "sent" ? lane : OURS,
      label: text,
      message: index,
      text: message.text,
      isFailure: /^[4-6]/.test(text),
    };
  });
  const lanes = [
    { name: call.from, role: "customer" },
    { name: "Sidestream", role: "this server" },
    ...dialogs.slice(1).map((dialog) => ({ name: dialog.name, role: "party" })),
  ];
  const sinks: string[] = [];
  const ofStream = new Map<string, string[]>();
  const sinkLane = (sink: string) => {
    if (!sinks.includes(sink)) sinks.push(sink);
    return lanes.length + sinks.indexOf(sink);
  };
  for (const event of events) {
    const word = WORDS[event.kind];
    if (!word || !event.stream) continue;
    const known = ofStream.get(event.stream) ?? [];
    const named = event.sink ? [String(event.sink)] : ((event.sinks as string[] | undefined) ?? known);
    ofStream.set(event.stream, [...new Set([...known, ...named])]);
    for (const sink of named) {
      const lane = sinkLane(sink);
      const isFrom = event.kind === "sink_lost";
      const more = event.kind === "stream_muted" || event.kind === "stream_unmuted" ? ` ${String(event.track)}` : "";
      rows.push({
        at: event.at,
        from: isFrom ? lane : OURS,
        to: isFrom ? OURS : lane,
        label: event.cause === "request" ? `${word}${more}` : `${word}${more} (${event.cause})`,
        text: JSON.stringify(event, null, 2),
        isFailure: isFrom || event.kind === "stream_discarded",
      });
    }
  }
  // Stable: what happened in the same millisecond stays as it was handed in.
  rows.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return { lanes: [...lanes, ...sinks.map((name) => ({ name, role: "sink" }))], rows };
}

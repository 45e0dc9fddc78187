// Both tracks of a stream on one clock: how loud each tenth of a second was, and what it was, by colour, pattern and word.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Twin } from "../parts/panel";
import { Table } from "../parts/table";
import { colour } from "../parts/chart";
import { look } from "../theme";
import { duration } from "../time";
import { KINDS, stretches, useManifest, useWave, type Track, type Wave } from "./scope";
import type { Manifest, Stream } from "../types";

const HEIGHT = 64;

const NAMES: Record<string, string> = { from_customer: "Customer says", to_customer: "Customer hears" };
export const trackName = (track: string) => NAMES[track] ?? track;

const SPANS = [30, 60, 300] as const;

/** How each kind is drawn beside its bars: a hatch in one of two directions, a ground, or nothing. */
const GROUNDS: Record<string, "rising" | "falling" | "plain" | undefined> = {
  lost: "falling",
  discarded: "falling",
  paused: "rising",
  muted: "rising",
  held: "plain",
};

export function Waveform({ stream }: { stream: Stream }) {
  const isLive = stream.state !== "ended";
  const wave = useWave(stream.stream, isLive).value;
  const manifest = useManifest(stream.stream, stream.has_manifest && wave === null).value;
  const seconds = useSignal<number>(60);
  if (wave === undefined) return <p class="empty">Reading levels …</p>;
  if (wave === null || wave.tracks.length === 0) {
    return manifest ? <Account manifest={manifest} /> : <p class="empty">This stream does not go to a sink of kind “scope”, so there are no levels of it. {isLive ? "“Show waveform” adds one." : ""}</p>;
  }
  return (
    <Twin
      title="Waveform"
      class="bare"
      aside={
        <>
          <Legend />
          <div role="group" aria-label="How much is shown" class="choice">
            {SPANS.map((span) => (
              <button key={span} type="button" aria-pressed={seconds.value === span} onClick={() => (seconds.value = span)}>
                {span < 60 ? `${span} s` : `${span / 60} min`}
              </button>
            ))}
          </div>
        </>
      }
      drawing={() => (
        <div class="waves" data-seconds={seconds.value}>
          {wave.tracks.map((track) => (
            <Lane key={track.name} wave={wave} track={track} seconds={seconds.value} />
          ))}
        </div>
      )}
      table={() => <Stretches wave={wave} />}
    />
  );
}

function Legend() {
  return (
    <span class="legend">
      {KINDS.map((kind) => (
        <span key={kind} class="key">
          <svg width="14" height="12" aria-hidden="true" class={`kind ${kind}`}>
            <rect width="14" height="12" class="ground" />
            {GROUNDS[kind] === "rising" && <path d="M-1 13 13-1M6 13 20-1M-8 13 6-1" />}
            {GROUNDS[kind] === "falling" && <path d="M-1-1 13 13M6-1 20 13M-8-1 6 13" />}
            {kind === "audio" && <path d="M2 4v4M5 1v10M8 3v6M11 0v12" class="bars" />}
            {kind === "silence" && <path d="M0 6h14" />}
          </svg>
          {kind}
        </span>
      ))}
    </span>
  );
}

function Lane({ wave, track, seconds }: { wave: Wave; track: Track; seconds: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useSignal(800);
  const seen = look.value;
  useEffect(() => {
    const element = canvas.current?.parentElement;
    if (!element) return;
    const observer = new ResizeObserver(() => (width.value = element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const shown = width.value;
  useEffect(() => {
    const element = canvas.current;
    if (element) draw(element, shown, wave, track, seconds);
  }, [wave, track, seconds, shown, seen]);
  const last = track.levels.at(-1);
  const end = (track.start + track.levels.length * wave.step) / wave.sampleRate;
  const word = last ? `${last.kind} at ${duration(end * 1000)}` : "nothing yet";
  return (
    <div class="lane">
      <div class="name">
        {trackName(track.name)}
        <span class="quiet">{word}</span>
      </div>
      <div class="strip">
        <canvas ref={canvas} role="img" data-track={track.name} data-end={end.toFixed(1)} data-kind={last?.kind} aria-label={`${trackName(track.name)}: ${word}; the table says the same`} />
      </div>
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, width: number, wave: Wave, track: Track, seconds: number): void {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(HEIGHT * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${HEIGHT}px`;
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.scale(scale, scale);
  const perLevel = wave.step / wave.sampleRate;
  const count = Math.round(seconds / perLevel);
  const each = width / count;
  // The newest stands at the right edge once there is more than fits.
  const first = Math.max(0, track.levels.length - count);
  const levels = track.levels.slice(first);
  grounds(pen, levels.map((level) => level.kind), each);
  const middle = (HEIGHT - 14) / 2;
  const bar = Math.max(1, each * 0.7);
  const inks = { audio: colour("--wave"), other: colour("--quiet") };
  levels.forEach((level, index) => {
    const isAudio = level.kind === "audio";
    // The square root shows quiet speech as well as loud.
    const tall = isAudio ? Math.max(0.5, Math.sqrt(level.peak) * (middle - 2)) : 0.5;
    pen.fillStyle = isAudio ? inks.audio : inks.other;
    pen.fillRect(index * each + (each - bar) / 2, middle - tall, bar, tall * 2);
  });
  ticks(pen, width, seconds, track.start / wave.sampleRate + first * perLevel);
}

function grounds(pen: CanvasRenderingContext2D, kinds: string[], each: number): void {
  const high = HEIGHT - 14;
  let begin = 0;
  for (let index = 1; index <= kinds.length; index += 1) {
    const kind = kinds[begin];
    if (kinds[index] === kind) continue;
    const ground = kind ? GROUNDS[kind] : undefined;
    if (kind && ground) {
      const [left, right] = [begin * each, index * each];
      pen.save();
      pen.beginPath();
      pen.rect(left, 0, right - left, high);
      pen.clip();
      pen.fillStyle = colour(`--ground-${kind}`);
      pen.fillRect(left, 0, right - left, high);
      if (ground !== "plain") {
        pen.strokeStyle = colour(`--hatch-${kind}`);
        pen.lineWidth = 1;
        pen.beginPath();
        for (let at = left - high; at < right + high; at += 7) {
          pen.moveTo(at, ground === "rising" ? high : 0);
          pen.lineTo(at + high, ground === "rising" ? 0 : high);
        }
        pen.stroke();
      }
      pen.restore();
      if (right - left > 56) {
        pen.fillStyle = colour("--text");
        pen.font = "11px system-ui, sans-serif";
        pen.fillText(kind, left + 5, 11);
      }
    }
    begin = index;
  }
}

function ticks(pen: CanvasRenderingContext2D, width: number, seconds: number, from: number): void {
  const every = seconds <= 30 ? 5 : seconds <= 60 ? 10 : 60;
  pen.fillStyle = colour("--line");
  pen.fillRect(0, HEIGHT - 14, width, 1);
  pen.fillStyle = colour("--quiet");
  pen.font = "10px system-ui, sans-serif";
  for (let at = Math.ceil(from / every) * every; at < from + seconds; at += every) {
    const x = ((at - from) / seconds) * width;
    pen.fillRect(x, HEIGHT - 14, 1, 4);
    pen.fillText(duration(at * 1000), x + 4, HEIGHT - 3);
  }
}

function Stretches({ wave }: { wave: Wave }) {
  const rows = wave.tracks.flatMap((track) => stretches(wave, track).map((stretch) => ({ track: track.name, ...stretch })));
  rows.sort((a, b) => a.start - b.start || a.track.localeCompare(b.track));
  return (
    <Table
      label="What each track held"
      rows={rows}
      id={(row) => `${row.track} ${row.start.toFixed(1)}`}
      empty="Nothing yet."
      columns={[
        { name: "From", width: "80px", numeric: true, cell: (row) => `${row.start.toFixed(1)} s` },
        { name: "For", width: "80px", numeric: true, cell: (row) => `${row.length.toFixed(1)} s` },
        { name: "Track", cell: (row) => trackName(row.track) },
        { name: "Held", cell: (row) => row.kind },
        { name: "Loudest", width: "90px", numeric: true, cell: (row) => `${Math.round(row.peak * 100)} %` },
      ]}
    />
  );
}

/** Without levels, the spans of the account say what was streamed. */
function Account({ manifest }: { manifest: Manifest }) {
  const total = Math.max(1, manifest.clock);
  const rows = manifest.tracks.flatMap((track) => track.spans.map((span) => ({ track: track.track, ...span })));
  return (
    <Twin
      title={`Account at sink ${manifest.sink}${manifest.holds ? "" : ", which does not add up"}`}
      class="bare"
      aside={<Legend />}
      drawing={() => (
        <div class="waves">
          {manifest.tracks.map((track) => (
            <div class="lane" key={track.track}>
              <div class="name">{trackName(track.track)}</div>
              <svg class="account" viewBox={`0 0 1000 24`} preserveAspectRatio="none" role="img" aria-label={`${trackName(track.track)}: ${track.spans.length} spans; the table says the same`}>
                {track.spans.map((span) => (
                  <rect key={span.start} class={`kind ${span.kind}`} x={(span.start / total) * 1000} width={Math.max(0.5, (span.samples / total) * 1000)} y="0" height="24" />
                ))}
              </svg>
            </div>
          ))}
        </div>
      )}
      table={() => (
        <Table
          label="Spans"
          rows={rows}
          id={(row) => `${row.track} ${row.start}`}
          empty="None."
          columns={[
            { name: "From", width: "90px", numeric: true, cell: (row) => `${(row.start / manifest.sample_rate).toFixed(2)} s` },
            { name: "For", width: "90px", numeric: true, cell: (row) => `${(row.samples / manifest.sample_rate).toFixed(2)} s` },
            { name: "Track", cell: (row) => trackName(row.track) },
            { name: "Held", cell: (row) => row.kind },
          ]}
        />
      )}
    />
  );
}

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Table } from "../parts/table";
import { State } from "../parts/state";
import { BAD_JITTER_US, BAD_LOSS, isLive, worstJitter, worstLoss } from "../figures";
import { calls, refreshFigures, turn } from "../live";
import { clock, duration, now, percent } from "../time";
import type { Call } from "../types";

// Kept while other pages are looked at.
const which = signal<"live" | "ended" | "all">("live");
const filter = signal("");

/** Every word of the filter is somewhere in the call. */
function matches(call: Call, words: string[]): boolean {
  if (words.length === 0) return true;
  const streams = call.streams.map((stream) => `${stream.sink ?? ""} ${stream.state} ${stream.label ?? ""}`).join(" ");
  const text = `${call.call} ${call.from} ${call.to} ${call.state} ${call.outcome ?? ""} ${streams}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function wanted(): Call[] {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [...calls.values()].filter(
    (call) => (which.value === "all" || (call.state === "ended") === (which.value === "ended")) && matches(call, words),
  );
  return found.reverse();
}

export function Calls() {
  void turn.value;
  useEffect(() => {
    void refreshFigures();
    const timer = window.setInterval(() => {
      if (document.visibilityState === "visible") void refreshFigures();
    }, 5000);
    return () => window.clearInterval(timer);
  }, []);
  const rows = wanted();
  return (
    <>
      <header class="page">
        <h1>Calls</h1>
        <span class="quiet" role="status">
          {rows.length} {which.value === "all" ? "" : which.value}
        </span>
        <div class="aside">
          <div role="group" aria-label="Which calls" class="choice">
            {(["live", "ended", "all"] as const).map((one) => (
              <button key={one} type="button" aria-pressed={which.value === one} onClick={() => (which.value = one)}>
                {one}
              </button>
            ))}
          </div>
          <input
            type="search"
            placeholder="Filter: number, id, state, sink  ( / )"
            aria-label="Filter calls"
            value={filter.value}
            onInput={(event) => (filter.value = event.currentTarget.value)}
          />
        </div>
      </header>
      <CallTable rows={rows} empty={filter.value ? "No call matches the filter." : "No calls. Dial 9000 with a phone, or run: sidestream call 9000"} tall />
    </>
  );
}

export function CallTable({ rows, empty, tall }: { rows: Call[]; empty: string; tall?: boolean }) {
  return (
    <Table
      label="Calls"
      tall={tall}
      rows={rows}
      id={(call) => call.call}
      href={(call) => `/calls/${call.call}`}
      empty={empty}
      columns={[
        { name: "State", width: "120px", cell: (call) => <CallStateOf call={call} /> },
        {
          name: "From",
          cell: (call) => <a href={`#/calls/${call.call}`}>{call.from}</a>,
        },
        { name: "To", cell: (call) => call.to },
        { name: "Began", width: "90px", cell: (call) => <time dateTime={call.started_at}>{clock(call.started_at, false)}</time> },
        { name: "Length", width: "80px", numeric: true, cell: (call) => <Length call={call} /> },
        { name: "Streams", width: "190px", cell: (call) => <StreamsOf call={call} /> },
        { name: "Loss", width: "80px", numeric: true, cell: (call) => <Figure bad={worstLoss(call) > BAD_LOSS}>{percent(worstLoss(call))}</Figure> },
        {
          name: "Jitter",
          width: "80px",
          numeric: true,
          cell: (call) => <Figure bad={worstJitter(call) > BAD_JITTER_US}>{`${(worstJitter(call) / 1000).toFixed(1)} ms`}</Figure>,
        },
      ]}
    />
  );
}

export function CallStateOf({ call }: { call: Call }) {
  if (call.state !== "ended") return <State of={call.state} />;
  const isBad = call.outcome === "failed";
  return <State of="ended" mood={isBad ? "bad" : "idle"} word={call.outcome ?? "ended"} />;
}

export function Length({ call }: { call: Call }) {
  const end = call.ended_at ? Date.parse(call.ended_at) : now.value;
  return <>{duration(end - Date.parse(call.answered_at ?? call.started_at))}</>;
}

function StreamsOf({ call }: { call: Call }) {
  const live = call.streams.filter(isLive);
  const first = live[0];
  if (!first) return <span class="quiet">{call.streams.length > 0 ? `${call.streams.length} ended` : "none"}</span>;
  return (
    <>
      <State of={first.state} word={`${first.state} → ${first.sink ?? "no sink"}`} />
      {live.length > 1 && <span class="quiet"> +{live.length - 1}</span>}
    </>
  );
}

export function Figure({ bad, children }: { bad: boolean; children: string }) {
  return bad ? (
    <strong class="bad" title="worse than usual">
      ▲ {children}
    </strong>
  ) : (
    <>{children}</>
  );
}

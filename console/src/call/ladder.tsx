// The ladder that a SIP person would draw, with the sinks as lifelines of their own, and the raw message beside it.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Twin } from "../parts/panel";
import { Table } from "../parts/table";
import { clock } from "../time";
import type { Ladder, Row } from "./rows";

const ROW = 32;

export function LadderPanel({ ladder, dropped, pcap }: { ladder: Ladder; dropped: number; pcap: string }) {
  const chosen = useSignal(0);
  const rows = ladder.rows;
  const row = rows[Math.min(chosen.value, rows.length - 1)];
  const name = (lane: number) => ladder.lanes[lane]?.name ?? "";
  return (
    <Twin
      title="Ladder"
      aside={
        <>
          {dropped > 0 && <span class="quiet">{dropped} older messages were not kept</span>}
          <a href={pcap} download>
            pcap
          </a>
        </>
      }
      drawing={() =>
        rows.length === 0 ? (
          <p class="empty">No messages were kept of this call.</p>
        ) : (
          <div class="ladder">
            <Drawing ladder={ladder} chosen={chosen.value} choose={(index) => (chosen.value = index)} />
            <Raw row={row} />
          </div>
        )
      }
      table={() => (
        <Table
          label="Messages in order"
          rows={rows.map((one, index) => ({ ...one, index }))}
          id={(one) => String(one.index)}
          empty="No messages were kept of this call."
          columns={[
            { name: "Time", width: "110px", cell: (one) => clock(one.at) },
            { name: "From", cell: (one) => name(one.from) },
            { name: "To", cell: (one) => name(one.to) },
            { name: "What", cell: (one) => one.label },
            { name: "Kind", width: "90px", cell: (one) => (one.message === undefined ? "stream" : "SIP") },
          ]}
        />
      )}
    />
  );
}

function Raw({ row }: { row: Row | undefined }) {
  return (
    <div class="raw" role="region" aria-label="Raw message" tabIndex={0}>
      <pre>{row?.text.replace(/\r/g, "")}</pre>
    </div>
  );
}

function Drawing({ ladder, chosen, choose }: { ladder: Ladder; chosen: number; choose: (index: number) => void }) {
  const list = useRef<HTMLOListElement>(null);
  const lanes = ladder.lanes.length;
  const middle = (lane: number) => ((lane + 0.5) / lanes) * 100;
  const began = Date.parse(ladder.rows[0]?.at ?? "");
  const key = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(ladder.rows.length - 1, chosen + step));
    choose(next);
    list.current?.querySelectorAll("button")[next]?.focus();
  };
  return (
    <div class="drawing" role="region" aria-label="Ladder of messages" tabIndex={0}>
      <div class="heads">
        <span />
        {ladder.lanes.map((lane, index) => (
          <div key={index} class="head">
            <strong title={lane.name}>{lane.name}</strong>
            <span class="quiet">{lane.role}</span>
          </div>
        ))}
      </div>
      <ol ref={list} onKeyDown={key}>
        {ladder.rows.map((row, index) => {
          const [from, to] = [middle(row.from), middle(row.to)];
          const isRight = to > from;
          return (
            <li key={index} class={index === chosen ? "chosen" : ""}>
              <time dateTime={row.at}>{`+${((Date.parse(row.at) - began) / 1000).toFixed(3)}`}</time>
              <div class="cell">
                <svg width="100%" height={ROW} aria-hidden="true">
                  {ladder.lanes.map((_, lane) => (
                    <line key={lane} class="life" x1={`${middle(lane)}%`} x2={`${middle(lane)}%`} y1="0" y2={ROW} />
                  ))}
                  <line
                    class={`arrow ${row.message === undefined ? "stream" : ""} ${row.isFailure ? "failure" : ""}`}
                    x1={`${from}%`}
                    x2={`${to}%`}
                    y1={ROW - 8}
                    y2={ROW - 8}
                  />
                  <svg x={`${to}%`} y={ROW - 8} overflow="visible">
                    <path class={`head ${row.isFailure ? "failure" : ""}`} d={isRight ? "M0 0l-8-4v8z" : "M0 0l8-4v8z"} />
                  </svg>
                </svg>
                <button
                  type="button"
                  data-message={row.message}
                  aria-pressed={index === chosen}
                  aria-label={`${row.label}, ${ladder.lanes[row.from]?.name} to ${ladder.lanes[row.to]?.name}`}
                  class={row.isFailure ? "failure" : ""}
                  style={{ left: `${Math.min(from, to)}%`, width: `${Math.abs(to - from)}%` }}
                  onClick={() => choose(index)}
                >
                  {row.label}
                </button>
              </div>
            </li>
          );
        })}
      </ol>
    </div>
  );
}

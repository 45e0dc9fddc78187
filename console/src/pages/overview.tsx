import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { CallTable } from "./calls";
import { Chart } from "../parts/chart";
import { Facts, Panel, Twin } from "../parts/panel";
import { State, type Mood } from "../parts/state";
import { Table } from "../parts/table";
import { BAD_LAG_MS, BAD_LOSS, isLive, lagOf, sinkMend, worstLoss } from "../figures";
import { liveCalls, calls, refreshFigures, turn } from "../live";
import { tally } from "../tally";
import { usePoll } from "../poll";
import { ago, bytes, clock, percent } from "../time";
import type { Ban, Call, Phone, Sink, Spool, Trunk } from "../types";

interface Problem {
  mood: Mood;
  word: string;
  what: string;
  mend: string;
  href: string;
}

/** A call that failed longer ago than this is not what is wrong now. */
const RECENT_MS = 10 * 60_000;

function callProblems(all: Call[]): Problem[] {
  const found: Problem[] = [];
  const lossy = all.filter((call) => call.state !== "ended" && worstLoss(call) > BAD_LOSS);
  const worst = lossy.sort((a, b) => worstLoss(b) - worstLoss(a))[0];
  if (worst) {
    const one = lossy.length === 1;
    found.push({
      mood: "warn",
      word: "loss",
      what: `${lossy.length} ${one ? "call loses" : "calls lose"} audio; the worst ${percent(worstLoss(worst))}, from ${worst.from}`,
      mend: "The network between that party and here: the call's page tells which leg.",
      href: `#/calls/${worst.call}`,
    });
  }
  const slow = all.flatMap((call) => call.streams).filter((stream) => isLive(stream) && lagOf(stream) > BAD_LAG_MS);
  for (const stream of slow.slice(0, 3)) {
    found.push({
      mood: "warn",
      word: "behind",
      what: `sink ${stream.sink ?? ""} is ${(lagOf(stream) / 1000).toFixed(1)} s behind`,
      mend: "It reads slower than people speak: give it more room, or more machines.",
      href: `#/calls/${stream.call}`,
    });
  }
  const failed = all.filter((call) => call.outcome === "failed" && Date.now() - Date.parse(call.ended_at ?? "") < RECENT_MS);
  const last = failed.at(-1);
  if (last) {
    found.push({
      mood: "warn",
      word: "failed",
      what: `${failed.length} failed in the last 10 minutes; the last with ${last.status} (${last.cause}), ${last.from} to ${last.to}`,
      mend: "The ladder on its page shows who said no.",
      href: `#/calls/${last.call}`,
    });
  }
  return found;
}

export function Overview() {
  void turn.value;
  const sinks = usePoll<{ sinks: Sink[] }>("/v1/sinks", 3000).value.value?.sinks ?? [];
  const trunks = usePoll<{ trunks: Trunk[] }>("/v1/trunks", 5000).value.value?.trunks ?? [];
  const spools = usePoll<{ spools: Spool[] }>("/v1/spools", 5000).value.value?.spools ?? [];
  const bans = usePoll<{ bans: Ban[] }>("/v1/bans", 10_000).value.value?.bans ?? [];
  const phones = usePoll<{ phones: Phone[]; registered: number }>("/v1/phones", 5000).value.value;
  const isReady = useSignal(true);
  useEffect(() => {
    const look = () => {
      void refreshFigures();
      fetch("/readyz").then(
        (answer) => (isReady.value = answer.ok),
        () => undefined,
      );
    };
    look();
    const timer = window.setInterval(look, 5000);
    return () => window.clearInterval(timer);
  }, []);

  const all = [...calls.values()];
  const points = tally.value;
  const live = liveCalls();
  const streams = live.flatMap((call) => call.streams).filter(isLive);
  const problems: Problem[] = [];
  if (!isReady.value) {
    problems.push({ mood: "bad", word: "draining", what: "no new calls are taken", mend: "The server is stopping; start another before this one ends.", href: "#/" });
  }
  for (const sink of sinks) {
    for (const place of (sink.addresses ?? []).filter((one) => one.circuit !== "closed" || one.last_failure)) {
      problems.push({
        mood: place.circuit === "open" ? "bad" : "warn",
        word: place.circuit === "open" ? "failing" : "trying",
        what: `sink ${sink.name} at ${place.address}: ${place.last_failure ?? "no answer yet"}`,
        mend: sinkMend(place.address),
        href: "#/streams",
      });
    }
  }
  for (const trunk of trunks.filter((one) => one.state === "down" || one.last_error)) {
    problems.push({ mood: trunk.state === "down" ? "bad" : "warn", word: trunk.state, what: `trunk ${trunk.name}`, mend: trunk.last_error ?? "It does not answer.", href: "#/trunks" });
  }
  problems.push(...callProblems(all));
  const owed = spools.filter((spool) => spool.state !== "running");
  if (owed.length > 0) {
    problems.push({
      mood: "warn",
      word: "owed",
      what: `${owed.length} ended streams are not delivered yet (${bytes(owed.reduce((sum, one) => sum + one.memory_bytes + one.disk_bytes, 0))})`,
      mend: "They are given when their sink takes them.",
      href: "#/streams",
    });
  }
  if (bans.length > 0) {
    problems.push({ mood: "idle", word: "banned", what: `${bans.length} sources failed to authenticate too often`, mend: "A phone with a wrong password, or somebody who guesses.", href: "#/trunks" });
  }

  return (
    <>
      <header class="page">
        <h1>Overview</h1>
      </header>
      <div class="scroll">
        <Panel title="What is wrong">
          {problems.length === 0 ? (
            <p class="empty good">
              <State of="live" word="Nothing." /> Sinks, trunks, phones and calls are as they should be.
            </p>
          ) : (
            <Table
              label="What is wrong"
              wrap
              rows={problems}
              id={(row) => row.what}
              empty=""
              columns={[
                { name: "State", width: "110px", cell: (row) => <State of={row.word} mood={row.mood} word={row.word} /> },
                { name: "What", cell: (row) => <a href={row.href} title={row.what}>{row.what}</a> },
                { name: "What to do", cell: (row) => <span title={row.mend}>{row.mend}</span> },
              ]}
            />
          )}
        </Panel>
        <Facts
          of={[
            ["Calls", live.length],
            ["Streams", streams.length],
            ["of them paused", streams.filter((stream) => stream.state === "paused").length],
            ["Phones", phones?.registered ?? "–"],
            ["Trunks up", `${trunks.filter((one) => one.state === "up").length} of ${trunks.length}`],
            ["Sinks well", `${sinks.filter((one) => (one.addresses ?? []).every((place) => place.circuit === "closed")).length} of ${sinks.length}`],
          ]}
        />
        <Twin
          title="Calls and streams"
          drawing={() => (
            <Chart
              label="Calls and streams over the last minutes"
              unit=""
              lines={[
                { name: "calls", colour: "--accent" },
                { name: "streams", colour: "--good", dash: [5, 3] },
              ]}
              data={points}
            />
          )}
          table={() => (
            <Table
              label="Calls and streams over time"
              rows={(points[0] ?? []).map((_, index) => index).reverse().filter((index) => index % 5 === 0)}
              id={(index) => String(points[0]?.[index])}
              empty="Nothing was counted yet."
              columns={[
                { name: "Time", cell: (index) => clock(new Date((points[0]?.[index] ?? 0) * 1000).toISOString(), false) },
                { name: "Calls", numeric: true, cell: (index) => points[1]?.[index] },
                { name: "Streams", numeric: true, cell: (index) => points[2]?.[index] },
              ]}
            />
          )}
        />
        <Panel title="Latest calls" aside={<a href="#/calls">All calls</a>}>
          <CallTable rows={all.slice(-8).reverse()} empty="No calls yet. Dial 9000 with a phone, or run: sidestream call 9000" />
        </Panel>
        <p class="quiet note">{all.length > 0 ? `The last call came ${ago(all.at(-1)?.started_at ?? "")}.` : ""}</p>
      </div>
    </>
  );
}

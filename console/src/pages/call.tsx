import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiError, change, get, may } from "../api";
import { CallStateOf, Length } from "./calls";
import { Dialog } from "../parts/dialog";
import { Facts } from "../parts/panel";
import { Events } from "../call/events";
import { LadderPanel } from "../call/ladder";
import { Quality } from "../call/quality";
import { ladder } from "../call/rows";
import { Streams } from "../call/streams";
import { eventsAddress } from "../live";
import { clock } from "../time";
import type { BusEvent, Call, Message } from "../types";

interface Seen {
  call: Call | null | undefined;
  messages: Message[];
  dropped: number;
  events: BusEvent[];
  missed: number;
}

/** How often the figures of a live call are read; what happens to it is told at once. */
const FIGURES_MS = 1000;

/** After an event, what it changed is read once this has passed without another. */
const SETTLE_MS = 60;

/** The call as it stands, its messages and its events from the first on. */
function useCall(id: string): { seen: Seen; again: () => void } {
  const seen = useSignal<Seen>({ call: undefined, messages: [], dropped: 0, events: [], missed: 0 });
  const put = (part: Partial<Seen>) => (seen.value = { ...seen.peek(), ...part });
  const read = () => {
    get<Call>(`/v1/calls/${id}`).then(
      (call) => put({ call }),
      (error: unknown) => {
        if (error instanceof ApiError && error.status === 404) put({ call: null });
      },
    );
  };
  const readAll = () => {
    read();
    get<{ messages: Message[]; dropped: number }>(`/v1/calls/${id}/messages`).then(
      ({ messages, dropped }) => put({ messages, dropped }),
      () => undefined,
    );
  };
  useEffect(() => {
    let isOver = false;
    let retry = 0;
    let settle = 0;
    let socket: WebSocket | undefined;
    const listen = () => {
      if (isOver) return;
      const last = seen.peek().events.at(-1)?.number ?? 0;
      socket = new WebSocket(eventsAddress(`?call=${encodeURIComponent(id)}&since=${last}`));
      socket.onmessage = (message) => {
        const event = JSON.parse(message.data as string) as BusEvent;
        const held = seen.peek();
        if (event.kind === "missed") put({ missed: held.missed + (event.missed ?? 0) });
        else if (!held.events.some((one) => one.seq === event.seq)) put({ events: [...held.events, event] });
        window.clearTimeout(settle);
        settle = window.setTimeout(readAll, SETTLE_MS);
      };
      socket.onclose = () => {
        retry = window.setTimeout(listen, 1000);
      };
    };
    readAll();
    listen();
    const timer = window.setInterval(() => {
      if (document.visibilityState !== "visible" || seen.peek().call?.state === "ended") return;
      readAll();
    }, FIGURES_MS);
    return () => {
      isOver = true;
      window.clearTimeout(retry);
      window.clearTimeout(settle);
      window.clearInterval(timer);
      socket?.close();
    };
  }, [id]);
  return { seen: seen.value, again: readAll };
}

export function CallPage({ id }: { id: string }) {
  const { seen, again } = useCall(id);
  const asked = useSignal(false);
  const { call } = seen;
  if (call === undefined) return <p class="empty">Reading the call …</p>;
  if (call === null) {
    return (
      <p class="empty">
        There is no call of this id, or it ended too long ago to be remembered. <a href="#/calls">All calls</a>
      </p>
    );
  }
  const hangUp = async () => {
    asked.value = false;
    await change("DELETE", `/v1/calls/${id}`);
    again();
  };
  const whole = () => save(`${id}.json`, { call, messages: seen.messages, events: seen.events });
  return (
    <>
      <header class="page">
        <a href="#/calls" class="quiet">
          Calls
        </a>
        <h1>
          {call.from} → {call.to}
        </h1>
        <CallStateOf call={call} />
        <span class="quiet">
          <Length call={call} />
        </span>
        <div class="aside">
          <button type="button" onClick={whole}>
            Export JSON
          </button>
          <a class="button" href={`/v1/calls/${id}/messages.pcap`} download>
            Export pcap
          </a>
          {call.state !== "ended" && may("operator") && (
            <button type="button" class="danger" onClick={() => (asked.value = true)}>
              Hang up
            </button>
          )}
        </div>
      </header>
      <div class="scroll">
        <Facts
          of={[
            ["Call", <code>{call.call}</code>],
            ["Began", clock(call.started_at)],
            ["Answered", call.answered_at ? clock(call.answered_at) : "–"],
            ["Ended", call.ended_at ? `${clock(call.ended_at)}, ${call.status} (${call.cause?.replaceAll("_", " ")})` : "–"],
          ]}
        />
        <Streams call={call} again={again} />
        <LadderPanel ladder={ladder(call, seen.messages, seen.events)} dropped={seen.dropped} pcap={`/v1/calls/${id}/messages.pcap`} />
        <Quality call={call} />
        <Events events={seen.events} missed={seen.missed} />
      </div>
      {asked.value && (
        <Dialog title="Hang up?" close={() => (asked.value = false)}>
          <p>Both parties are disconnected, and the call's streams end.</p>
          <div class="row">
            <button type="button" class="danger" onClick={() => void hangUp()}>
              Hang up
            </button>
            <button type="button" onClick={() => (asked.value = false)}>
              Cancel
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** Gives the browser a file to keep. */
function save(name: string, content: unknown): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2)], { type: "application/json" }));
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

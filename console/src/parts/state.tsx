// A state is a word, a colour and a shape, so that none of the three has to be seen.

export type Mood = "good" | "busy" | "warn" | "bad" | "idle";

const MOODS: Record<string, Mood> = {
  answered: "good",
  active: "good",
  up: "good",
  live: "good",
  closed: "good",
  done: "good",
  passed: "good",
  initiated: "busy",
  ringing: "busy",
  "early-media": "busy",
  armed: "busy",
  connecting: "busy",
  half_open: "warn",
  paused: "warn",
  held: "warn",
  waiting: "warn",
  delivering: "busy",
  running: "good",
  failed: "bad",
  down: "bad",
  open: "bad",
  lost: "bad",
  refused: "bad",
};

const WORDS: Record<string, string> = { "early-media": "early media", half_open: "trying", closed: "ok", open: "failing" };

function Shape({ mood }: { mood: Mood }) {
  return (
    <svg class={`shape ${mood}`} viewBox="0 0 12 12" width="10" height="10" aria-hidden="true">
      {mood === "good" && <circle cx="6" cy="6" r="5" />}
      {mood === "busy" && <path d="M6 1a5 5 0 0 1 0 10z M6 1.7a4.3 4.3 0 1 0 0 8.6z" fill-rule="evenodd" />}
      {mood === "warn" && <path d="M6 .6 11.6 11H.4z" />}
      {mood === "bad" && <path d="M6 0l6 6-6 6-6-6z" />}
      {mood === "idle" && <circle cx="6" cy="6" r="4" class="ring" />}
    </svg>
  );
}

export function State({ of, mood, word }: { of: string; mood?: Mood; word?: string }) {
  const shown = mood ?? MOODS[of] ?? "idle";
  return (
    <span class={`state ${shown}`}>
      <Shape mood={shown} />
      {word ?? WORDS[of] ?? of}
    </span>
  );
}

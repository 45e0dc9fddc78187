import { effect, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { complaint, may, session, signOut } from "./api";
import { Audit } from "./pages/audit";
import { Calls } from "./pages/calls";
import { CallPage } from "./pages/call";
import { Overview } from "./pages/overview";
import { SignIn } from "./pages/signin";
import { Streams } from "./pages/streams";
import { Trunks } from "./pages/trunks";
import { Dialog } from "./parts/dialog";
import { State } from "./parts/state";
import { connect, disconnect, link } from "./live";
import { go, route } from "./route";
import { nextTheme, theme } from "./theme";

effect(() => {
  if (session.value) connect();
  else disconnect();
});

interface Place {
  path: string;
  name: string;
  key: string;
  page: () => ComponentChildren;
}

const PLACES: Place[] = [
  { path: "", name: "Overview", key: "o", page: () => <Overview /> },
  { path: "calls", name: "Calls", key: "c", page: () => <Calls /> },
  { path: "streams", name: "Streams and sinks", key: "s", page: () => <Streams /> },
  { path: "trunks", name: "Trunks and phones", key: "t", page: () => <Trunks /> },
];

const AUDIT: Place = { path: "audit", name: "Audit", key: "a", page: () => <Audit /> };

export function App() {
  if (session.value === undefined) return <p class="empty">Connecting …</p>;
  if (session.value === null) return <SignIn />;
  return <Inside />;
}

function Inside() {
  const helped = useSignal(false);
  const places = may("admin") ? [...PLACES, AUDIT] : PLACES;
  const [first = "", second] = route.value;
  const place = places.find((one) => one.path === first);
  useEffect(() => keys(places, () => (helped.value = true)), [places.length]);
  const title = second && first === "calls" ? "Call" : (place?.name ?? "Nothing here");
  useEffect(() => {
    document.title = `${title} · Sidestream`;
  }, [title]);
  return (
    <div class="app">
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}>
        To the content
      </a>
      <nav aria-label="Pages">
        <p class="brand">
          <img src="/icon.svg" width="18" height="18" alt="" /> Sidestream
        </p>
        <ul>
          {places.map((one) => (
            <li key={one.path}>
              <a href={`#/${one.path}`} aria-current={one === place ? "page" : undefined}>
                {one.name}
              </a>
            </li>
          ))}
          <li>
            <a href="/docs">API</a>
          </li>
        </ul>
        <div class="foot">
          <State of={link.value} word={link.value === "lost" ? "reconnecting" : link.value} mood={link.value === "lost" ? "warn" : undefined} />
          <span class="quiet">
            {session.value?.name} · {session.value?.role}
          </span>
          <div class="row">
            <button type="button" onClick={nextTheme} title="System, light, dark">
              {theme.value === "system" ? "Auto" : theme.value === "light" ? "Light" : "Dark"}
            </button>
            <button type="button" onClick={() => (helped.value = true)} aria-label="Keys">
              ?
            </button>
            <button type="button" onClick={() => void signOut()}>
              Sign out
            </button>
          </div>
        </div>
      </nav>
      <main id="main" tabIndex={-1}>
        {first === "calls" && second ? <CallPage key={second} id={second} /> : place ? place.page() : <p class="empty">There is no such page.</p>}
      </main>
      <Complaint />
      {helped.value && <Keys places={places} close={() => (helped.value = false)} />}
    </div>
  );
}

function Complaint() {
  return (
    <div class="complaint" role="alert">
      {complaint.value && (
        <p>
          <State of="failed" word="" /> {complaint.value}
          <button type="button" onClick={() => (complaint.value = "")}>
            Close
          </button>
        </p>
      )}
    </div>
  );
}

function Keys({ places, close }: { places: Place[]; close: () => void }) {
  const rows = [
    ...places.map((place) => [`g ${place.key}`, place.name]),
    ["/", "Filter"],
    ["j k ↑ ↓", "Walk through a table"],
    ["Enter", "Open what is chosen"],
    ["Esc", "Back to the list"],
    ["?", "This"],
  ];
  return (
    <Dialog title="Keys" close={close}>
      <table class="plain">
        <tbody>
          {rows.map(([key, what]) => (
            <tr key={key}>
              <th scope="row">
                <kbd>{key}</kbd>
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <form method="dialog" class="row">
        <button type="submit">Close</button>
      </form>
    </Dialog>
  );
}

/** The keys that work everywhere but in fields; returns what ends them. */
function keys(places: Place[], help: () => void): () => void {
  let leader = -Infinity;
  const press = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (target.closest("input, select, textarea")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (event.key === "g") leader = event.timeStamp;
    else if (event.timeStamp - leader < 1500) {
      leader = -Infinity;
      const place = places.find((one) => one.key === event.key);
      if (place) go(`/${place.path}`);
    } else if (event.key === "?") help();
    else if (event.key === "/") {
      event.preventDefault();
      document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
    } else if (event.key === "Escape" && route.value.length > 1) go(`/${route.value[0]}`);
    else if (["j", "k", "ArrowDown", "ArrowUp"].includes(event.key) && !target.closest(".table")) {
      const table = document.querySelector<HTMLElement>("main .table.tall");
      table?.focus();
      // It takes the key as if it had been there already; what does not bubble does not come back here.
      table?.dispatchEvent(new KeyboardEvent("keydown", { key: event.key }));
    }
  };
  document.addEventListener("keydown", press);
  return () => document.removeEventListener("keydown", press);
}

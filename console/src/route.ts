// Where in the console we are. The address is behind the #, so the server needs no route of its own for each page.

import { computed, signal } from "@preact/signals";

const hash = signal(location.hash);
window.addEventListener("hashchange", () => {
  hash.value = location.hash;
});

/** The parts of the address: `["calls", "01J…"]`. */
export const route = computed(() => hash.value.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent));

export function go(path: string): void {
  location.hash = path;
}

// Dark, light, or as the system has it.

import { computed, effect, signal } from "@preact/signals";

const KEY = "sidestream-theme";

export type Theme = "system" | "light" | "dark";

const stored = localStorage.getItem(KEY);

export const theme = signal<Theme>(stored === "light" || stored === "dark" ? stored : "system");

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  if (theme.value === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme.value);
});

const system = matchMedia("(prefers-color-scheme: dark)");
const isSystemDark = signal(system.matches);
system.addEventListener("change", (event) => {
  isSystemDark.value = event.matches;
});

/** Which colours are seen: canvases are drawn again when it changes. */
export const look = computed(() => (theme.value === "system" ? (isSystemDark.value ? "dark" : "light") : theme.value));

export function nextTheme(): void {
  const order: Theme[] = ["system", "light", "dark"];
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length] ?? "system";
}

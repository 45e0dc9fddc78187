import { useSignal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "./api";

/** What the server says at `path`, asked again every so often while the page is seen. `undefined` until there is an answer. */
export function usePoll<T>(path: string, everyMs: number): { value: Signal<T | undefined>; again: () => void } {
  const value = useSignal<T | undefined>(undefined);
  const ask = () => {
    get<T>(path).then(
      (answer) => (value.value = answer),
      () => undefined,
    );
  };
  useEffect(() => {
    ask();
    const timer = window.setInterval(() => {
      if (document.visibilityState === "visible") ask();
    }, everyMs);
    return () => window.clearInterval(timer);
  }, [path]);
  return { value, again: ask };
}

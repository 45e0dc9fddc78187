// Requests to the server that served this page, and to no other.

import { signal } from "@preact/signals";
import type { Role, Session } from "./types";

/** Who is signed in: `undefined` until it is known, `null` when nobody is. */
export const session = signal<Session | null | undefined>(undefined);

/** What went wrong last, for the line at the bottom. */
export const complaint = signal("");

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Sends a request and reads its JSON. A 401 shows the sign-in. */
export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const sent: RequestInit = { method, credentials: "same-origin" };
  if (body !== undefined) {
    sent.body = JSON.stringify(body);
    sent.headers = { "content-type": "application/json" };
  }
  const answer = await fetch(path, sent);
  const text = await answer.text();
  const json = text.startsWith("{") ? JSON.parse(text) : {};
  if (answer.ok) return json as T;
  if (answer.status === 401 && path !== "/v1/session") session.value = null;
  const error = json.error ?? {};
  throw new ApiError(answer.status, error.code ?? "", error.message ?? `the server answered ${answer.status}`);
}

export const get = <T>(path: string) => ask<T>("GET", path);

/** Asks for a change; what goes wrong is told at the bottom of the page. Tells whether it was done. */
export async function change(method: string, path: string, body: unknown = {}): Promise<boolean> {
  try {
    await ask(method, path, method === "DELETE" ? undefined : body);
    complaint.value = "";
    return true;
  } catch (error) {
    complaint.value = error instanceof Error ? error.message : String(error);
    return false;
  }
}

/** Exchanges the key of a one-time link for a session, or finds out who is signed in. */
export async function begin(): Promise<void> {
  const address = new URL(location.href);
  const key = address.searchParams.get("key");
  if (key !== null) {
    address.searchParams.delete("key");
    history.replaceState(null, "", address);
    try {
      session.value = await ask<Session>("POST", "/v1/session", { key });
      return;
    } catch (error) {
      complaint.value = error instanceof Error ? error.message : String(error);
    }
  }
  session.value = await get<Session>("/v1/session").catch(() => null);
}

export async function signOut(): Promise<void> {
  await ask("DELETE", "/v1/session").catch(() => undefined);
  session.value = null;
}

const RANKS: Role[] = ["viewer", "operator", "admin"];

/** Whether whoever is signed in has at least this role. The server asks again. */
export function may(role: Role): boolean {
  const has = session.value?.role ?? "viewer";
  return RANKS.indexOf(has) >= RANKS.indexOf(role);
}

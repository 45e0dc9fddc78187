import { useSignal } from "@preact/signals";
import { ask, complaint, session } from "../api";
import type { Session } from "../types";

export function SignIn() {
  const byToken = useSignal(false);
  const busy = useSignal(false);
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const body = byToken.value
      ? { token: form.get("token") }
      : { name: form.get("name"), password: form.get("password") };
    busy.value = true;
    try {
      session.value = await ask<Session>("POST", "/v1/session", body);
      complaint.value = "";
    } catch (error) {
      complaint.value = error instanceof Error ? error.message : String(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <main class="signin">
      <h1>
        <img src="/icon.svg" width="22" height="22" alt="" /> Sidestream
      </h1>
      <form onSubmit={(event) => void send(event)} key={String(byToken.value)}>
        {byToken.value ? (
          <label>
            API token
            <input name="token" type="password" autocomplete="off" required autofocus />
          </label>
        ) : (
          <>
            <label>
              Name
              <input name="name" autocomplete="username" required autofocus />
            </label>
            <label>
              Password
              <input name="password" type="password" autocomplete="current-password" required />
            </label>
          </>
        )}
        <div class="row">
          <button type="submit" class="main" disabled={busy.value}>
            Sign in
          </button>
          <button type="button" onClick={() => (byToken.value = !byToken.value)}>
            {byToken.value ? "With a password" : "With an API token"}
          </button>
        </div>
      </form>
      <p role="alert" class="wrong">
        {complaint.value}
      </p>
      <p class="quiet">
        On the server, <code>sidestream console</code> prints a link that signs in once.
      </p>
    </main>
  );
}

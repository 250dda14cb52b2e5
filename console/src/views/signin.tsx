// Signed out: a token is exchanged for a session, and not kept.

import { useState } from "preact/hooks";
import { actor, call, Problem } from "../api";
import { Notice } from "../parts/notice";
import type { Session } from "../types";

export function SignIn({ done, why }: { done: (session: Session) => void; why?: Problem }) {
  const [token, setToken] = useState("");
  const [name, setName] = useState(actor.get());
  const [isSending, setSending] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>(why);

  const submit = async (event: Event) => {
    event.preventDefault();
    setSending(true);
    try {
      const session = await call<Session>("POST", "session", { token });
      actor.set(name.trim());
      setToken("");
      done(session);
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, "", "", String(error)));
      setSending(false);
    }
  };
  return (
    <main class="gate">
      <section class="card" aria-labelledby="signin">
        <div>
          <img class="bird" src="console.svg" alt="" />
          <h1 id="signin">Serin</h1>
          <p class="muted">Watch a release on {location.host}, and stop it in one click.</p>
        </div>
        <form onSubmit={submit}>
          <label class="field">
            Token <span class="hint">ADMIN_TOKEN, or VIEWER_TOKEN to read only</span>
            <input type="password" autocomplete="current-password" required value={token} onInput={(event) => setToken(event.currentTarget.value)} aria-invalid={problem?.status === 401 && !!token} />
          </label>
          <label class="field">
            Your name <span class="hint">for the audit; Cloudflare Access gives it where it is configured</span>
            <input autocomplete="name" maxLength={200} value={name} onInput={(event) => setName(event.currentTarget.value)} />
          </label>
          {problem && <Notice tone="bad" role="alert" title={title(problem)}>{problem.status === 401 ? "" : problem.detail}</Notice>}
          <button class="button primary big" type="submit" disabled={isSending}>{isSending ? "Signing in…" : "Sign in"}</button>
        </form>
        <p class="small muted">The token becomes a session of eight hours on this host. The page keeps no token.</p>
      </section>
    </main>
  );
}

function title({ status, type }: Problem): string {
  if (type === "ended") return "Your session has ended. Sign in again.";
  if (status === 401) return "This is neither ADMIN_TOKEN nor VIEWER_TOKEN.";
  return "You cannot sign in:";
}

// The page's frame: who is signed in, the views, whether what is shown is live, and Halt.

import { useEffect, useRef, useState } from "preact/hooks";
import { call, get, Problem } from "./api";
import { span, time } from "./format";
import { forget, useLive, type Live } from "./live";
import { Confirm, type Change } from "./parts/confirm";
import { Halt } from "./parts/halt";
import { Icon } from "./parts/icon";
import type { Session } from "./types";
import { Explain } from "./views/explain";
import { History, PastRollout } from "./views/history";
import { Now } from "./views/now";
import { PolicyView } from "./views/policy";
import { SignIn } from "./views/signin";
import { Start } from "./views/start";
import { Traffic } from "./views/traffic";

const VIEWS = [["now", "Now"], ["traffic", "Traffic"], ["history", "History"], ["explain", "Explain"], ["policy", "Policy"], ["start", "New rollout"]] as const;

/** Age in ms from which the data are not live: four requests without a response. */
const LIVE_MS = 9_000;

export function App() {
  const [session, setSession] = useState<Session | null>();
  const [why, setWhy] = useState<Problem>();
  useEffect(() => {
    get<Session>("session").then(setSession, (problem: Problem) => {
      if (problem.status !== 401) setWhy(problem);
      setSession(null);
    });
  }, []);
  if (session === undefined) return <main class="gate"><p class="muted">Loading Serin…</p></main>;
  if (session === null) {
    const done = (session: Session) => {
      setWhy(undefined);
      setSession(session);
    };
    return <SignIn key={why?.type} done={done} why={why} />;
  }
  const ended = (why?: Problem) => {
    forget();
    setWhy(why);
    setSession(null);
  };
  return <Console session={session} ended={ended} />;
}

/** The part of the address after `#/`. */
function useRoute(): string[] {
  const read = () => location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const changed = () => setRoute(read());
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return route.length === 0 ? ["now"] : route;
}

function Console({ session, ended }: { session: Session; ended: (why?: Problem) => void }) {
  const live = useLive();
  const [view = "now", item] = useRoute();
  const [change, ask] = useState<Change>();
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const { status, error } = live;

  useEffect(() => {
    // A person who changes the view by keyboard continues reading there.
    if (!isFirst.current) main.current?.focus();
    isFirst.current = false;
    window.scrollTo(0, 0);
  }, [view, item]);
  useEffect(() => {
    if (error?.status === 401) ended(new Problem(401, "ended", "", ""));
  }, [error]);
  useEffect(() => {
    const share = status && `${status.halt ? "Halted" : `${status.effective.percentage} %`} · `;
    document.title = `${share ?? ""}Serin`;
  }, [status?.effective.percentage, status?.halt]);

  const signOut = async () => {
    await call("DELETE", "session").catch(() => undefined);
    ended();
  };
  const staleSince = useStaleness(live);
  const props = { live, session, ask };
  return (
    <div class={`shell ${staleSince ? "is-stale" : ""}`}>
      <header class="top">
        <div class="top-row">
          <a class="brand" href="#/now"><img src="console.svg" alt="" />Serin</a>
          <LiveSign live={live} staleSince={staleSince} />
          <div class="who">
            <span class="name small muted">{session.identity ?? session.role}</span>
            <button class="button quiet" onClick={signOut}><Icon name="out" />Sign out</button>
          </div>
        </div>
        <nav class="tabs" aria-label="Views">
          {VIEWS.map(([name, word]) => (
            <a key={name} href={`#/${name}`} aria-current={view === name ? "page" : undefined}>{word}</a>
          ))}
        </nav>
        {staleSince && (
          <div class="stale" role="alert"><Icon name="offline" />Not live since {time(staleSince)}. {error?.message ?? "What you see is old."}</div>
        )}
      </header>
      <main ref={main} tabIndex={-1}>
        {view === "traffic" ? <Traffic {...props} />
          : view === "history" && item ? <PastRollout id={item} />
          : view === "history" ? <History />
          : view === "explain" ? <Explain status={status} />
          : view === "policy" ? <PolicyView {...props} />
          : view === "start" ? <Start {...props} />
          : <Now {...props} />}
      </main>
      <Halt status={status} session={session} ask={ask} />
      {change && <Confirm key={change.title} change={change} close={() => ask(undefined)} />}
    </div>
  );
}

/** Since when there has been no answer, once that is too long. */
function useStaleness({ heardAt, error }: Live): number | undefined {
  const [begun] = useState(Date.now);
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const last = heardAt ?? begun;
  const isLate = now - last > (document.hidden ? 3 * LIVE_MS : LIVE_MS);
  return isLate || (error && !heardAt) ? last : undefined;
}

function LiveSign({ live, staleSince }: { live: Live; staleSince?: number }) {
  if (staleSince) return <span class="live lost"><i />Not live, {span(Date.now() - staleSince)} old</span>;
  return live.heardAt ? <span class="live"><i />Live</span> : <span class="live waiting"><i />Loading</span>;
}

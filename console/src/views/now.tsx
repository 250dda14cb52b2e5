// The present state: the sentence, the share, the switches; and the rollout.

import { count, isOver, localised, percent, ring, time } from "../format";
import type { Live } from "../live";
import type { AuditRow, Rollout, Series, Session, Status } from "../types";
import { Compare } from "../parts/compare";
import type { Change } from "../parts/confirm";
import { Curves } from "../parts/curves";
import { EvidencePanel } from "../parts/evidence";
import { Icon } from "../parts/icon";
import { Differences, Mirrored } from "../parts/mirrored";
import { Chip, Notice, PhaseChip, Skeleton } from "../parts/notice";
import { Steps } from "../parts/steps";
import { SwitchBanners } from "../parts/switches";

interface Props { live: Live; session: Session; ask: (change: Change) => void }

export function Now({ live, session, ask }: Props) {
  const { status, series, audit } = live;
  if (!status) {
    return <section class="card hero" aria-busy="true"><Skeleton lines={5} /></section>;
  }
  const { rollout } = status;
  const isAdmin = session.role === "admin";
  return (
    <>
      <Banners status={status} audit={audit} ask={isAdmin ? ask : undefined} />
      <Hero status={status} />
      {!rollout && <NoRollout isAdmin={isAdmin} />}
      {rollout && <RolloutCard status={status} series={series} ask={isAdmin ? ask : undefined} looks={audit.filter(({ rolloutId }) => rolloutId === rollout.id)} />}
      {rollout && <Comparison rollout={rollout} status={status} />}
    </>
  );
}

/** What the analysis compares: pairs of answers while the step mirrors, both variants' visitors otherwise. */
function Comparison({ rollout, status }: { rollout: Rollout; status: Status }) {
  const { mirror, figures } = rollout;
  const paired = mirror?.figures;
  return (
    <>
      <div class="two">
        {mirror && paired ? <Mirrored mirror={mirror} /> : <Compare rollout={rollout} telemetry={status.telemetry} versions={status.versions} />}
        <EvidencePanel rows={paired ? [["Answers", paired.answers], ["Latency", paired.latency]] : [["Errors", figures?.errors], ["p95", figures?.p95], ["p99", figures?.p99]]} />
      </div>
      {mirror && mirror.differences.length > 0 && <Differences rows={mirror.differences} />}
    </>
  );
}

/** The headline in the viewer's time, its first sentence large; commands of the command line stand in backticks. */
function Headline({ text }: { text: string }) {
  const [, first = "", rest] = /^(.*?[.!?])(?: (?=[A-Z]))(.*)$/s.exec(localised(text)) ?? [text, localised(text)];
  const withCode = (text: string) => text.split("`").map((part, index) => (index % 2 ? <code key={index}>{part}</code> : part));
  return <><h1 class={first.length > 90 ? "long" : ""}>{withCode(first)}</h1>{rest && <p class="next">{withCode(rest)}</p>}</>;
}

function Hero({ status }: { status: Status }) {
  const { effective, policy, rollout, halt, versions } = status;
  const configured = rollout && !isOver(rollout) ? (rollout.steps[rollout.step - 1]?.percentage ?? policy.percentage) : policy.percentage;
  const differs = configured !== null && configured !== effective.percentage && (effective.reason || halt);
  const where = rollout && ring(rollout.where);
  return (
    <section class="card hero" aria-label="Now">
      <div class="line">
        <div class="buttons">
          {halt && !halt.byRollout ? <Chip tone="bad" icon="stop">Halted</Chip> : rollout ? <PhaseChip phase={rollout.phase} /> : <Chip icon="none">No rollout</Chip>}
          {versions ? <Chip icon="info">{versions.stable ?? "stable"} → version {versions.canary}</Chip> : policy.canaryWorker && <Chip icon="info">{policy.stableWorker ?? "stable"} → {policy.canaryWorker}</Chip>}
        </div>
        <Headline text={status.headline} />
      </div>
      <div class="share" data-testid="share">
        <p class="value">{effective.percentage.toLocaleString("en")}<small> %</small></p>
        <dl>
          <dt>of visitors get the canary</dt>
          {differs ? <dd>configured {percent(configured)}; {effective.reason ?? "the canary is halted"}</dd> : where ? <dd>and {percent(rollout.percentage)} where {where}</dd> : <dd>all others get stable</dd>}
        </dl>
      </div>
      <div>
        <div class="meter" aria-hidden="true">
          <i style={{ width: `${effective.percentage}%` }} />
          {differs && <b style={{ left: `${configured}%` }} />}
        </div>
        <p class="meter-words" aria-hidden="true"><span><i class="swatch" />canary</span><span>{differs && "┆ configured"}</span><span><i class="swatch stable" />stable</span></p>
      </div>
    </section>
  );
}

function Banners({ status, audit, ask }: { status: Status; audit: AuditRow[]; ask?: (change: Change) => void }) {
  return (
    <>
      {status.halt && !(status.halt.byRollout && status.rollout?.reason) && (
        <Notice tone="bad" title="Halted." role="alert">
          {status.halt.actor} halted the canary at {time(status.halt.at)}{status.halt.reason && <>: {localised(status.halt.reason)}</>}. All visitors get stable until the halt is lifted.
        </Notice>
      )}
      <SwitchBanners switches={status.switches} audit={audit} ask={ask} />
      {status.policy.error && <Notice tone="bad" title="The policy in KV is not in force:">{status.policy.error}</Notice>}
      {status.policy.warnings.map((warning) => <Notice key={warning} tone="warn" title="Policy:">{warning}</Notice>)}
      {status.rollout && status.versions && (status.versions.wrong > 0 || status.versions.verified !== "each-request") && (
        <Notice tone={status.versions.wrong > 0 ? "warn" : "plain"} title="Versions:">{status.versions.message}</Notice>
      )}
      {status.outbox.includes("write") && <Notice title="Not everywhere yet:">the controller's decision is still to be written to KV. Busy locations have it.</Notice>}
    </>
  );
}

function NoRollout({ isAdmin }: { isAdmin: boolean }) {
  return (
    <section class="card">
      <div class="empty">
        <h2>No rollout has run yet</h2>
        <p>A rollout gives the canary a growing share of visitors, compares it with stable, and rolls it back if it is worse.</p>
        {isAdmin && <a class="button primary" href="#/start"><Icon name="play" />Start a rollout</a>}
      </div>
    </section>
  );
}

function RolloutCard({ status, series, looks, ask }: { status: Status; series?: Series; looks: AuditRow[]; ask?: (change: Change) => void }) {
  const { rollout, time: now } = status;
  if (!rollout) return null;
  const look = rollout.lastLook;
  const tone = look && ({ pass: "good", fail: "bad", inconclusive: "warn", error: "warn" } as const)[look.verdict];
  return (
    <section class="card" aria-labelledby="rollout">
      <header>
        <h2 id="rollout">Rollout {rollout.id}</h2>
        <p>started {time(rollout.startedAt)} by {rollout.startedBy}{rollout.startedReason && `: ${rollout.startedReason}`}</p>
      </header>
      <Steps rollout={rollout} now={Date.parse(now)} />
      {rollout.reason && ["paused", "rolled-back", "aborted"].includes(rollout.phase) && (
        <Notice tone={rollout.phase === "paused" ? "warn" : "bad"} title={rollout.phase === "paused" ? "Paused." : rollout.phase === "aborted" ? "Aborted." : "Rolled back."}>
          {!status.headline.includes(rollout.reason) && localised(rollout.reason)} <span class="muted">{rollout.actor}, {time(rollout.since)}</span>
        </Notice>
      )}
      {look && look.sentence !== rollout.reason && !isOver(rollout) && <Notice tone={tone ?? "plain"} title={{ pass: "Healthy.", fail: "Failing.", inconclusive: "Held.", error: "Not analysed." }[look.verdict]}>{localised(look.sentence)} <span class="muted nowrap">{time(look.at)}</span></Notice>}
      {rollout.check && !isOver(rollout) && <Notice tone={({ pass: "good", fail: "bad", wait: "warn", error: "warn" } as const)[rollout.check.verdict]} title={`The step's own check: ${rollout.check.verdict}.`}>{rollout.check.message} <span class="muted nowrap">{time(rollout.check.at)}</span></Notice>}
      {rollout.alarms.map((alarm) => <Notice key={alarm} tone="warn" title="Check this:">{alarm}</Notice>)}
      {ask && <Commands status={status} series={series} ask={ask} />}
      <Curves series={series} looks={looks} ceilings={rollout.ceilings} />
    </section>
  );
}

function Commands({ status, series, ask }: { status: Status; series?: Series; ask: (change: Change) => void }) {
  const { rollout, epoch } = status;
  if (!rollout) return null;
  const next = rollout.steps[rollout.step];
  const minute = series?.points.at(-2) ?? series?.points.at(-1);
  const visitors = `${percent(status.effective.percentage)} of visitors${minute?.canary.requests ? `, about ${count(minute.canary.requests)} requests a minute` : ""}`;
  const change = (name: string, title: string, verb: string, effect: string, tone?: "danger", body = {}): Change => ({
    title, verb, tone, effect: <p>{effect}</p>, method: "POST", path: `rollouts/current/${name}`, body, epoch,
  });
  const pause = change("pause", "Pause the rollout?", "Pause", `The canary keeps ${visitors}, and the analysis goes on, until the rollout is resumed.`);
  const resume = change("resume", "Resume the rollout?", "Resume", `The rollout continues from step ${rollout.step} of ${rollout.of} at ${percent(rollout.steps[rollout.step - 1]?.percentage ?? 0)}.`);
  const promote = next && change("promote", "Take the next step now?", "Next step", `The canary grows from ${percent(status.effective.percentage)} to ${percent(next.percentage)} of visitors${ring(next.where) ? ` where ${ring(next.where)}` : ""}, without waiting for the rest of this step.`, undefined, { to: "next" });
  const abort = change("abort", "Abort the rollout?", "Abort", `${visitors}, go back to stable, for good: only a new rollout brings a canary back.`, "danger", { rolloutId: rollout.id });
  const undo = change("undo", rollout.phase === "completed" ? "Undo the completion?" : "Undo the rollback?", "Undo", rollout.phase === "completed" ? `${visitors}, go back to stable.` : "The rollout is paused again at its step, with the canary at 0 % until it is resumed.", "danger");
  const button = (icon: "pause" | "play" | "next" | "cross" | "back", label: string, wanted?: Change, tone = "") =>
    wanted && <button class={`button ${tone}`} onClick={() => ask(wanted)}><Icon name={icon} />{label}</button>;
  switch (rollout.phase) {
    case "progressing":
      return <div class="buttons">{button("pause", "Pause…", pause)}{button("next", "Next step…", promote)}{button("cross", "Abort…", abort)}</div>;
    case "paused":
      return <div class="buttons">{button("play", "Resume…", resume, "primary")}{button("next", "Next step…", promote)}{button("cross", "Abort…", abort)}</div>;
    case "baking":
      return <div class="buttons">{button("pause", "Pause…", pause)}{button("cross", "Abort…", abort)}</div>;
    default:
      return (
        <div class="buttons">
          <a class="button primary" href="#/start"><Icon name="play" />New rollout</a>
          {rollout.phase !== "aborted" && button("back", "Undo…", undo)}
        </div>
      );
  }
}

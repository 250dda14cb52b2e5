// Answers of the control API, as far as the page shows them. docs/control-api.md has all of it.

export interface Evidence { evidence: number | null; limit: number }
export interface Figures {
  requests: number;
  failures: number;
  visitors?: number;
  failedVisitors?: number;
  p50Ms?: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
}
export interface Step { percentage: number; holdMs: number; where: unknown; approval: boolean; check?: string; mirror?: number }
/** Windows in which no step is taken. */
export interface Freeze { timeZone: string; days?: string[]; hours?: string[]; dates?: string[] }
export interface Rollout {
  id: string;
  phase: "progressing" | "paused" | "baking" | "completed" | "rolled-back" | "aborted";
  actor: string | null;
  reason: string | null;
  since: string;
  step: number;
  of: number;
  percentage: number;
  where: unknown;
  schedule: string;
  steps: Step[];
  freeze?: Freeze;
  startedAt: string;
  startedBy: string;
  startedReason: string;
  holdEnds: string | null;
  frozenUntil: string | null;
  nextLook: string | null;
  ceilings?: { errorRate: number; p95Ms: number } | null;
  /** The last answer of the step's own check. */
  check?: { at: string; verdict: "pass" | "fail" | "wait" | "error"; message: string };
  lastLook: { at: string; verdict: string; sentence: string } | null;
  figures: { canary: Figures | null; stable: Figures | null; errors: Evidence | null; p95: Evidence | null; p99: Evidence | null } | null;
  /** What became of the rollout's failed canary requests. */
  impact?: { failed: number; rescued: number; seen: number };
  mirror?: Mirror;
  alarms: string[];
}
/** Copies of requests that the canary gets, and pairs of both variants' answers. */
export interface Mirror {
  percentage: number;
  copies: number;
  canaryFailures: number;
  stableFailures: number;
  busy: number;
  withheld: number;
  /** Of the current step; none unless it mirrors. */
  figures: {
    pairs: number;
    visitors: number;
    worseOnCanary: number;
    worseOnStable: number;
    slower: number;
    timed: number;
    answers: Evidence | null;
    latency: Evidence | null;
  } | null;
  differences: Difference[];
}
export interface Difference {
  path: string;
  stable: number | null;
  canary: number | null;
  counts: "against-canary" | "against-stable" | "neither";
  pairs: number;
  example: string;
}
/** The versions of one Worker that are the variants. */
export interface Versions {
  canary: string;
  stable?: string;
  verified: "each-request" | "probe" | "no";
  answers: number;
  wrong: number;
  unmarked: number;
  message: string;
}
export interface Switch { on: boolean; reason?: string; until?: string; heldBy?: string; since?: string }
export interface Status {
  version: string;
  time: string;
  headline: string;
  waitsFor: { for: string; since?: string; until?: string; have?: number; needed?: number; eta?: string };
  effective: { percentage: number; reason?: string };
  epoch: number | null;
  policy: {
    enabled: boolean | null;
    percentage: number | null;
    rolloutId: string | null;
    generation: number | null;
    rules: number | null;
    canaryWorker: string | null;
    stableWorker: string | null;
    error: string | null;
    warnings: string[];
  };
  switches: Record<string, Switch>;
  halt: { actor: string; at: string; reason: string; byRollout: boolean } | null;
  rollout: Rollout | null;
  telemetry: { lastReport: string | null; locations: number; shortCircuited: number } | null;
  versions?: Versions;
  outbox: string[];
}
export interface Point {
  at: string;
  rolloutId: string;
  step: number;
  percentage: number;
  halted: boolean;
  canary: Figures;
  stable: Figures;
  shortCircuited: number;
  rescued: number;
  seen: number;
  evidence: { errors: number; p95: number; p99: number } | null;
}
export interface Series { from: string; to: string; stepMs: number; points: Point[]; next: string | null }
export interface AuditRow {
  seq: number;
  at: string;
  actor: string;
  claimed?: boolean;
  action: string;
  key?: string;
  rolloutId: string | null;
  reason: string;
  sentence: string;
}
export interface Audit { rows: AuditRow[]; next: number | null }
export interface Past {
  number: number;
  id: string;
  actor: string;
  reason: string;
  versions: { from: string | null; to: string | null };
  startedAt: string;
  endedAt: string | null;
  durationMs: number | null;
  phase: Rollout["phase"];
  endedBy: string | null;
  endedReason: string | null;
  highest: number;
  schedule: string;
  steps: Step[];
}
export interface Page<Row> { rows: Row[]; next: string | null }
export interface Location { name: string; lastReport: string; rolloutId: string; canary: Figures; stable: Figures }
export interface Session { role: "admin" | "viewer"; expires: string; identity: string | null }
/** What the traffic of the last hour makes of a plan. */
export interface Expected {
  durationMs: number | null;
  steps: { durationMs: number | null; canaryPerMinute: number | null; needed: number }[];
  smallestRegression: { factor: number; points: number } | null;
  sentence: string;
}
export interface CommandAnswer { already: boolean; epoch: number; rollout: Rollout | null; warnings?: string[]; expected?: Expected; failed?: { kv?: string; controller?: string } }
export interface Explanation {
  key: string | null;
  keyFrom: string | null;
  salt: string | null;
  bucket: number | null;
  variant: string | null;
  reason: string;
  rule: number | null;
  percentage: number | null;
  changesAt: number | null;
  sentence: string;
}
export interface Health { status: string; version: string; components?: Record<string, { status: string; latencyMs?: number; message?: string }> }

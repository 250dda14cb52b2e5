//! The control API, as far as it can be without a network: requests are parsed here, and answers are structs that the command line reads
//! too. docs/control-api.md is its page.

/// Small answers.
mod answers;
/// Records of the audit.
mod audit;
/// Bodies of commands.
mod body;
/// How long a rollout is expected to take.
mod expected;
/// Why a sticky key gets its variant.
mod explain;
/// Series, past rollouts and locations.
mod history;
/// A request, before it is parsed.
mod incoming;
/// Messages to the webhook.
mod message;
/// Mirrored traffic, as the status shows it.
mod mirror;
/// The present state, its reason and the next step.
mod outlook;
/// Metrics for Prometheus.
mod prometheus;
/// Requests, parsed.
mod request;
/// Roles of tokens.
mod role;
/// The rollout, as answers show it.
mod rollout;
/// Checks of a start.
mod start_check;
/// Status of the policy, the switches and the rollout.
mod status;
/// Versions that are variants.
mod versions;

pub use answers::{ChangeAnswer, CommandAnswer, FailedWays, StateAnswer};
pub use audit::{AuditPage, AuditRecord};
pub use body::Actor;
pub use expected::{ExpectedStepView, ExpectedView};
pub use explain::{ExplainQuery, Explanation};
pub use history::{
    CountsView, LocationView, NumberedRollout, Page, PageQuery, RolloutDetail, SeriesPage, SeriesPoint, SeriesQuery,
};
pub use incoming::{IncomingRequest, MAX_BODY};
pub use mirror::{DifferenceView, MirrorView, PairedView};
pub use outlook::{Awaited, Outlook, TrafficView, WaitsFor};
pub use prometheus::metrics;
pub use request::{ApiRequest, HALT_SWITCH, PREFIX, is_halt};
pub use role::Role;
pub use rollout::{
    CeilingsView, CheckView, EvidenceView, FiguresView, ImpactView, LastLookView, RolloutView, StepView, VariantView,
};
pub use start_check::StartCheck;
pub use status::{ApiContext, EffectiveView, HaltView, PolicyView, StatusView, SwitchView, TelemetryView};
pub use versions::{Verified, VersionsView};

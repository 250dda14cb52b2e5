//! The percentage that isolates apply to the canary now, beside that of `canary-state`.

use core::fmt;
use core::time::Duration;

use crate::log_event::LogEvent;
use crate::percentage::Percentage;
use crate::policy::Switch;
use crate::snapshot::{PolicyFreshness, Snapshot};
use crate::timestamp::Timestamp;

/// The share of visitors that the canary gets, outside of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effective {
    /// The percentage of `canary-state`, with the controller's newer one; 0 where the document says `enabled: false`.
    pub configured: Percentage,
    /// The percentage that is in force.
    pub percentage: Percentage,
    /// Why it is 0, where the policy itself does not say so.
    pub stopped_by: Option<StoppedBy>,
}

/// Reason why the canary does not get its configured percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoppedBy {
    /// This kill switch is on.
    Switch(Switch),
    /// The canary is halted.
    Halt,
    /// The policy says `enabled: false`.
    Disabled,
    /// No valid policy is known.
    NoPolicy,
    /// The policy could not be read for too long.
    StalePolicy,
}

// === impl Effective ===

impl Effective {
    /// The percentage that a snapshot applies at `now`. It follows the order of a decision.
    pub fn of(snapshot: &Snapshot, max_stale: Duration, now: Timestamp) -> Self {
        let switch = [Switch::Maintenance, Switch::DisableCanary]
            .into_iter()
            .find(|switch| snapshot.switches().is_on(*switch, now));
        let configured = snapshot.last_good().filter(|state| state.enabled).map(|state| state.percentage);
        let configured = configured.unwrap_or_default();
        let stopped = |stopped_by| Self { configured, percentage: Percentage::ZERO, stopped_by: Some(stopped_by) };
        if let Some(switch) = switch {
            return stopped(StoppedBy::Switch(switch));
        }
        if snapshot.is_halted() {
            return stopped(StoppedBy::Halt);
        }
        match snapshot.freshness(max_stale, now) {
            PolicyFreshness::Current(state) if state.enabled => {
                Self { configured, percentage: state.percentage, stopped_by: None }
            }
            PolicyFreshness::Current(_) => stopped(StoppedBy::Disabled),
            PolicyFreshness::Absent | PolicyFreshness::Unknown => stopped(StoppedBy::NoPolicy),
            PolicyFreshness::Stale => stopped(StoppedBy::StalePolicy),
        }
    }

    /// Why the canary does not get its configured percentage, in a sentence; none if it does.
    pub fn warning(&self) -> Option<String> {
        let Self { configured, percentage, stopped_by } = self;
        let why = stopped_by.filter(|_| configured != percentage)?;
        Some(format!("canary-state gives the canary {configured} % of visitors, but it gets {percentage} %: {why}"))
    }

    /// The event for the log, if the canary lost its configured percentage since `before`, or has it again.
    pub fn changed_since(self, before: Self) -> Option<LogEvent> {
        let Self { configured, percentage: effective, .. } = self;
        match (before.warning(), self.warning()) {
            (was, Some(message)) if was.as_ref() != Some(&message) => {
                Some(LogEvent::CanaryStopped { configured, effective, message })
            }
            (Some(_), None) if effective > Percentage::ZERO => Some(LogEvent::CanaryServes { effective }),
            _ => None,
        }
    }
}

/// The reason in a sentence's words.
impl fmt::Display for StoppedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(switch) => write!(f, "{} is on", switch.key()),
            Self::Halt => f.write_str("the canary is halted"),
            Self::Disabled => f.write_str("canary-state says enabled: false"),
            Self::NoPolicy => f.write_str("there is no valid canary-state"),
            Self::StalePolicy => f.write_str("canary-state could not be read for too long"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::KvValues;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const MAX_STALE: Duration = Duration::from_mins(5);

    fn effective(state: Option<&str>, switches: &[(Switch, &str)], after: Duration) -> (Percentage, Option<String>) {
        let value = |switch| switches.iter().find(|(on, _)| *on == switch).map(|(_, value)| (*value).to_owned());
        let values = KvValues { canary_state: state.map(str::to_owned), switches: Switch::ALL.map(value) };
        let (snapshot, _) = Snapshot::default().apply_kv_values("canary-state", values, NOW);
        let (snapshot, _) = snapshot.record_read_error("gone".to_owned());
        let Effective { percentage, stopped_by, .. } = Effective::of(&snapshot, MAX_STALE, NOW.after(after));
        (percentage, stopped_by.map(|why| why.to_string()))
    }

    #[test]
    fn what_stops_the_canary_is_named() {
        let on = r#"{"enabled": true, "percentage": 25}"#;
        let fresh = Duration::ZERO;
        let stopped = |why: &str| (Percentage::ZERO, Some(why.to_owned()));
        assert_eq!(effective(Some(on), &[], fresh), (Percentage::percent(25), None));
        let off = [(Switch::DisableCanary, "1")];
        assert_eq!(effective(Some(on), &off, fresh), stopped("ops:disable_canary is on"));
        let until = format!(r#"{{"until": "{}"}}"#, NOW.after(Duration::from_secs(9)).to_rfc3339());
        let maintenance = [(Switch::Maintenance, until.as_str())];
        assert_eq!(effective(Some(on), &maintenance, fresh), stopped("ops:maintenance is on"));
        assert_eq!(effective(Some(on), &maintenance, Duration::from_secs(9)), (Percentage::percent(25), None));
        let disabled = r#"{"enabled": false, "percentage": 25}"#;
        assert_eq!(effective(Some(disabled), &[], fresh), stopped("canary-state says enabled: false"));
        assert_eq!(effective(None, &[], fresh), stopped("there is no valid canary-state"));
        let stale = stopped("canary-state could not be read for too long");
        assert_eq!(effective(Some(on), &[], MAX_STALE + Duration::from_secs(1)), stale);
    }

    #[test]
    fn a_share_that_is_not_in_force_is_warned_of_and_logged_once() {
        let running =
            Effective { configured: Percentage::percent(25), percentage: Percentage::percent(25), stopped_by: None };
        let halted = Effective { percentage: Percentage::ZERO, stopped_by: Some(StoppedBy::Halt), ..running };
        let disabled = Effective {
            configured: Percentage::ZERO,
            percentage: Percentage::ZERO,
            stopped_by: Some(StoppedBy::Disabled),
        };
        let warning = "canary-state gives the canary 25 % of visitors, but it gets 0 %: the canary is halted";
        assert_eq!([running.warning(), disabled.warning()], [None, None]);
        assert_eq!(halted.warning().as_deref(), Some(warning));
        let line = halted.changed_since(running).map(|event| event.to_line());
        let expected = format!(r#"{{"event":"canary-stopped","configured":25,"effective":0,"message":"{warning}"}}"#);
        assert_eq!(line, Some(expected));
        assert_eq!([halted.changed_since(halted), disabled.changed_since(running)], [None, None]);
        assert_eq!(running.changed_since(halted), Some(LogEvent::CanaryServes { effective: running.percentage }));
    }
}

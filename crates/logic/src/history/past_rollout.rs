//! A rollout from its start to its end, as the list of past rollouts shows it.

use serde::{Deserialize, Serialize};

use crate::api::{RolloutView, StepView};
use crate::percentage::Percentage;
use crate::timestamp::Timestamp;

/// Most rollouts that are remembered.
pub const MAX_ROLLOUTS: u32 = 1_000;

/// A rollout under way, or over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PastRollout {
    /// Id of the rollout.
    pub id: String,
    /// Actor that started the rollout.
    pub actor: String,
    /// Reason why the rollout was started.
    pub reason: String,
    /// The versions, as deploy scripts wrote them into `canary-state` before the start.
    pub versions: Versions,
    /// Time of the start, in RFC 3339.
    pub started_at: String,
    /// Time of the end; none while the rollout is under way.
    pub ended_at: Option<String>,
    /// Time from start to end, in ms.
    pub duration_ms: Option<u64>,
    /// Phase: how the rollout ended, or how it stands.
    pub phase: String,
    /// Actor that ended the rollout; none if it completed.
    pub ended_by: Option<String>,
    /// Reason of the end.
    pub ended_reason: Option<String>,
    /// The canary's highest percentage; in a ring's step that of the ring.
    pub highest: Percentage,
    /// Name of the schedule.
    pub schedule: String,
    /// Steps of the plan.
    pub steps: Vec<StepView>,
    /// Number of the first audit entry of the rollout.
    pub first_seq: Option<u64>,
    /// Number of the last audit entry of the rollout.
    pub last_seq: Option<u64>,
}

/// The Workers of a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Versions {
    /// Stable's, which the visitors leave.
    pub from: Option<String>,
    /// The canary's, which they get.
    pub to: Option<String>,
}

// === impl PastRollout ===

impl PastRollout {
    /// Brings the record up to how the rollout stands.
    pub fn follow(&mut self, view: &RolloutView) {
        let is_over = view.is_over();
        let ended_at = is_over.then(|| view.since.clone());
        let time = |text: &str| Timestamp::parse(text);
        let duration = ended_at.as_deref().and_then(time).zip(time(&view.started_at));
        self.duration_ms = duration.and_then(|(end, start)| u64::try_from(end.since(start).as_millis()).ok());
        self.ended_at = ended_at;
        self.ended_by = view.actor.clone().filter(|_| is_over);
        self.ended_reason = view.reason.clone().filter(|_| is_over);
        self.highest = self.highest.max(view.percentage);
        self.id.clone_from(&view.id);
        self.actor.clone_from(&view.started_by);
        self.reason.clone_from(&view.started_reason);
        self.started_at.clone_from(&view.started_at);
        self.phase.clone_from(&view.phase);
        self.schedule.clone_from(&view.schedule);
        self.steps.clone_from(&view.steps);
    }

    /// Notes an entry of the audit log.
    pub fn note_entry(&mut self, seq: u64) {
        self.first_seq = Some(self.first_seq.map_or(seq, |first| first.min(seq)));
        self.last_seq = Some(self.last_seq.map_or(seq, |last| last.max(seq)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(phase: &str, percentage: u32, since: &str) -> RolloutView {
        RolloutView {
            id: "r1".into(),
            phase: phase.into(),
            percentage: Percentage::percent(percentage),
            since: since.into(),
            started_at: "2027-01-15T08:00:00.000Z".into(),
            actor: Some("controller".into()),
            reason: Some("because".into()),
            ..RolloutView::default()
        }
    }

    #[test]
    fn the_highest_share_stays_and_the_end_has_its_reason_and_duration() {
        let mut past = PastRollout::default();
        past.follow(&view("progressing", 25, "2027-01-15T08:10:00.000Z"));
        assert_eq!((past.ended_at.as_deref(), past.ended_reason.as_deref(), past.duration_ms), (None, None, None));
        past.follow(&view("rolled-back", 0, "2027-01-15T08:11:00.000Z"));
        assert_eq!((past.highest, past.duration_ms), (Percentage::percent(25), Some(660_000)));
        assert_eq!(past.ended_reason.as_deref(), Some("because"));
        past.follow(&view("paused", 0, "2027-01-15T08:12:00.000Z"));
        assert_eq!((past.ended_at, past.duration_ms), (None, None), "an end that was undone");
    }

    #[test]
    fn its_entries_are_a_range() {
        let mut past = PastRollout::default();
        for seq in [7, 9, 8] {
            past.note_entry(seq);
        }
        assert_eq!((past.first_seq, past.last_seq), (Some(7), Some(9)));
    }
}

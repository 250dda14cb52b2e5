//! A row of the audit log as a message to the webhook.

use super::audit::AuditRecord;
use super::request::PREFIX;
use crate::controller::{Controller, WebhookMessage, service_name};
use crate::rollout::RolloutSummary;

// === impl AuditRecord ===

impl AuditRecord {
    /// The message about this row, after which the rollout was as `summary` says. The variable `SERVICE_NAME` may name the service.
    pub fn message(&self, summary: &RolloutSummary, controller: &Controller, service: Option<&str>) -> WebhookMessage {
        let origin = controller.outbox.origin.as_deref();
        let host = origin.and_then(|origin| origin.split_once("://")).map(|(_, host)| host.to_owned());
        let rollout_id = || controller.state.rollout().map(|rollout| rollout.id.clone());
        WebhookMessage {
            seq: self.seq.unwrap_or_default(),
            at: self.at.clone(),
            service: service_name(service, host.as_deref()),
            status_url: origin.map(|origin| format!("{origin}{PREFIX}status")),
            host,
            action: self.action.clone(),
            key: self.key.clone(),
            rollout_id: self.rollout_id.clone().or_else(rollout_id),
            percentage: summary.phase.map(|_| summary.percentage),
            phase: summary.phase,
            halted: summary.halted,
            actor: self.actor.clone(),
            claimed: self.claimed,
            reason: self.reason.clone(),
            text: self.sentence.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percentage::Percentage;
    use crate::rollout::PhaseKind;

    #[test]
    fn a_message_has_what_its_row_says_and_where_to_look() {
        let mut controller = Controller::default();
        controller.outbox.origin = Some("https://shop.example".into());
        let summary = RolloutSummary {
            phase: Some(PhaseKind::Progressing),
            percentage: Percentage::percent(5),
            ..controller.state.summary()
        };
        let row = AuditRecord { seq: Some(7), rollout_id: Some("r1".into()), ..AuditRecord::default() };
        let message = row.message(&summary, &controller, None);
        assert_eq!((message.seq, message.service.as_str()), (7, "shop.example"));
        assert_eq!(message.status_url.as_deref(), Some("https://shop.example/__serin/status"));
        assert_eq!((message.phase, message.percentage), (summary.phase, Some(summary.percentage)));
    }

    #[test]
    fn a_switch_before_the_first_rollout_has_neither_phase_nor_percentage() {
        let row = AuditRecord { seq: Some(1), key: Some("ops:maintenance".into()), ..AuditRecord::default() };
        let controller = Controller::default();
        let message = row.message(&controller.state.summary(), &controller, Some("shop"));
        assert_eq!((message.phase, message.percentage, message.host, message.status_url), (None, None, None, None));
        assert_eq!((message.key.as_deref(), message.service.as_str()), (Some("ops:maintenance"), "shop"));
    }
}

//! `POST rollouts`: starts a rollout, or checks all that a start checks.

use std::rc::Rc;

use serin_logic::Timestamp;
use serin_logic::api::{ApiRequest, CommandAnswer, ExpectedView, RolloutView, StartCheck};
use serin_logic::controller::Controller;
use serin_logic::document::InvalidDocument;
use serin_logic::effective::Effective;
use serin_logic::history::Versions;
use serin_logic::policy::{CanaryState, Switch};
use serin_logic::problem::Problem;
use serin_logic::rollout::{Command, CommandRequest, PublishedState, Start};
use serin_logic::snapshot::Snapshot;
use web_sys::Response;

use super::{LIMIT, answer};
use crate::controller::ControllerError;
use crate::controller::outbox;
use crate::controller::transaction::{self, ControllerContext};
use crate::platform::{clock, response, time_zone};

/// A rollout starts from the document that KV holds: one that cannot be read is no reason to start.
pub(super) async fn start(context: &Rc<ControllerContext>, request: ApiRequest) -> Result<Response, ControllerError> {
    let ApiRequest::StartRollout { id, plan, dry_run, anyway, percentage, reassign, actor } = request else {
        return Ok(response::problem(&Problem::not_found()));
    };
    let key = context.policy.state_key();
    let values = context.policy.read(LIMIT).await.map_err(ControllerError::Kv)?;
    let (found, versions) = match values.canary_state.as_ref().map(|text| CanaryState::parse(key, text)).transpose() {
        Ok(state) => (state.as_ref().map(PublishedState::from), state.map(versions).unwrap_or_default()),
        Err(error) => {
            return Ok(response::problem(&Problem::conflict(format!("{error}; fix the document in KV first"))));
        }
    };
    let now = clock::now();
    if let Some(Err(error)) = plan.freeze().map(|freeze| freeze.check_zone(time_zone::utc_offset, now)) {
        let error = InvalidDocument::from(error);
        return Ok(response::problem(&Problem::invalid(&error.field, &error.message)));
    }
    let mut copy = transaction::load(context)?;
    let (in_kv, _) = Snapshot::default().apply_kv_values(key, values, now);
    let (snapshot, _) = in_kv.apply_overlay(key, copy.overlay(now), now);
    let is_disabled = snapshot.switches().is_on(Switch::DisableCanary, now);
    let disabled = is_disabled.then(|| snapshot.switches().get(Switch::DisableCanary));
    let present = Effective::of(&snapshot, context.config.routing.max_stale, now).percentage;
    let id = id.unwrap_or_else(|| new_id(now));
    let start = Start { id, plan: *plan, found, reassign };
    // The last rollout's numbers are there until the next one begins.
    let expected = ExpectedView::new(&start.plan, &copy, now);
    let check = StartCheck { plan: &start.plan, present, disabled, anyway, confirmed: percentage }.run();
    let request = CommandRequest {
        command: Command::Start(Box::new(start)),
        actor: actor.name,
        claimed: actor.claimed,
        reason: actor.reason,
        epoch: actor.epoch,
    };
    // Changes to the copy are not stored.
    let already = match copy.execute(&request, now) {
        Ok((already, _)) => already,
        Err(refused) => return Ok(answer(Err(refused))),
    };
    let warnings = match check {
        Ok(warnings) => warnings,
        // The rollout was started before the reason not to.
        Err(_) if already => Vec::new(),
        Err(problem) => return Ok(response::problem(&problem)),
    };
    let view = |controller: &Controller, already, now| CommandAnswer {
        already,
        epoch: controller.state.epoch(),
        rollout: RolloutView::new(controller, now),
        dry_run,
        warnings,
        expected,
        ..CommandAnswer::default()
    };
    if dry_run {
        return Ok(response::json(&view(&copy, already, now)));
    }
    let (outcome, claimed) = transaction::run(context, |controller, store, now| {
        let outcome = controller.execute(&request, now).map(|(already, _)| view(controller, already, now));
        if outcome.as_ref().is_ok_and(|answer| !answer.already) {
            store.history()?.begin(controller, versions, now)?;
        }
        Ok(outcome)
    })?;
    outbox::deliver(context, claimed);
    Ok(answer(outcome))
}

/// The Workers that deploy scripts wrote into the document.
fn versions(state: CanaryState) -> Versions {
    Versions { from: state.metadata.stable_worker, to: state.metadata.canary_worker }
}

/// The id of a rollout that was started without one: the time it began.
fn new_id(now: Timestamp) -> String {
    now.to_rfc3339().chars().filter(char::is_ascii_alphanumeric).collect()
}

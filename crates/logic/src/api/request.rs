//! Requests to the control API, parsed: path and method name the request, its query or body has the settings.

use serde_json::{Map, Value};

use super::body::{
    self, AbortBody, Actor, CommandBody, PromoteBody, PromoteTo, ResumeCanaryBody, StartBody, StateBody, SwitchBody,
};
use super::explain::ExplainQuery;
use super::history::{PageQuery, SeriesQuery};
use super::incoming::IncomingRequest;
use super::start_check::dry_run;
use crate::controller::analysis_config;
use crate::document::{InvalidDocument, shown};
use crate::percentage::Percentage;
use crate::policy::{CanaryState, Switch};
use crate::problem::Problem;
use crate::rollout::{Command, Plan, is_valid_id};
use crate::timestamp::Timestamp;

/// Path prefix of the control API. Requests below it never reach a variant.
pub const PREFIX: &str = "/__serin/";

/// Most records of a page of the audit.
const MAX_RECORDS: u32 = 1_000;

const GET: &str = "GET, HEAD";

/// A parsed request.
#[derive(Clone, Debug, PartialEq)]
pub enum ApiRequest {
    /// `GET status`.
    Status,
    /// `GET rollouts/current`.
    CurrentRollout,
    /// `GET audit`.
    Audit {
        /// Only records before this `seq`.
        before: Option<u64>,
        /// Most records of the page.
        limit: u32,
    },
    /// `GET series`.
    Series(SeriesQuery),
    /// `GET rollouts`.
    Rollouts {
        /// Only rollouts before this number.
        before: Option<u64>,
        /// Most rollouts of the page.
        limit: u32,
    },
    /// `GET rollouts/ID`.
    Rollout {
        /// Id of the rollout.
        id: String,
        /// Only audit records before this `seq`.
        before: Option<u64>,
        /// Most audit records of the page.
        limit: u32,
    },
    /// `GET locations`.
    Locations {
        /// Only locations whose names come after this one.
        after: String,
        /// Most locations of the page.
        limit: u32,
    },
    /// `GET explain`.
    Explain(Box<ExplainQuery>),
    /// `GET metrics`.
    Metrics,
    /// `GET state`, and `PUT state?dryRun=true` with a valid document.
    State,
    /// `POST rollouts`.
    StartRollout {
        /// Id of the new rollout; made up if absent.
        id: Option<String>,
        /// Plan of the new rollout.
        plan: Box<Plan>,
        /// Check the start, and change nothing.
        dry_run: bool,
        /// Start although no visitor can get the canary.
        anyway: bool,
        /// The share of the first step that the actor expects. Required where the canary has more now.
        percentage: Option<Percentage>,
        /// Whether visitors are assigned again although the canary has visitors.
        reassign: bool,
        /// Actor, for the audit log.
        actor: Actor,
    },
    /// A command to the current rollout, or a halt.
    Command {
        /// Command to execute.
        command: Command,
        /// Actor, for the audit log.
        actor: Actor,
    },
    /// `PUT state`.
    PutState {
        /// The valid document to write.
        document: String,
        /// Actor, for the audit log.
        actor: Actor,
    },
    /// `PUT switches/NAME`.
    PutSwitch {
        /// Switch to set.
        switch: Switch,
        /// Value for KV; none clears the switch.
        value: Option<String>,
        /// Actor, for the audit log.
        actor: Actor,
    },
}

// === impl ApiRequest ===

impl ApiRequest {
    /// Parses a request whose sender is authorized.
    ///
    /// # Errors
    /// The problem to answer with.
    pub fn parse(request: &IncomingRequest<'_>, now: Timestamp) -> Result<Self, Problem> {
        let path = request.path.strip_prefix(PREFIX).ok_or_else(Problem::not_found)?;
        let query = |parsed: Self| match request.method {
            "GET" | "HEAD" => Ok(parsed),
            _ => Err(Problem::method_not_allowed(GET)),
        };
        let command = |command: Command| {
            let body: CommandBody = body::read(request, "POST")?;
            Ok(Self::Command { command, actor: body.actor(request) })
        };
        match path {
            "status" => query(Self::Status),
            "rollouts/current" => query(Self::CurrentRollout),
            "metrics" => query(Self::Metrics),
            "audit" => query(audit(request.query)?),
            "explain" => query(Self::Explain(Box::new(ExplainQuery::parse(request.query)?))),
            "series" => query(Self::Series(SeriesQuery::parse(request.query, now)?)),
            "locations" => {
                let PageQuery { cursor, limit } = PageQuery::parse(request.query, "after")?;
                query(Self::Locations { after: cursor.unwrap_or_default(), limit })
            }
            "rollouts" => match request.method {
                "GET" | "HEAD" => {
                    let (before, limit) = PageQuery::parse_numbered(request.query)?;
                    Ok(Self::Rollouts { before, limit })
                }
                "POST" => start(request),
                _ => Err(Problem::method_not_allowed("GET, HEAD, POST")),
            },
            "rollouts/current/pause" => command(Command::Pause),
            "rollouts/current/resume" => command(Command::Resume),
            "rollouts/current/undo" => command(Command::Undo),
            "rollouts/current/promote" => promote(request),
            "rollouts/current/abort" => abort(request),
            "halt" => command(Command::Halt),
            "resume-canary" => resume_canary(request),
            "state" => match request.method {
                "GET" | "HEAD" => Ok(Self::State),
                "PUT" => put_state(request),
                _ => Err(Problem::method_not_allowed("GET, HEAD, PUT")),
            },
            _ => {
                if let Some(switch) = path.strip_prefix("switches/").and_then(Switch::named) {
                    return put_switch(request, switch, now);
                }
                let id = path.strip_prefix("rollouts/").filter(|id| is_valid_id(id)).ok_or_else(Problem::not_found)?;
                let (before, limit) = PageQuery::parse_numbered(request.query)?;
                query(Self::Rollout { id: id.to_owned(), before, limit })
            }
        }
    }

    /// The switch and its value in KV, where KV alone can do what the request wants: set a switch, or halt the canary by one.
    pub fn by_kv_alone(&self) -> Option<(Switch, Option<String>)> {
        match self {
            Self::PutSwitch { switch, value, .. } => Some((*switch, value.clone())),
            Self::Command { command: Command::Halt, actor } => {
                Some((HALT_SWITCH, Some(switch_value(actor, [("halt".to_owned(), true.into())]))))
            }
            _ => None,
        }
    }

    /// Whether the request changes nothing.
    pub fn is_query(&self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::State
                | Self::CurrentRollout
                | Self::Audit { .. }
                | Self::Explain(_)
                | Self::Series(_)
                | Self::Rollouts { .. }
                | Self::Rollout { .. }
                | Self::Locations { .. }
                | Self::Metrics
                | Self::StartRollout { dry_run: true, .. }
        )
    }
}

fn audit(query: &str) -> Result<ApiRequest, Problem> {
    let (mut before, mut limit) = (None, 100);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        // A query has texts only, so a number is quoted as it was written.
        let invalid = |accepted: &str| {
            Problem::invalid(&name, &format!("{} is not accepted, accepted: {accepted}", shown(&value)))
        };
        match &*name {
            "before" => before = Some(value.parse().map_err(|_| invalid("a record's seq"))?),
            "limit" => {
                let in_range = value.parse().ok().filter(|limit| (1..=MAX_RECORDS).contains(limit));
                limit = in_range.ok_or_else(|| invalid(&format!("1 to {MAX_RECORDS}")))?;
            }
            _ => return Err(Problem::invalid(&shown(&name), "is not known, accepted: before, limit")),
        }
    }
    Ok(ApiRequest::Audit { before, limit })
}

fn start(request: &IncomingRequest<'_>) -> Result<ApiRequest, Problem> {
    let (mut body, plan) = StartBody::read(request)?;
    let dry_run = dry_run(request.query)?;
    let plan = Plan::read(plan)?;
    analysis_config(&plan).map_err(|error| Problem::invalid("analysis", &error))?;
    let id = body.id.take().map(String::from);
    let (plan, reassign, anyway, percentage) = (Box::new(plan), body.reassign, body.anyway, body.percentage);
    Ok(ApiRequest::StartRollout { id, plan, dry_run, anyway, percentage, reassign, actor: body.actor(request) })
}

fn promote(request: &IncomingRequest<'_>) -> Result<ApiRequest, Problem> {
    let body: PromoteBody = body::read(request, "POST")?;
    let command = match body.to {
        PromoteTo::Next => Command::Promote,
        PromoteTo::Full => Command::PromoteFull,
    };
    Ok(ApiRequest::Command { command, actor: body.actor(request) })
}

fn abort(request: &IncomingRequest<'_>) -> Result<ApiRequest, Problem> {
    let mut body: AbortBody = body::read(request, "POST")?;
    let command = Command::Abort { rollout: body.rollout_id.take().map(String::from) };
    Ok(ApiRequest::Command { command, actor: body.actor(request) })
}

fn resume_canary(request: &IncomingRequest<'_>) -> Result<ApiRequest, Problem> {
    let body: ResumeCanaryBody = body::read(request, "POST")?;
    Ok(ApiRequest::Command {
        command: Command::ResumeCanary { percentage: body.percentage },
        actor: body.actor(request),
    })
}

fn put_state(request: &IncomingRequest<'_>) -> Result<ApiRequest, Problem> {
    // As sent: reading the body removes members that are null.
    let document = body::object(request, "PUT")?.remove("state").unwrap_or_default();
    let body: StateBody = body::read(request, "PUT")?;
    if !document.is_object() {
        return Err(InvalidDocument::new("state", &document, "a canary-state document").into());
    }
    let document = document.to_string();
    CanaryState::parse("state", &document)?;
    // A check alone answers what KV has, which the document would replace.
    let put = ApiRequest::PutState { document, actor: body.actor(request) };
    Ok(if dry_run(request.query)? { ApiRequest::State } else { put })
}

fn put_switch(request: &IncomingRequest<'_>, switch: Switch, now: Timestamp) -> Result<ApiRequest, Problem> {
    let mut body: SwitchBody = body::read(request, "PUT")?;
    let is_on = body.on.ok_or_else(|| InvalidDocument::new("on", &Value::Null, "true or false"))?;
    let until = body.until.take().map(String::from);
    if let Some(until) = &until {
        let invalid = |accepted| InvalidDocument::new("until", until, accepted);
        let end = Timestamp::parse(until);
        let end = end.ok_or_else(|| invalid("an RFC 3339 date-time such as 2027-01-15T08:00:00Z"))?;
        if end <= now {
            // A switch with this end would be off at once, and would take the place of one that is on.
            return Err(invalid("a date-time in the future; to clear a switch, set \"on\" to false").into());
        }
    }
    let actor = body.actor(request);
    let value = is_on.then(|| switch_value(&actor, until.map(|until| ("until".to_owned(), until.into()))));
    Ok(ApiRequest::PutSwitch { switch, value, actor })
}

/// The switch by which a halt takes effect where there is no controller.
pub const HALT_SWITCH: Switch = Switch::DisableCanary;

/// The value in KV of a switch that an actor turns on.
fn switch_value(actor: &Actor, details: impl IntoIterator<Item = (String, Value)>) -> String {
    let reason = if actor.reason.is_empty() { &actor.name } else { &actor.reason };
    let mut value = Map::from_iter([("reason".to_owned(), Value::from(reason.as_str()))]);
    value.extend(details);
    Value::from(value).to_string()
}

/// Whether the value of [`HALT_SWITCH`] is that of a halt.
pub fn is_halt(value: &str) -> bool {
    serde_json::from_str::<Value>(value).is_ok_and(|value| value.get("halt") == Some(&Value::Bool(true)))
}

impl From<InvalidDocument> for Problem {
    fn from(error: InvalidDocument) -> Self {
        Self::invalid(&error.field, &error.message)
    }
}

#[cfg(test)]
mod tests;

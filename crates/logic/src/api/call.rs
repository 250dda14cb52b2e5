//! A request, understood: path and method name the call, the body is checked field by field. Unknown fields are refused: a slip of
//! the pen in an order must not become another order.

use serde_json::{Map, Value};

use super::explain::Question;
use crate::controller::analysis_config;
use crate::json;
use crate::policy::document::{Field, parse_object, shown};
use crate::policy::{CanaryState, InvalidDocument, Switch};
use crate::problem::Problem;
use crate::quoted::Quoted;
use crate::rollout::{Command, Plan};
use crate::timestamp::Timestamp;

/// Where the control API lives. No variant ever sees a path below it.
pub const PREFIX: &str = "/__serin/";

/// Longest body, in bytes. A `canary-state` may be larger in KV, but who writes such a thing writes it there.
pub const MAX_BODY: usize = 64 << 10;

/// Longest name or reason, in characters.
const MAX_TEXT: usize = 200;

/// Most rows of a page of the audit.
const MAX_ROWS: u32 = 1_000;

const GET: &str = "GET, HEAD";

/// What came in.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// As sent.
    pub method: &'a str,
    /// As the URL standard leaves it.
    pub path: &'a str,
    /// Without the question mark.
    pub query: &'a str,
    /// The `Content-Type`, if any.
    pub content_type: Option<&'a str>,
    /// The body; empty if none.
    pub body: &'a str,
}

/// On whose account something is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct By {
    /// A person or a pipeline.
    pub who: String,
    /// Their reason.
    pub why: String,
    /// The epoch they looked at.
    pub epoch: Option<u64>,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Where everything stands.
    Status,
    /// Where the rollout stands.
    Current,
    /// What was done.
    Audit {
        /// Only rows before this one.
        before: Option<u64>,
        /// At most so many.
        limit: u32,
    },
    /// Why a key gets the variant it gets.
    Explain(Box<Question>),
    /// Figures for Prometheus.
    Metrics,
    /// A rollout begins.
    Start {
        /// Made up if absent.
        id: Option<String>,
        /// What to do.
        plan: Box<Plan>,
        /// For whom.
        by: By,
    },
    /// An order to the rollout there is, or a halt.
    Order {
        /// Which.
        command: Command,
        /// For whom.
        by: By,
    },
    /// `canary-state` as it is written.
    State,
    /// `canary-state` is replaced.
    PutState {
        /// The document as it is to be written, valid.
        document: String,
        /// For whom.
        by: By,
    },
    /// A switch is thrown or cleared.
    PutSwitch {
        /// Which.
        switch: Switch,
        /// The value for KV; none: cleared.
        value: Option<String>,
        /// For whom.
        by: By,
    },
}

// === impl Call ===

impl Call {
    /// Understands a request whose sender may do what it asks for.
    ///
    /// # Errors
    /// The problem to answer with.
    pub fn parse(request: &Incoming<'_>) -> Result<Self, Problem> {
        let path = request.path.strip_prefix(PREFIX).ok_or_else(Problem::not_found)?;
        let reads = |call: Self| match request.method {
            "GET" | "HEAD" => Ok(call),
            _ => Err(Problem::method_not_allowed(GET)),
        };
        let order = |command: Command| {
            let body = Body::read(request, "POST", &[])?;
            Ok(Self::Order { command, by: body.by()? })
        };
        match path {
            "status" => reads(Self::Status),
            "rollouts/current" => reads(Self::Current),
            "metrics" => reads(Self::Metrics),
            "audit" => reads(audit(request.query)?),
            "explain" => reads(Self::Explain(Box::new(Question::parse(request.query)?))),
            "rollouts" => start(request),
            "rollouts/current/pause" => order(Command::Pause),
            "rollouts/current/resume" => order(Command::Resume),
            "rollouts/current/undo" => order(Command::Undo),
            "rollouts/current/promote" => promote(request),
            "rollouts/current/abort" => abort(request),
            "halt" => order(Command::Halt),
            "resume-canary" => order(Command::ResumeCanary),
            "state" => match request.method {
                "GET" | "HEAD" => Ok(Self::State),
                "PUT" => put_state(request),
                _ => Err(Problem::method_not_allowed("GET, HEAD, PUT")),
            },
            _ => match path.strip_prefix("switches/").and_then(Switch::named) {
                Some(switch) => put_switch(request, switch),
                None => Err(Problem::not_found()),
            },
        }
    }

    /// Whether it leaves everything as it is.
    pub fn is_reading(&self) -> bool {
        matches!(
            self,
            Self::Status | Self::State | Self::Current | Self::Audit { .. } | Self::Explain(_) | Self::Metrics
        )
    }
}

fn audit(query: &str) -> Result<Call, Problem> {
    let (mut before, mut limit) = (None, 100);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let number = |accepted: &str| {
            let invalid =
                || Problem::invalid(&name, &format!("{} is not accepted, accepted: {accepted}", Quoted(&value)));
            value.parse::<u64>().map_err(|_| invalid())
        };
        match &*name {
            "before" => before = Some(number("a row's seq")?),
            "limit" => {
                let accepted = format!("1 to {MAX_ROWS}");
                let many = u32::try_from(number(&accepted)?).unwrap_or(u32::MAX);
                if many == 0 || many > MAX_ROWS {
                    return Err(Problem::invalid(&name, &format!("{many} is not accepted, accepted: {accepted}")));
                }
                limit = many;
            }
            _ => return Err(Problem::invalid(&shown(&name), "is not known, accepted: before, limit")),
        }
    }
    Ok(Call::Audit { before, limit })
}

fn start(request: &Incoming<'_>) -> Result<Call, Problem> {
    let body = Body::open(request, "POST")?;
    let (id, by) = (body.text("id", 64)?, body.by()?);
    // A new object: to take members out of a tree is code that nothing else needs.
    let mut plan = Map::new();
    for (name, value) in &body.0 {
        if !["id", "who", "why", "epoch"].contains(&name.as_str()) {
            json::put(&mut plan, name, value.clone());
        }
    }
    let plan = Plan::read(plan.into())?;
    analysis_config(&plan).map_err(|error| Problem::invalid("analysis", &error))?;
    Ok(Call::Start { id, plan: Box::new(plan), by })
}

fn promote(request: &Incoming<'_>) -> Result<Call, Problem> {
    let body = Body::read(request, "POST", &["to"])?;
    let command = match body.text("to", MAX_TEXT)?.as_deref() {
        None | Some("next") => Command::Promote,
        Some("full") => Command::PromoteFull,
        Some(other) => {
            return Err(Problem::invalid(
                "to",
                &format!(r#"{} is not accepted, accepted: "next" or "full""#, Quoted(other)),
            ));
        }
    };
    Ok(Call::Order { command, by: body.by()? })
}

fn abort(request: &Incoming<'_>) -> Result<Call, Problem> {
    let body = Body::read(request, "POST", &["rolloutId"])?;
    Ok(Call::Order { command: Command::Abort { rollout: body.text("rolloutId", 64)? }, by: body.by()? })
}

fn put_state(request: &Incoming<'_>) -> Result<Call, Problem> {
    let body = Body::read(request, "PUT", &["state"])?;
    let accepted = "a canary-state document";
    let state = Field::of(&body.0, "state");
    let object = state.object(accepted)?.ok_or_else(|| state.invalid(accepted))?;
    let document = json::text(object);
    CanaryState::parse("state", &document)?;
    Ok(Call::PutState { document, by: body.by()? })
}

fn put_switch(request: &Incoming<'_>, switch: Switch) -> Result<Call, Problem> {
    let body = Body::read(request, "PUT", &["on", "until"])?;
    let on = Field::of(&body.0, "on");
    let is_on = on.bool("true or false")?.ok_or_else(|| on.invalid("true or false"))?;
    let until = body.text("until", MAX_TEXT)?;
    if let Some(until) = until.as_deref().filter(|until| Timestamp::parse(until).is_none()) {
        let accepted = "an RFC 3339 date-time such as 2027-01-15T08:00:00Z";
        return Err(Problem::invalid("until", &format!("{} is not accepted, accepted: {accepted}", Quoted(until))));
    }
    let by = body.by()?;
    let value = is_on.then(|| {
        let reason = if by.why.is_empty() { by.who.clone() } else { by.why.clone() };
        let mut value = Map::new();
        value.insert("reason".into(), Value::from(reason));
        if let Some(until) = until {
            value.insert("until".into(), until.into());
        }
        json::text(&value)
    });
    Ok(Call::PutSwitch { switch, value, by })
}

/// The fields of a body.
struct Body(Map<String, Value>);

// === impl Body ===

impl Body {
    /// A body that may have these fields, and those of every order.
    fn read(request: &Incoming<'_>, method: &'static str, fields: &[&str]) -> Result<Self, Problem> {
        let body = Self::open(request, method)?;
        let known = |name: &str| ["who", "why", "epoch"].contains(&name) || fields.contains(&name);
        match body.0.keys().find(|name| !known(name)) {
            None => Ok(body),
            Some(name) => {
                let all: Vec<&str> = fields.iter().copied().chain(["who", "why", "epoch"]).collect();
                Err(Problem::invalid(&shown(name), &format!("is not known, accepted: {}", all.join(", "))))
            }
        }
    }

    fn open(request: &Incoming<'_>, method: &'static str) -> Result<Self, Problem> {
        if request.method != method {
            return Err(Problem::method_not_allowed(method));
        }
        if request.body.len() > MAX_BODY {
            return Err(Problem::too_large(MAX_BODY));
        }
        if request.body.trim().is_empty() {
            return Ok(Self(Map::new()));
        }
        // A form on another site can send text, but not this: its browser would have to ask first.
        let media_type = request.content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(Problem::not_json());
        }
        Ok(Self(parse_object("body", request.body)?))
    }

    fn by(&self) -> Result<By, Problem> {
        let epoch = Field::of(&self.0, "epoch").whole_number("a whole number from 0")?;
        let who = self.text("who", MAX_TEXT)?.filter(|who| !who.is_empty()).unwrap_or_else(|| "admin".to_owned());
        Ok(By { who, why: self.text("why", MAX_TEXT)?.unwrap_or_default(), epoch })
    }

    fn text(&self, name: &'static str, most: usize) -> Result<Option<String>, Problem> {
        let accepted = format!("a string of at most {most} characters");
        let field = Field::of(&self.0, name);
        match field.string(&accepted)? {
            Some(text) if text.chars().count() > most => Err(field.invalid(&accepted).into()),
            text => Ok(text.map(str::to_owned)),
        }
    }
}

impl From<InvalidDocument> for Problem {
    fn from(error: InvalidDocument) -> Self {
        Self::invalid(&error.field, &error.message)
    }
}

#[cfg(test)]
mod tests;

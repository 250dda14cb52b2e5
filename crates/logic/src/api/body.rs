//! Bodies of commands. Unknown fields are refused, because a typing error in a command must not become another command.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::incoming::{IncomingRequest, MAX_BODY};
use crate::document::{self, InvalidDocument};
use crate::percentage::Percentage;
use crate::problem::Problem;
use crate::rollout::is_valid_id;

/// Longest name or reason, in characters.
const MAX_TEXT: usize = 200;

/// Fields of [`StartBody`]; the other fields of its object are the plan's.
const START_FIELDS: [&str; 7] = ["id", "reassign", "anyway", "percentage", "actor", "reason", "epoch"];

/// Actor of a change, for the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Name of a person or a pipeline.
    pub name: String,
    /// The name comes from the request itself and is not verified.
    pub claimed: bool,
    /// Reason of the change.
    pub reason: String,
    /// Epoch that the actor's view of the rollout had.
    pub epoch: Option<u64>,
}

/// A string of at most `MAX` characters.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Text<const MAX: usize>(String);

/// The id of a rollout.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RolloutId(String);

/// Body of `POST rollouts`, without the plan.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StartBody {
    pub(super) id: Option<RolloutId>,
    pub(super) reassign: bool,
    pub(super) anyway: bool,
    pub(super) percentage: Option<Percentage>,
    actor: Option<Text<MAX_TEXT>>,
    reason: Option<Text<MAX_TEXT>>,
    #[serde(deserialize_with = "whole_number")]
    epoch: Option<u64>,
}

/// Body of a command without settings.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CommandBody {
    actor: Option<Text<MAX_TEXT>>,
    reason: Option<Text<MAX_TEXT>>,
    #[serde(deserialize_with = "whole_number")]
    epoch: Option<u64>,
}

/// Body of `POST rollouts/current/promote`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PromoteBody {
    pub(super) to: PromoteTo,
    actor: Option<Text<MAX_TEXT>>,
    reason: Option<Text<MAX_TEXT>>,
    #[serde(deserialize_with = "whole_number")]
    epoch: Option<u64>,
}

/// Target of a promotion.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PromoteTo {
    /// The next step.
    #[default]
    Next,
    /// 100 %.
    Full,
}

/// Body of `POST rollouts/current/abort`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct AbortBody {
    pub(super) rollout_id: Option<RolloutId>,
    actor: Option<Text<MAX_TEXT>>,
    reason: Option<Text<MAX_TEXT>>,
    #[serde(deserialize_with = "whole_number")]
    epoch: Option<u64>,
}

/// Body of `POST resume-canary`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ResumeCanaryBody {
    pub(super) percentage: Option<Percentage>,
    actor: Option<Text<MAX_TEXT>>,
    reason: Option<Text<MAX_TEXT>>,
    #[serde(deserialize_with = "whole_number")]
    epoch: Option<u64>,
}

/// Body of `PUT switches/NAME`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SwitchBody {
    pub(super) on: Option<bool>,
    pub(super) until: Option<Text<MAX_TEXT>>,
    actor: Option<Text<MAX_TEXT>>,
    reason: Option<Text<MAX_TEXT>>,
    #[serde(deserialize_with = "whole_number")]
    epoch: Option<u64>,
}

/// Body of `PUT state`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StateBody {
    pub(super) state: Value,
    actor: Option<Text<MAX_TEXT>>,
    reason: Option<Text<MAX_TEXT>>,
    #[serde(deserialize_with = "whole_number")]
    epoch: Option<u64>,
}

// === impl Actor ===

impl Actor {
    fn new<const MAX: usize>(
        identity: Option<&str>,
        name: Option<Text<MAX>>,
        reason: Option<Text<MAX>>,
        epoch: Option<u64>,
    ) -> Self {
        let claimed = name.map(String::from).filter(|name| !name.is_empty());
        Self {
            name: identity.map(str::to_owned).or(claimed).unwrap_or_else(|| "admin".to_owned()),
            claimed: identity.is_none(),
            reason: reason.map(String::from).unwrap_or_default(),
            epoch,
        }
    }
}

macro_rules! actors {
    ($($body:ty)*) => {
        $(impl $body {
            /// The actor: the verified identity of the request, or else the name in the body.
            pub(super) fn actor(self, request: &IncomingRequest<'_>) -> Actor {
                Actor::new(request.identity, self.actor, self.reason, self.epoch)
            }
        })*
    };
}

actors! { StartBody CommandBody PromoteBody AbortBody ResumeCanaryBody SwitchBody StateBody }

// === impl Text ===

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.chars().count() > MAX {
            Err(format!("too long, expected a string of at most {MAX} characters"))
        } else {
            Ok(Self(text))
        }
    }
}

impl<const MAX: usize> From<Text<MAX>> for String {
    fn from(text: Text<MAX>) -> Self {
        text.0
    }
}

// === impl RolloutId ===

impl TryFrom<String> for RolloutId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        if is_valid_id(&id) {
            Ok(Self(id))
        } else {
            Err(format!("{} is not accepted, accepted: 1 to 64 of A-Z a-z 0-9 . _ -", document::shown(&id)))
        }
    }
}

impl From<RolloutId> for String {
    fn from(id: RolloutId) -> Self {
        id.0
    }
}

// === impl StartBody ===

impl StartBody {
    /// Splits the body into its own fields and the plan.
    pub(super) fn read(request: &IncomingRequest<'_>) -> Result<(Self, Value), Problem> {
        let (own, plan): (Map<_, _>, Map<_, _>) =
            object(request, "POST")?.into_iter().partition(|(name, _)| START_FIELDS.contains(&name.as_str()));
        Ok((document::read("body", own.into())?, plan.into()))
    }
}

/// Reads the body of a request that must have this method.
pub(super) fn read<T: DeserializeOwned>(request: &IncomingRequest<'_>, method: &'static str) -> Result<T, Problem> {
    Ok(document::read("body", object(request, method)?.into())?)
}

/// The members of a body; none if the body is empty.
pub(super) fn object(request: &IncomingRequest<'_>, method: &'static str) -> Result<Map<String, Value>, Problem> {
    if request.method != method {
        return Err(Problem::method_not_allowed(method));
    }
    if request.body.len() > MAX_BODY {
        return Err(Problem::too_large(MAX_BODY));
    }
    if request.body.trim().is_empty() {
        return Ok(Map::new());
    }
    // A form on another site can send text, but not JSON: its browser asks for permission first.
    let media_type = request.content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Problem::not_json());
    }
    match document::parse_json("body", request.body)? {
        Value::Object(members) => Ok(members),
        other => Err(InvalidDocument::new("body", &other, "an object").into()),
    }
}

fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let error = |_| D::Error::custom("not a whole number, expected a whole number from 0");
    u64::deserialize(deserializer).map(Some).map_err(error)
}

//! A phase as it is stored. Read by way of one struct: serde would keep all of an enum's fields aside until it knows which variant it
//! is, and has code of reading for that alone.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Serializer};
use serde_json::Value;

use super::{Phase, PhaseKind};
use crate::json::{self, Unreadable};
use crate::span::Span;
use crate::timestamp::Timestamp;

/// The fields of all phases.
#[derive(Deserialize)]
pub(super) struct Stored {
    phase: PhaseKind,
    step: Option<usize>,
    since: Option<Timestamp>,
    held: Option<u64>,
    at: Option<Timestamp>,
    /// Of a pause or of a rollback.
    #[serde(default)]
    kind: Value,
    who: Option<String>,
    why: Option<String>,
}

impl TryFrom<Stored> for Phase {
    type Error = Unreadable;

    fn try_from(stored: Stored) -> Result<Self, Unreadable> {
        let Stored { phase, step, since, held, at, kind, who, why } = stored;
        let step = || there("step", step);
        let since = || there("since", since);
        let at = || there("at", at);
        Ok(match phase {
            PhaseKind::Progressing => Self::Progressing { step: step()?, since: since()? },
            PhaseKind::Paused => Self::Paused {
                step: step()?,
                held: Span::from_millis(there("held", held)?),
                at: at()?,
                kind: word(&kind)?,
                who: there("who", who)?,
                why: there("why", why)?,
            },
            PhaseKind::Baking => Self::Baking { since: since()? },
            PhaseKind::Completed => Self::Completed { at: at()? },
            PhaseKind::RolledBack => Self::RolledBack {
                step: step()?,
                at: at()?,
                kind: word(&kind)?,
                who: there("who", who)?,
                why: there("why", why)?,
            },
            PhaseKind::Aborted => {
                Self::Aborted { step: step()?, at: at()?, who: there("who", who)?, why: there("why", why)? }
            }
        })
    }
}

fn there<T>(name: &'static str, field: Option<T>) -> Result<T, Unreadable> {
    field.ok_or_else(|| Unreadable::missing_field(name))
}

fn word<T: DeserializeOwned>(kind: &Value) -> Result<T, Unreadable> {
    if kind.is_null() { Err(Unreadable::missing_field("kind")) } else { json::read(kind) }
}

/// Milliseconds, as all of the state's times.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
pub(super) fn in_ms<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(span.as_millis())
}

//! The controller's history, for people: a row for each minute, one for each rollout, one for each location. Nothing here
//! decides anything, so a row that is lost or cannot be read costs a gap in a picture.

/// Counts of a location.
mod location;
/// One minute of both variants.
mod minute;
/// A rollout from its start to its end.
mod past_rollout;

pub use self::location::Location;
pub use self::minute::{KEPT, Minute, MinuteCounts, MinuteEvidence};
pub use self::past_rollout::{MAX_ROLLOUTS, PastRollout, Versions};

//! What operators wrote, and what holds: from the texts in KV to the policy a decision is made by.

pub mod amendment;
pub mod canary_state;
pub mod document;
pub mod matcher;
mod one_of;
pub mod overlay;
pub mod pattern;
mod prefixes;
pub mod rules;
pub mod snapshot;
pub mod switches;

pub use amendment::Amendment;
pub use canary_state::CanaryState;
pub use document::InvalidDocument;
pub use overlay::Overlay;
pub use snapshot::Snapshot;
pub use switches::{Switch, Switches};

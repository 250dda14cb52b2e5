//! The policy: the documents that operators write, validated and ready for decisions.

pub mod canary_state;
mod patch;
pub mod rules;
pub mod switches;

pub use canary_state::{CanaryState, Metadata};
pub use patch::{PolicyPatch, Ring, Target};
pub use switches::{Switch, Switches};

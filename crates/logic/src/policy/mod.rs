//! The policy: the documents that operators write, validated and ready for decisions.

pub mod canary_state;
mod kv_values;
mod patch;
pub mod rules;
mod switch_order;
pub mod switches;

pub use canary_state::{CanaryState, Metadata};
pub use kv_values::{KvReading, KvValues};
pub use patch::{PolicyPatch, Ring, Target};
pub use switch_order::{KV_SPREADS, SwitchOrder, SwitchOrders};
pub use switches::{Switch, Switches};

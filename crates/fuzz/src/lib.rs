//! Fuzz targets: each hands one parser arbitrary bytes and checks its invariants.
//!
//! Two engines run the same targets: `tests/bounded.rs` replays the corpus and a fixed number of mutations of it within `cargo test`;
//! `src/main.rs` is libFuzzer, which is guided by coverage, and is started by `npm run fuzz`.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, reason = "a finding is a panic")]

pub mod mutation;
pub mod targets;

/// Checks one input. A target reports a finding by a panic.
pub type Check = fn(&[u8]);

/// Every target by its name, which is also the name of its directory in `corpus/`.
pub const TARGETS: [(&str, Check); 15] = [
    ("batch", targets::batch::check),
    ("canary_state", targets::canary_state::check),
    ("check_answer", targets::check_answer::check),
    ("control_api", targets::control_api::check),
    ("cookies", targets::cookies::check),
    ("health_query", targets::health_query::check),
    ("numbers", targets::numbers::check),
    ("overlay", targets::overlay::check),
    ("override_token", targets::override_token::check),
    ("pattern", targets::pattern::check),
    ("plan", targets::plan::check),
    ("rules", targets::rules::check),
    ("sticky_key", targets::sticky_key::check),
    ("stored", targets::stored::check),
    ("switches", targets::switches::check),
];

/// The target with this name.
pub fn named(name: &str) -> Option<Check> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, check)| *check)
}

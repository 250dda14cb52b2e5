//! The Workers runtime as Serin sees it. The request path (`src`) and the control plane (`control`) are two Wasm modules; this is
//! what both need of JavaScript. No decisions here.
#![allow(clippy::must_use_candidate, reason = "what JavaScript gives is for its callers to use or not")]

/// What wrangler.toml binds, by its name.
pub mod bindings;
/// The one place that reads the time.
pub mod clock;
/// A wait that ends.
pub mod deadline;
/// What JavaScript threw.
pub mod exception;
/// What JavaScript offers, under its own names.
pub mod javascript;
/// The policy as it is in KV.
pub mod kv;
/// One JSON line for what an operator must know.
pub mod log;
/// The one place that draws random numbers.
pub mod randomness;
/// Answers of Serin's own, and work behind them.
pub mod respond;
/// What wrangler.toml says in words and numbers.
pub mod settings;

/// Two-level segregated fit (Masmano et al., 2004), in its form for small code: constant time, and memory that is freed is used again.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

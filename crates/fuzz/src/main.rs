//! Runs libFuzzer with the target that `SERIN_FUZZ_TARGET` names. `npm run fuzz` starts it.
#![no_main]

use std::env;
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use rustix::time::{ClockId, clock_gettime};
use serin_fuzz::{Check, named};

/// A slower input is a finding, because the time must grow evenly with the input: what grows faster takes seconds for the longest one.
/// A target parses its input several times, with coverage, and often beside other work.
const LONGEST: Duration = Duration::from_millis(50);

/// Number of tries, of which the fastest counts, because other processes share the machine's caches.
const TRIES: usize = 20;

static CHECK: LazyLock<Check> = LazyLock::new(|| {
    let name = env::var("SERIN_FUZZ_TARGET").unwrap_or_default();
    named(&name).unwrap_or_else(|| stop(&format!("SERIN_FUZZ_TARGET: {name:?} is no target")))
});

fuzz_target!(|input: &[u8]| {
    let is_slow = (0..TRIES).all(|_| took(input) > LONGEST);
    assert!(!is_slow, "took more than {LONGEST:?} each time of {TRIES}");
});

/// The processor's time of one run of the target, not the time on the wall: the machine has other work.
fn took(input: &[u8]) -> Duration {
    let begun = processor_time();
    CHECK(black_box(input));
    processor_time().saturating_sub(begun)
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[expect(clippy::panic, reason = "there is nothing to run")]
fn stop(why: &str) -> ! {
    panic!("{why}")
}

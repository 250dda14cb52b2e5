//! The one place that draws random numbers.

/// Draws 128 bits. `None` where the runtime gives no randomness.
pub(crate) fn bits() -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).is_ok().then_some(bytes)
}

/// Draws a number, uniform in 0.0..1.0; 0.5 where the runtime gives no randomness.
pub(crate) fn fraction() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}

//! Fractions as text, as `core` writes them, whose own code of it is 12 KiB: shortest by way of the digits that JSON gets, rounded by
//! way of whole numbers.

use core::fmt;

use serde_json::Number;

/// The shortest decimal that is this number, as `{}` writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal(pub(crate) f64);

/// A number to so many places, at most three, as `{:.N}` writes it: to even where it is halfway. For numbers from 0 on; what is beyond 2^64
/// is cut to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounded<const PLACES: usize>(pub(crate) f64);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(number) = Number::from_f64(self.0) else {
            let sign = if self.0 < 0.0 { "-" } else { "" };
            return if self.0.is_nan() { f.write_str("NaN") } else { write!(f, "{sign}inf") };
        };
        let text = number.to_string();
        let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |text| ("-", text));
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent: i32 = exponent.parse().unwrap_or_default();
        // How many places the point is moved, and what it then stands in.
        let places = exponent.unsigned_abs() as usize;
        let (mut before, mut after) = (whole.to_owned(), fraction.to_owned());
        for _ in 0..places {
            if exponent > 0 {
                before.push(if after.is_empty() { '0' } else { after.remove(0) });
            } else {
                after.insert(0, before.pop().unwrap_or('0'));
            }
        }
        let before = before.trim_start_matches('0');
        let after = after.trim_end_matches('0');
        let before = if before.is_empty() { "0" } else { before };
        write!(f, "{sign}{before}")?;
        if after.is_empty() { Ok(()) } else { write!(f, ".{after}") }
    }
}

impl<const PLACES: usize> fmt::Display for Rounded<PLACES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rounded(self.0, PLACES, f)
    }
}

fn write_rounded(number: f64, places: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if number.is_nan() {
        return f.write_str("NaN");
    }
    let (whole, rest) = rounded(number, places);
    write!(f, "{whole}")?;
    if places == 0 { Ok(()) } else { write!(f, ".{rest:0places$}") }
}

/// What is before the point, and how many of the last place's units there are after it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to the range")]
fn rounded(number: f64, places: usize) -> (u64, u64) {
    /// Bits of a double's fraction, and what its exponent is above its value for a fraction that is read as a whole number.
    const FRACTION: u32 = 52;
    const BIAS: u32 = 1_075;

    let unit = [1, 10, 100, 1_000].into_iter().nth(places).unwrap_or(1_000);
    let number = number.clamp(0.0, 1.8e19);
    let whole = number as u64;
    let bits = (number - whole as f64).to_bits();
    let (exponent, fraction) = ((bits >> FRACTION) as u32, bits & ((1 << FRACTION) - 1));
    // The smallest of all have no leading one; they are 0 here. Below 2^63, and the shift is 53 or more, as this is below 1.
    let scaled = (fraction | 1 << FRACTION) * unit;
    let count = match BIAS.saturating_sub(exponent) {
        shift @ 1..64 => {
            let (count, rest, half) = (scaled >> shift, scaled & ((1 << shift) - 1), 1 << (shift - 1));
            let is_odd = if places == 0 { whole % 2 == 1 } else { count % 2 == 1 };
            count + u64::from(rest > half || (rest == half && is_odd))
        }
        _ => 0,
    };
    if count == unit { (whole + 1, 0) } else { (whole, count) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_rounded(number: f64) {
        assert_eq!(Rounded::<0>(number).to_string(), format!("{number:.0}"));
        assert_eq!(Rounded::<1>(number).to_string(), format!("{number:.1}"));
        assert_eq!(Rounded::<2>(number).to_string(), format!("{number:.2}"));
    }

    proptest! {
        #[test]
        fn shortest_is_as_core_writes_it(number in any::<f64>(), part in 0_u32..100_000_000, digits in 0..9_i32) {
            prop_assert_eq!(Decimal(number).to_string(), number.to_string());
            let number = f64::from(part) / 10_f64.powi(digits);
            prop_assert_eq!(Decimal(number).to_string(), number.to_string());
        }

        #[test]
        fn rounded_is_as_core_writes_it(number in 0.0..1e6, part in 0_u32..100_000, eighths in any::<u32>(), any in 0.0..1.8e19) {
            check_rounded(number);
            check_rounded(f64::from(part) / 1e3);
            check_rounded(f64::from(eighths) / 8.0);
            check_rounded(any);
        }
    }

    #[test]
    fn so_are_the_ends_of_the_range() {
        for number in [0.0, -0.0, 1.0, 100.0, 0.5, 1e-6, 1e15, 1e16, 1e23, 1e300, f64::MAX, f64::MIN_POSITIVE, 5e-324] {
            assert_eq!(Decimal(number).to_string(), number.to_string());
            assert_eq!(Decimal(-number).to_string(), (-number).to_string());
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Decimal(number).to_string(), number.to_string());
        }
        for number in
            [0.0, 0.005, 0.125, 0.375, 0.5, 1.5, 2.5, 99.995, 100.0, 5e-324, 1e-20, 4e15, 9_007_199_254_740_993.0]
        {
            check_rounded(number);
        }
        assert_eq!(Rounded::<2>(f64::NAN).to_string(), "NaN");
    }
}

//! A time zone's offset, as JavaScript's `Intl` names it.

/// Reads the name of an offset, `GMT` or `GMT+05:30`, as minutes ahead of UTC. `None` for any other text.
pub fn parse(name: &str) -> Option<i32> {
    let offset = name.strip_prefix("GMT")?;
    if offset.is_empty() {
        return Some(0);
    }
    let (sign, time) = match offset.split_at_checked(1)? {
        ("+", time) => (1, time),
        ("-", time) => (-1, time),
        _ => return None,
    };
    let (hours, minutes) = time.split_once(':')?;
    let number = |digits: &str| digits.parse::<i32>().ok().filter(|_| digits.len() == 2 && !digits.starts_with('+'));
    Some(sign * (number(hours)? * 60 + number(minutes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_minutes_ahead_of_utc() {
        for (name, minutes) in [("GMT", 0), ("GMT+05:30", 330), ("GMT-08:00", -480), ("GMT+14:00", 840)] {
            assert_eq!(parse(name), Some(minutes), "{name}");
        }
    }

    #[test]
    fn another_text_is_no_offset() {
        for name in
            ["", "UTC", "GMT+5", "GMT+05", "GMT+5:30", "GMT+005:30", "GMT*05:30", "GMT++5:30", "GMT+05:30:00", "gmt"]
        {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}

//! Texts of others in messages.

use core::fmt::{self, Write as _};

/// A text between quotation marks, its own and control characters escaped. `{:?}` would bring tables of what is printable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            if character.is_control() || matches!(character, '"' | '\\') {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_end_its_quotation_nor_steer_a_terminal() {
        let quoted = Quoted("Grüße \"a\\b\" it's 日\u{1b}[2J\u{9b}\n").to_string();
        assert_eq!(quoted, "\"Grüße \\\"a\\\\b\\\" it's 日\\u{1b}[2J\\u{9b}\\n\"");
    }
}

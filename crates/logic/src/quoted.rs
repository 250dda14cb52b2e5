//! Texts of others in messages.

use core::fmt::{self, Write as _};

/// A text between quotation marks; its own, control characters and what cannot be seen are escaped. `{:?}` would bring tables of all that
/// is printable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            if character.is_control() || is_unseen(character) || matches!(character, '"' | '\\') {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        f.write_char('"')
    }
}

/// Zero-width characters, line ends, and those that turn the direction of a text: they make it look like another one.
const fn is_unseen(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_end_its_quotation_nor_steer_a_terminal() {
        let quoted = Quoted("Grüße \"a\\b\" it's 日\u{1b}[2J\u{9b}\n\u{202e}").to_string();
        assert_eq!(quoted, "\"Grüße \\\"a\\\\b\\\" it's 日\\u{1b}[2J\\u{9b}\\n\\u{202e}\"");
    }
}

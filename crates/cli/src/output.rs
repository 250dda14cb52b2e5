//! Output. Results go to standard output and errors to standard error. Colours are omitted without a terminal and when `NO_COLOR` is
//! set.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};

/// Style of a good result.
pub(crate) const GOOD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
/// Style of a warning.
pub(crate) const CAUTION: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
/// Style of a bad result.
pub(crate) const BAD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
/// Style of the most important text.
pub(crate) const STRONG: Style = Style::new().bold();

/// Prints one or more lines. A closed pipe, as with `| head`, is not an error.
pub(crate) fn line(text: &str) {
    if let Err(error) = writeln!(anstream::stdout(), "{text}") {
        // The reader has closed the pipe, so the rest of the output is not needed.
        std::process::exit(i32::from(error.kind() != ErrorKind::BrokenPipe));
    }
}

/// Prints a line to standard error.
pub(crate) fn error_line(text: &str) {
    // If this write fails too, there is no other place for the error.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Whether standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// A value in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// A table without rules, for people and for `grep`. At least two spaces separate the columns.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.to_vec());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// A text, or `None` if it is empty.
pub(crate) fn present(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Names and values in two columns. A name without a value is omitted.
pub(crate) fn sheet(rows: Vec<(&str, Option<String>)>) -> String {
    let width = rows.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = rows.into_iter().filter_map(|(name, value)| {
        let value = value?.replace('\n', &format!("\n{:width$}  ", ""));
        Some(format!("{name:width$}  {value}").trim_end().to_owned())
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_leaves_out_what_is_not_known_and_aligns_the_rest() {
        let rows = vec![("id", Some("r1".into())), ("why", None), ("percentage", Some("5 %\nof DE".into()))];
        assert_eq!(sheet(rows), "id          r1\npercentage  5 %\n            of DE");
    }

    #[test]
    fn a_table_has_no_blanks_at_the_ends_of_its_lines() {
        let rows = vec![vec!["a".into(), "1".into()], vec!["bbbb".into(), String::new()]];
        assert_eq!(table(&["name", "n"], rows), "name  n\na     1\nbbbb");
    }
}

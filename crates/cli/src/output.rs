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

/// Columns of the narrowest text that is wrapped beside others.
const NARROWEST: usize = 24;

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

/// Columns of the output: `COLUMNS`, or the terminal's. Without a terminal lines are not wrapped.
pub(crate) fn width() -> usize {
    let variable = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    variable.or_else(terminal).filter(|columns| *columns > 0).unwrap_or(usize::MAX)
}

/// Lines of at most `width` columns, made of items that are not broken, with `separator` between two on a line. A single item may be longer.
pub(crate) fn wrapped<'a>(items: impl IntoIterator<Item = &'a str>, separator: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut().filter(|line| columns(line) + columns(separator) + columns(item) <= width) {
            Some(line) => {
                line.push_str(separator);
                line.push_str(item);
            }
            None => lines.push(item.to_owned()),
        }
    }
    lines
}

/// Columns of a text without its escape sequences.
pub(crate) fn columns(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

/// A value in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// A table without rules, for people and for `grep`. At least two spaces separate the columns.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    table_in(header, rows, usize::MAX)
}

/// The same in `width` columns: the last column is wrapped between words.
pub(crate) fn table_in(header: &[&str], mut rows: Vec<Vec<String>>, width: usize) -> String {
    let others = header.len().saturating_sub(1);
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(cell));
        cells.chain(header.get(column).map(|name| columns(name))).max().unwrap_or_default() + 2
    };
    // A column that is too narrow to read is not wrapped.
    let room = width.saturating_sub((0..others).map(widest).sum()).max(NARROWEST);
    for cell in rows.iter_mut().filter_map(|row| row.get_mut(others)) {
        *cell = wrapped(cell.split(' '), " ", room).join("\n");
    }
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
    sheet_in(rows, usize::MAX)
}

/// The same in `width` columns: values are wrapped between words.
pub(crate) fn sheet_in(rows: Vec<(&str, Option<String>)>, width: usize) -> String {
    let names = rows.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name.len()).max().unwrap_or_default();
    let room = width.saturating_sub(names + 2);
    let lines = rows.into_iter().filter_map(|(name, value)| {
        let value = value?;
        let lines: Vec<String> = value.lines().flat_map(|line| wrapped(line.split(' '), " ", room)).collect();
        let value = lines.join(&format!("\n{:names$}  ", ""));
        Some(format!("{name:names$}  {value}").trim_end().to_owned())
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
    fn the_last_column_of_a_table_is_wrapped_between_words() {
        let account = "one two three four five six seven".to_owned();
        let text = table_in(&["n", "account"], vec![vec!["1".into(), account]], 30);
        assert_eq!(text, "n  account\n1  one two three four five six\n   seven");
    }

    #[test]
    fn values_are_wrapped_between_words() {
        let rows = vec![("id", Some("r1".into())), ("why", Some("a bb ccc dddddddddd".into()))];
        assert_eq!(sheet_in(rows, 12), "id   r1\nwhy  a bb\n     ccc\n     dddddddddd");
        let coloured = styled(BAD, "red");
        assert_eq!(wrapped([coloured.as_str(), "x"], " ", 5).len(), 1, "an escape sequence has no columns");
    }

    #[test]
    fn a_table_has_no_blanks_at_the_ends_of_its_lines() {
        let rows = vec![vec!["a".into(), "1".into()], vec!["bbbb".into(), String::new()]];
        assert_eq!(table(&["name", "n"], rows), "name  n\na     1\nbbbb");
    }
}

//! Questions to the person at the terminal. An answer that is not accepted is asked for again.

use std::io::{BufRead, Write};

use crate::exit::Failure;

/// A terminal that asks and is answered.
pub(super) struct Questions<I, O> {
    input: I,
    output: O,
}

// === impl Questions ===

impl<I: BufRead, O: Write> Questions<I, O> {
    pub(super) fn new(input: I, output: O) -> Self {
        Self { input, output }
    }

    /// Asks until `accept` takes the answer. An empty line stands for `usual`.
    ///
    /// # Errors
    /// The input ended, or the terminal failed.
    pub(super) fn ask(
        &mut self,
        question: &str,
        usual: Option<&str>,
        accept: impl Fn(&str) -> Result<String, String>,
    ) -> Result<String, Failure> {
        loop {
            match usual {
                Some(usual) if !usual.is_empty() => self.print(&format!("{question} [{usual}]: "))?,
                _ => self.print(&format!("{question}: "))?,
            }
            let mut line = String::new();
            let length = self.input.read_line(&mut line).map_err(|error| broken(&error.to_string()))?;
            if length == 0 {
                return Err(broken("the input ended"));
            }
            let answer = Some(line.trim()).filter(|answer| !answer.is_empty()).or(usual).unwrap_or_default();
            match accept(answer) {
                Ok(answer) => return Ok(answer),
                Err(why) => self.print(&format!("{why}\n"))?,
            }
        }
    }

    /// Asks for one of `words`. An empty line stands for the first.
    ///
    /// # Errors
    /// The input ended, or the terminal failed.
    pub(super) fn choose(&mut self, question: &str, words: [&str; 2]) -> Result<String, Failure> {
        let [usual, other] = words;
        self.ask(&format!("{question} ({usual}, {other})"), Some(usual), |answer| {
            let wrong = || format!("{answer:?} is neither, accepted: {usual} or {other}");
            words.contains(&answer).then(|| answer.to_owned()).ok_or_else(wrong)
        })
    }

    fn print(&mut self, text: &str) -> Result<(), Failure> {
        let printed = self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush());
        printed.map_err(|error| broken(&error.to_string()))
    }
}

fn broken(why: &str) -> Failure {
    Failure::Failed(format!("{why}, nothing was written; options can answer all questions: `serin init --help`"))
}

#[cfg(test)]
mod tests {
    use super::super::configuration::worker_name;
    use super::*;

    fn asked(input: &str, usual: Option<&str>) -> (Result<String, String>, String) {
        let mut output = Vec::new();
        let answer = Questions::new(input.as_bytes(), &mut output).ask("Name", usual, worker_name);
        (answer.map_err(|failure| failure.to_string()), String::from_utf8(output).unwrap())
    }

    #[test]
    fn an_answer_that_is_not_accepted_is_asked_for_again() {
        let (answer, output) = asked("My Shop\n\n shop \n", None);
        assert_eq!(answer.as_deref(), Ok("shop"));
        assert_eq!((output.matches("Name: ").count(), output.matches("accepted").count()), (3, 2), "{output}");
    }

    #[test]
    fn an_empty_line_is_the_usual_answer() {
        assert_eq!(asked("\n", Some("shop-canary")), (Ok("shop-canary".into()), "Name [shop-canary]: ".into()));
    }

    #[test]
    fn a_choice_takes_one_of_its_words() {
        let chosen = |input: &str| {
            let mut output = Vec::new();
            let answer = Questions::new(input.as_bytes(), &mut output).choose("Which", ["worker", "version"]);
            (answer.unwrap_or_default(), String::from_utf8(output).unwrap())
        };
        assert_eq!(chosen("\n"), ("worker".into(), "Which (worker, version) [worker]: ".into()));
        let (answer, output) = chosen("both\nversion\n");
        assert_eq!((answer.as_str(), output.contains("accepted: worker or version")), ("version", true), "{output}");
    }

    #[test]
    fn the_end_of_the_input_is_an_error() {
        assert!(asked("", Some("shop-canary")).0.unwrap_err().contains("nothing was written"));
    }
}

//! `serin status`: what is happening, why, what comes next, and what an operator can do.

use crate::client::Client;
use crate::connection::Connection;
use crate::exit::Failure;
use crate::{output, status_view};

pub(super) fn run(connection: &Connection) -> Result<(), Failure> {
    let answer = Client::new(connection)?.get("status")?;
    if connection.json {
        output::line(answer.text.trim_end());
    } else {
        output::line(&status_view::text(&answer.read()?, output::width()));
    }
    Ok(())
}

//! The controller's history, in tables of its own: minutes for seven days, the last thousand rollouts, and the locations. A
//! row that cannot be read is left out, because a picture with a gap is better than none. A report costs two rows read and two written.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serin_logic::Timestamp;
use serin_logic::api::{
    AuditPage, LocationView, NumberedRollout, Page, RolloutDetail, RolloutView, SeriesPage, SeriesQuery,
};
use serin_logic::controller::Controller;
use serin_logic::document::parse_own;
use serin_logic::history::{KEPT, Location, MAX_ROLLOUTS, Minute, PastRollout, Versions};
use serin_logic::telemetry::Sample;
use worker::SqlStorageValue;

use super::store::{StorageError, Store, number};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS series (minute INTEGER PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS locations (name TEXT PRIMARY KEY, reported INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS rollouts (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, started TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (id, started));
";

/// Shortest time between two records of a location that reports no counts.
const QUIET_MS: i64 = 60_000;

/// The tables of the past.
pub(crate) struct History<'a> {
    store: &'a Store,
}

#[derive(Deserialize)]
struct MinuteRow {
    minute: i64,
    body: String,
}

#[derive(Deserialize)]
struct LocationRow {
    name: String,
    reported: i64,
    body: String,
}

#[derive(Deserialize)]
struct RolloutRow {
    number: u64,
    body: String,
}

// === impl History ===

impl<'a> History<'a> {
    pub(super) fn open(store: &'a Store) -> Result<Self, StorageError> {
        store.sql.exec(SCHEMA, None).map_err(StorageError::Sql)?;
        Ok(Self { store })
    }

    /// Notes how the rollout stands in this minute.
    pub(crate) fn note(&self, controller: &Controller, now: Timestamp) -> Result<(), StorageError> {
        self.record(controller, None, now)
    }

    /// Counts what a location reported, in this minute and for the location.
    pub(crate) fn count(
        &self,
        controller: &Controller,
        location: &str,
        sample: Option<&Sample>,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        if sample.is_some() {
            self.record(controller, sample, now)?;
        }
        let select = "SELECT name, reported, body FROM locations WHERE name = ?";
        let row = self.store.select::<LocationRow>(select, vec![location.into()])?.into_iter().next();
        let is_known = |row: &LocationRow| (0..QUIET_MS).contains(&(now.as_millis() - row.reported));
        if sample.is_none() && row.as_ref().is_some_and(is_known) {
            return Ok(());
        }
        let mut counts: Location = row.and_then(|row| read(&row.body)).unwrap_or_default();
        if let Some(sample) = sample {
            counts.add(sample);
        }
        let insert = "INSERT OR REPLACE INTO locations (name, reported, body) VALUES (?, ?, ?)";
        self.write(insert, vec![location.into(), now.as_millis().into(), text(&counts)?.into()])
    }

    /// Remembers the versions of a rollout that has just begun.
    pub(crate) fn begin(
        &self,
        controller: &Controller,
        versions: Versions,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let Some(view) = RolloutView::new(controller, now) else { return Ok(()) };
        self.update(&view, |past| past.versions = versions)?;
        let delete = "DELETE FROM rollouts WHERE number <= (SELECT MAX(number) FROM rollouts) - ?";
        self.write(delete, vec![i64::from(MAX_ROLLOUTS).into()])
    }

    /// Brings the record of the rollout up to how it stands. `audited`: numbers of its new entries in the audit log.
    pub(crate) fn follow(&self, controller: &Controller, audited: &[u64], now: Timestamp) -> Result<(), StorageError> {
        if audited.is_empty() {
            return Ok(());
        }
        let Some(view) = RolloutView::new(controller, now) else { return Ok(()) };
        self.update(&view, |past| audited.iter().for_each(|seq| past.note_entry(*seq)))
    }

    /// A page of the series.
    pub(crate) fn series(&self, query: &SeriesQuery) -> Result<SeriesPage, StorageError> {
        let (from, to) = query.page();
        let select = "SELECT minute, body FROM series WHERE minute >= ? AND minute < ? ORDER BY minute";
        let rows: Vec<MinuteRow> = self.store.select(select, vec![from.into(), to.into()])?;
        let minutes = rows.iter().filter_map(|row| Some((row.minute, read(&row.body)?)));
        Ok(SeriesPage::new(query, minutes))
    }

    /// Rollouts before this number, newest first.
    pub(crate) fn rollouts(&self, before: Option<u64>, limit: u32) -> Result<Page<NumberedRollout>, StorageError> {
        let select = "SELECT number, body FROM rollouts WHERE number < ? ORDER BY number DESC LIMIT ?";
        let before = before.map_or(SqlStorageValue::Float(9e15), number);
        let rows: Vec<RolloutRow> = self.store.select(select, vec![before, i64::from(limit).into()])?;
        let is_full = rows.len() as u64 == u64::from(limit);
        let next = rows.last().filter(|row| is_full && row.number > 1).map(|row| row.number.to_string());
        Ok(Page { rows: rows.iter().filter_map(RolloutRow::numbered).collect(), next })
    }

    /// The last rollout of this id, with its series and a page of its audit; none if it is not remembered.
    pub(crate) fn rollout(
        &self,
        id: &str,
        before: Option<u64>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<RolloutDetail<Value>>, StorageError> {
        let select = "SELECT number, body FROM rollouts WHERE id = ? ORDER BY number DESC LIMIT 1";
        let rows: Vec<RolloutRow> = self.store.select(select, vec![id.into()])?;
        let Some(rollout) = rows.first().and_then(RolloutRow::numbered) else { return Ok(None) };
        let PastRollout { started_at, ended_at, first_seq, last_seq, .. } = &rollout.rollout;
        let start = Timestamp::parse(started_at).unwrap_or(now);
        let end = ended_at.as_deref().and_then(Timestamp::parse).unwrap_or(now);
        let series = self.series(&SeriesQuery::between(start, end, None, now))?;
        let last = before.map_or(u64::MAX, |before| before.saturating_sub(1)).min(last_seq.unwrap_or_default());
        let (rows, next) = self.store.entries_between(first_seq.unwrap_or_default(), last, limit)?;
        Ok(Some(RolloutDetail { rollout, series, audit: AuditPage { rows, next } }))
    }

    /// Locations whose names come after this one, by name.
    pub(crate) fn locations(&self, after: &str, limit: u32) -> Result<Page<LocationView>, StorageError> {
        let select = "SELECT name, reported, body FROM locations WHERE name > ? ORDER BY name LIMIT ?";
        let rows: Vec<LocationRow> = self.store.select(select, vec![after.into(), i64::from(limit).into()])?;
        let next = rows.last().filter(|_| rows.len() as u64 == u64::from(limit)).map(|row| row.name.clone());
        let view = |row: LocationRow| {
            let counts: Location = read(&row.body)?;
            Some(LocationView::new(row.name, Timestamp::from_millis(row.reported), &counts))
        };
        Ok(Page { rows: rows.into_iter().filter_map(view).collect(), next })
    }

    /// Adds outcomes to this minute, and notes how the rollout stands. A new minute removes the oldest ones.
    fn record(&self, controller: &Controller, sample: Option<&Sample>, now: Timestamp) -> Result<(), StorageError> {
        let number = Minute::number(now);
        let select = "SELECT minute, body FROM series WHERE minute = ?";
        let row = self.store.select::<MinuteRow>(select, vec![number.into()])?.into_iter().next();
        if row.is_none() {
            let oldest = Minute::number(now.before(KEPT));
            self.write("DELETE FROM series WHERE minute < ?", vec![oldest.into()])?;
            let oldest = now.before(KEPT).as_millis();
            self.write("DELETE FROM locations WHERE reported < ?", vec![oldest.into()])?;
        }
        let mut minute: Minute = row.and_then(|row| read(&row.body)).unwrap_or_default();
        minute.note(controller);
        if let Some(sample) = sample {
            minute.add(sample);
        }
        let insert = "INSERT OR REPLACE INTO series (minute, body) VALUES (?, ?)";
        self.write(insert, vec![number.into(), text(&minute)?.into()])
    }

    fn update(&self, view: &RolloutView, change: impl FnOnce(&mut PastRollout)) -> Result<(), StorageError> {
        let key = || vec![view.id.as_str().into(), view.started_at.as_str().into()];
        let select = "SELECT number, body FROM rollouts WHERE id = ? AND started = ?";
        let row = self.store.select::<RolloutRow>(select, key())?.into_iter().next();
        let mut past = row.as_ref().and_then(RolloutRow::numbered).unwrap_or_default().rollout;
        past.follow(view);
        change(&mut past);
        let insert = "INSERT INTO rollouts (id, started, body) VALUES (?, ?, ?)
            ON CONFLICT (id, started) DO UPDATE SET body = excluded.body";
        self.write(insert, [key(), vec![text(&past)?.into()]].concat())
    }

    fn write(&self, statement: &str, values: Vec<SqlStorageValue>) -> Result<(), StorageError> {
        self.store.sql.exec(statement, values).map(|_| ()).map_err(StorageError::Sql)
    }
}

// === impl RolloutRow ===

impl RolloutRow {
    fn numbered(&self) -> Option<NumberedRollout> {
        Some(NumberedRollout { number: self.number, rollout: read(&self.body)? })
    }
}

/// A row's body; none where it cannot be read.
fn read<T: DeserializeOwned>(body: &str) -> Option<T> {
    parse_own("history", body).ok()
}

fn text(row: &impl serde::Serialize) -> Result<String, StorageError> {
    serde_json::to_string(row).map_err(|source| StorageError::Unwritable { name: "history".to_owned(), source })
}

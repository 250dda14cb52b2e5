//! A Durable Object's SQLite: named JSON documents, and the audit log. It is the truth, because memory is lost with every eviction. Each
//! transaction loads what it needs and stores what it changed without waiting in between: the platform then stores all of it or nothing,
//! and delivers no other event meanwhile.
//! <https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/>

use std::cell::RefCell;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serin_logic::api::AuditRecord;
use serin_logic::document::{InvalidDocument, parse_own};
use worker::{SqlStorage, SqlStorageValue, State};

use super::history::History;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, machine INTEGER UNIQUE, body TEXT NOT NULL);
";

/// An object's tables.
pub(crate) struct Store {
    pub(super) sql: SqlStorage,
    /// Entries of changes that are not the rollout machine's, with their numbers.
    changes: RefCell<Vec<AuditRecord>>,
}

/// Why a document was not read or written. An object that cannot read its state does nothing: what cannot be read is not empty.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("storage: {0}")]
    Sql(worker::Error),
    #[error("a stored document cannot be read: {0}")]
    Unreadable(InvalidDocument),
    #[error("{name} cannot be written as JSON: {source}")]
    Unwritable { name: String, source: serde_json::Error },
}

/// A document, and the text that is stored for it; none if it was never stored.
pub(crate) struct Loaded<T> {
    pub(crate) document: T,
    pub(crate) text: Option<String>,
}

#[derive(Deserialize)]
struct DocumentRow {
    body: String,
}

#[derive(Deserialize)]
struct AuditRow {
    seq: u64,
    body: String,
}

// === impl Store ===

impl Store {
    pub(crate) fn open(state: &State) -> Result<Self, StorageError> {
        let store = Self { sql: state.storage().sql(), changes: RefCell::default() };
        store.sql.exec(SCHEMA, None).map_err(StorageError::Sql)?;
        Ok(store)
    }

    /// Loads a document; the default if it was never stored.
    pub(crate) fn load<T: DeserializeOwned + Default>(&self, name: &str) -> Result<Loaded<T>, StorageError> {
        let rows: Vec<DocumentRow> = self.select("SELECT body FROM documents WHERE name = ?", vec![name.into()])?;
        let Some(DocumentRow { body }) = rows.into_iter().next() else {
            return Ok(Loaded { document: T::default(), text: None });
        };
        let document = parse_own(name, &body).map_err(StorageError::Unreadable)?;
        Ok(Loaded { document, text: Some(body) })
    }

    /// Stores a document, unless it is `before`, which is what is stored. Returns whether it was another.
    pub(crate) fn save(
        &self,
        name: &str,
        document: &impl Serialize,
        before: Option<&str>,
    ) -> Result<bool, StorageError> {
        let unwritable = |source| StorageError::Unwritable { name: name.to_owned(), source };
        let body = serde_json::to_string(document).map_err(unwritable)?;
        if before == Some(&body) {
            return Ok(false);
        }
        let insert = "INSERT OR REPLACE INTO documents (name, body) VALUES (?, ?)";
        self.sql.exec(insert, vec![name.into(), body.into()]).map(|_| true).map_err(StorageError::Sql)
    }

    /// Appends the entry of a change that is not the rollout machine's to the audit log.
    pub(crate) fn append(&self, entry: AuditRecord) -> Result<(), StorageError> {
        let seq = self.insert(None, &entry)?;
        self.changes.borrow_mut().push(AuditRecord { seq, ..entry });
        Ok(())
    }

    /// Appends an entry of the rollout machine, which has a number of its own, `machine`, and is stored once under it. Gives its number in
    /// the audit log; none if it was stored before.
    pub(crate) fn append_of_machine(&self, machine: u64, entry: &AuditRecord) -> Result<Option<u64>, StorageError> {
        self.insert(Some(machine), entry)
    }

    fn insert(&self, machine: Option<u64>, entry: &AuditRecord) -> Result<Option<u64>, StorageError> {
        let unwritable = |source| StorageError::Unwritable { name: "audit entry".to_owned(), source };
        let body = serde_json::to_string(entry).map_err(unwritable)?;
        let insert = "INSERT OR IGNORE INTO audit (machine, body) VALUES (?, ?) RETURNING seq, body";
        let rows: Vec<AuditRow> = self.select(insert, vec![machine.map(number).into(), body.into()])?;
        Ok(rows.first().map(|row| row.seq))
    }

    /// The history; only the controller has one.
    pub(crate) fn history(&self) -> Result<History<'_>, StorageError> {
        History::open(self)
    }

    /// Entries of the audit log from `first` to `last`, newest first, each with its `seq`; and where the next page begins.
    pub(crate) fn entries_between(
        &self,
        first: u64,
        last: u64,
        limit: u32,
    ) -> Result<(Vec<Value>, Option<u64>), StorageError> {
        let select = "SELECT seq, body FROM audit WHERE seq BETWEEN ? AND ? ORDER BY seq DESC LIMIT ?";
        let rows: Vec<AuditRow> = self.select(select, vec![number(first), number(last), i64::from(limit).into()])?;
        let next = rows.last().map(|row| row.seq).filter(|seq| rows.len() as u64 == u64::from(limit) && *seq > first);
        Ok((rows.into_iter().map(AuditRow::into_value).collect(), next))
    }

    /// The entries of changes since the last call.
    pub(crate) fn take_changes(&self) -> Vec<AuditRecord> {
        self.changes.take()
    }

    /// Entries of the audit log below `before`, newest first, each with its `seq`; and where the next page begins.
    pub(crate) fn entries(&self, before: Option<u64>, limit: u32) -> Result<(Vec<Value>, Option<u64>), StorageError> {
        let select = "SELECT seq, body FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?";
        let before = before.map_or(SqlStorageValue::Float(9e15), number);
        let rows: Vec<AuditRow> = self.select(select, vec![before, i64::from(limit).into()])?;
        let next = rows.last().map(|row| row.seq).filter(|seq| rows.len() as u64 == u64::from(limit) && *seq > 1);
        Ok((rows.into_iter().map(AuditRow::into_value).collect(), next))
    }

    pub(super) fn select<T: DeserializeOwned>(
        &self,
        query: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<Vec<T>, StorageError> {
        self.sql.exec(query, values).and_then(|cursor| cursor.to_array()).map_err(StorageError::Sql)
    }
}

// === impl AuditRow ===

impl AuditRow {
    fn into_value(self) -> Value {
        let mut entry: Value = serde_json::from_str(&self.body).unwrap_or_default();
        if let Some(object) = entry.as_object_mut() {
            object.insert("seq".to_owned(), self.seq.into());
        }
        entry
    }
}

/// Numbers of rows and entries stay far below 2^53, the largest that JavaScript holds exactly.
pub(super) fn number(seq: u64) -> SqlStorageValue {
    SqlStorageValue::Integer(i64::try_from(seq).unwrap_or(i64::MAX))
}

//! A Durable Object's own SQLite: named JSON documents, and the audit. It is the truth: memory is lost with every eviction, so each
//! turn loads what it needs and stores what it changed, without waiting for anything in between. The platform keeps the writes of
//! such a stretch together, and keeps other events out of it.
//! <https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/>

use js_sys::{Array, Reflect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serin_logic::json;
use serin_runtime::exception;
use serin_runtime::javascript::{ObjectState, Sql};
use wasm_bindgen::prelude::*;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, machine INTEGER UNIQUE, body TEXT NOT NULL);
";

/// The object's tables.
pub(crate) struct Store(Sql);

/// What kept a document from being read or written. An object that cannot read its state does nothing: what cannot be read is not
/// empty.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) String);

// === impl Store ===

impl Store {
    pub(crate) fn open(object: &ObjectState) -> Result<Self, Fault> {
        let store = Self(object.storage().sql());
        store.run(SCHEMA, &[])?;
        Ok(store)
    }

    /// A document; the default if it was never stored.
    pub(crate) fn load<T: DeserializeOwned + Serialize + Default>(&self, name: &str) -> Result<T, Fault> {
        self.load_with_text(name).map(|(document, _)| document)
    }

    /// A document, and the text that it was read from or would be.
    pub(crate) fn load_with_text<T: DeserializeOwned + Serialize + Default>(
        &self,
        name: &str,
    ) -> Result<(T, String), Fault> {
        let Some(body) = self.get(name)? else {
            let document = T::default();
            let body = json::text(&document);
            return Ok((document, body));
        };
        match read_json(&body) {
            Ok(document) => Ok((document, body)),
            Err(error) => Err(Fault(format!("the stored {name} cannot be read: {error}"))),
        }
    }

    pub(crate) fn save<T: Serialize>(&self, name: &str, document: &T) -> Result<(), Fault> {
        self.put(name, &json::text(document))
    }

    /// Stores a document's text.
    pub(crate) fn put(&self, name: &str, body: &str) -> Result<(), Fault> {
        if body.is_empty() {
            return Err(Fault(format!("{name} cannot be written as JSON")));
        }
        self.run("INSERT OR REPLACE INTO documents (name, body) VALUES (?, ?)", &[name.into(), body.into()]).map(|_| ())
    }

    fn get(&self, name: &str) -> Result<Option<String>, Fault> {
        let rows = self.run("SELECT body FROM documents WHERE name = ?", &[name.into()])?;
        Ok(rows.iter().next().map(|row| text(&row, "body")))
    }

    /// Appends a row to the audit. A row of the rollout machine has a number of its own there and is stored once under it.
    pub(crate) fn append(&self, machine: Option<u64>, row: &Value) -> Result<(), Fault> {
        // Numbers of rows stay far below 2^53.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        let machine = machine.map_or(JsValue::NULL, |seq| JsValue::from_f64(seq as f64));
        let insert = "INSERT OR IGNORE INTO audit (machine, body) VALUES (?, ?)";
        self.run(insert, &[machine, json::text(row).into()]).map(|_| ())
    }

    /// Rows of the audit, newest first, each with its `seq`; and where the next page begins.
    pub(crate) fn rows(&self, before: Option<u64>, limit: u32) -> Result<(Vec<Value>, Option<u64>), Fault> {
        #[expect(clippy::cast_precision_loss, reason = "numbers of rows stay far below 2^53")]
        let before = JsValue::from_f64(before.map_or(9e15, |seq| seq as f64));
        let select = "SELECT seq, body FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?";
        let found = self.run(select, &[before, limit.into()])?;
        let mut rows = Vec::new();
        let mut next = None;
        for found in found.iter() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a row's number is whole and positive"
            )]
            let seq = field(&found, "seq").as_f64().unwrap_or_default() as u64;
            let mut row: Value = serde_json::from_str(&text(&found, "body")).unwrap_or_default();
            if let Some(object) = row.as_object_mut() {
                object.insert("seq".into(), seq.into());
            }
            rows.push(row);
            next = Some(seq);
        }
        let is_full = u32::try_from(rows.len()).is_ok_and(|many| many == limit);
        Ok((rows, next.filter(|seq| is_full && *seq > 1)))
    }

    fn run(&self, statement: &str, values: &[JsValue]) -> Result<Array, Fault> {
        let values: Array = values.iter().collect();
        let run = || self.0.exec(statement, &values)?.to_array();
        run().map_err(|error| Fault(format!("storage: {}", exception::text(&error))))
    }
}

/// In the one way that types are read.
pub(crate) fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    json::read(&value).map_err(|error| error.to_string())
}

fn field(row: &JsValue, name: &str) -> JsValue {
    Reflect::get(row, &name.into()).unwrap_or_default()
}

fn text(row: &JsValue, name: &str) -> String {
    field(row, name).as_string().unwrap_or_default()
}

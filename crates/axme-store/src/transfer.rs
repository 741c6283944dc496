//! The move of an SQLite database to PostgreSQL: every row of every table in one transaction, compared before it commits.
//!
//! Both engines have the same tables, with columns of four types. A row travels as a line of PostgreSQL's text format. The
//! rows that PostgreSQL returns make the same lines, so that both sides have one count and one digest.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::error::StoreError;
use crate::migrations;
use crate::postgres::{Target, fault, startup, statistics};
use crate::sqlite;

/// How long the move waits for a database that is not ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// The bytes of rows that are sent at a time.
const CHUNK: usize = 64 * 1024;

/// A table that was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedTable {
    pub name: String,
    pub rows: u64,
}

/// The rows of a table: their number, and a digest that does not depend on their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Content {
    rows: u64,
    digest: [u64; 4],
}

impl Content {
    fn add(&mut self, line: &[u8]) {
        self.rows += 1;
        let hash = Sha256::digest(line);
        for (sum, part) in self.digest.iter_mut().zip(hash.chunks_exact(8)) {
            *sum = sum.wrapping_add(part.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)));
        }
    }
}

/// A table with its columns and their types in PostgreSQL.
struct Table {
    name: String,
    columns: Vec<(String, String)>,
}

impl Table {
    fn columns(&self) -> String {
        self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    }
}

/// Copies all rows of the SQLite file to a PostgreSQL without any. Nothing stays there unless every table has arrived
/// whole. If the same rows are there already, an earlier move was completed, and this one only compares.
///
/// Neither database may have a server meanwhile.
pub async fn to_postgres(file: &Path, url: &str) -> Result<Vec<MovedTable>, StoreError> {
    let source = sqlite::open_for_transfer(file)?;
    let target = Target::parse(url, true)?;
    startup::migrate(&target, PATIENCE).await?;
    let client = target.connect().await?;
    client.batch_execute("BEGIN").await.map_err(fault)?;
    let tables = tables(&client).await?;
    let names = tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>().join(", ");
    client.batch_execute(&format!("LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")).await.map_err(fault)?;
    let is_empty = is_empty(&client, &tables).await?;
    let mut moved = Vec::with_capacity(tables.len());
    for table in &tables {
        let sent = if is_empty { send(&source, &client, table).await? } else { read_sqlite(&source, table)? };
        if read_postgres(&client, table).await? != sent {
            let why = match is_empty {
                true => format!("the rows of {} changed on their way: nothing was moved", table.name),
                false => "the database has rows of its own: choose an empty database or schema".to_owned(),
            };
            return Err(StoreError::Unavailable(why));
        }
        moved.push(MovedTable { name: table.name.clone(), rows: sent.rows });
    }
    client.batch_execute("COMMIT").await.map_err(fault)?;
    statistics::analyze(&client).await?;
    Ok(moved)
}

/// Lists our tables in PostgreSQL, in the order of their names.
async fn tables(client: &Client) -> Result<Vec<Table>, StoreError> {
    let sql = "SELECT CAST(c.relname AS text), CAST(a.attname AS text), format_type(a.atttypid, a.atttypmod) \
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid \
               WHERE n.nspname = current_schema() AND c.relkind = 'r' AND CAST(c.relname AS text) <> $1 \
               AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum";
    let mut tables: Vec<Table> = Vec::new();
    for row in client.query(sql, &[&migrations::HISTORY]).await.map_err(fault)? {
        let (name, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        match tables.last_mut().filter(|table| table.name == name) {
            Some(table) => table.columns.push((column, kind)),
            None => tables.push(Table { name, columns: vec![(column, kind)] }),
        }
    }
    Ok(tables)
}

async fn is_empty(client: &Client, tables: &[Table]) -> Result<bool, StoreError> {
    for table in tables {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", table.name);
        if client.query_one(&sql, &[]).await.map_err(fault)?.get(0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sends all rows of a table to PostgreSQL.
async fn send(source: &rusqlite::Connection, client: &Client, table: &Table) -> Result<Content, StoreError> {
    let sql = format!("COPY {} ({}) FROM STDIN", table.name, table.columns());
    let mut sink = pin!(client.copy_in::<_, Bytes>(&sql).await.map_err(fault)?);
    let (mut content, mut waiting) = (Content::default(), BytesMut::new());
    let mut statement = select(source, table)?;
    let mut rows = statement.query([]).map_err(sqlite::fault)?;
    while let Some(row) = rows.next().map_err(sqlite::fault)? {
        let line = line(row, table)?;
        content.add(&line);
        waiting.extend_from_slice(&line);
        waiting.extend_from_slice(b"\n");
        if waiting.len() >= CHUNK {
            sink.send(waiting.split().freeze()).await.map_err(fault)?;
        }
    }
    sink.send(waiting.freeze()).await.map_err(fault)?;
    sink.as_mut().finish().await.map_err(fault)?;
    Ok(content)
}

fn read_sqlite(source: &rusqlite::Connection, table: &Table) -> Result<Content, StoreError> {
    let mut content = Content::default();
    let mut statement = select(source, table)?;
    let mut rows = statement.query([]).map_err(sqlite::fault)?;
    while let Some(row) = rows.next().map_err(sqlite::fault)? {
        content.add(&line(row, table)?);
    }
    Ok(content)
}

async fn read_postgres(client: &Client, table: &Table) -> Result<Content, StoreError> {
    let sql = format!("COPY {} ({}) TO STDOUT", table.name, table.columns());
    let mut parts = pin!(client.copy_out(&sql).await.map_err(fault)?);
    let (mut content, mut rest) = (Content::default(), BytesMut::new());
    while let Some(part) = parts.next().await {
        rest.extend_from_slice(&part.map_err(fault)?);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = rest.split_to(end + 1);
            content.add(&line[..end]);
        }
    }
    Ok(content)
}

fn select<'a>(source: &'a rusqlite::Connection, table: &Table) -> Result<rusqlite::Statement<'a>, StoreError> {
    source.prepare(&format!("SELECT {} FROM {}", table.columns(), table.name)).map_err(sqlite::fault)
}

/// Returns a row as a line of PostgreSQL's text format, as `COPY … TO STDOUT` writes it, without its end.
fn line(row: &rusqlite::Row<'_>, table: &Table) -> Result<Vec<u8>, StoreError> {
    let mut line = Vec::new();
    for (nth, (column, kind)) in table.columns.iter().enumerate() {
        if nth > 0 {
            line.push(b'\t');
        }
        match (row.get_ref(nth).map_err(sqlite::fault)?, kind.as_str()) {
            (ValueRef::Null, _) => line.extend_from_slice(b"\\N"),
            (ValueRef::Integer(number), "bigint") => line.extend_from_slice(number.to_string().as_bytes()),
            (ValueRef::Text(text), "text") => escape(text, &mut line),
            (ValueRef::Blob(bytes), "uuid") => {
                let id = Uuid::from_slice(bytes).map_err(|_| unexpected(table, column))?;
                line.extend_from_slice(id.to_string().as_bytes());
            }
            (ValueRef::Blob(bytes), "bytea") => {
                line.extend_from_slice(b"\\\\x");
                bytes.iter().for_each(|byte| line.extend_from_slice(format!("{byte:02x}").as_bytes()));
            }
            _ => return Err(unexpected(table, column)),
        }
    }
    Ok(line)
}

fn unexpected(table: &Table, column: &str) -> StoreError {
    StoreError::Fault(format!("{}.{column} has a value of another type than the column", table.name))
}

/// Writes a text as PostgreSQL writes it.
fn escape(text: &[u8], line: &mut Vec<u8>) {
    for byte in text {
        let letter = match byte {
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0B => b'v',
            0x0C => b'f',
            b'\r' => b'r',
            b'\\' => b'\\',
            other => {
                line.push(*other);
                continue;
            }
        };
        line.extend_from_slice(&[b'\\', letter]);
    }
}

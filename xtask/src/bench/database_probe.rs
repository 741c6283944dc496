//! Looks into the SQLite file of a running server, without the server's own code.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

pub(super) const MIB: f64 = 1_048_576.0;

pub(super) struct DatabaseProbe {
    connection: Connection,
}

impl DatabaseProbe {
    pub(super) fn open(database: &Path) -> anyhow::Result<DatabaseProbe> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(DatabaseProbe { connection: Connection::open_with_flags(database, flags)? })
    }

    /// The pages that hold nothing.
    pub(super) fn free_mib(&self) -> anyhow::Result<f64> {
        Ok(self.number("PRAGMA freelist_count")? * self.number("PRAGMA page_size")? / MIB)
    }

    pub(super) fn intents(&self) -> anyhow::Result<f64> {
        self.number("SELECT COUNT(*) FROM intents")
    }

    /// MiB in each table and index.
    pub(super) fn tables(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let mut statement = self.connection.prepare("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE")?;
        let sizes = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as f64 / MIB)))?;
        Ok(sizes.collect::<Result<_, _>>()?)
    }

    fn number(&self, sql: &str) -> anyhow::Result<f64> {
        Ok(self.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|number| number as f64)?)
    }
}

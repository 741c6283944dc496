//! `axme migrate`: the move of a data folder from SQLite to PostgreSQL, on the machine that has it.

use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::flags::Flags;
use crate::folders;
use crate::output::line;
use crate::server::move_database;

/// Move the database of a stopped server from SQLite to PostgreSQL
///
/// Every row is copied in one transaction, and compared before anything is final. The old database stays in the data folder
/// as axme.db.moved. Uploaded files stay where they are. Then start the server with the same data folder and database_url.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: axme --data /var/lib/axme migrate --to 'postgres://axme:secret@db.example.com/axme?sslmode=verify-full'"
)]
pub(crate) struct Migrate {
    /// The URL of a PostgreSQL database, or of a schema of one, without rows of AXME
    #[arg(long, value_name = "URL", env = "AXME_DATABASE_URL", hide_env_values = true)]
    to: String,
}

impl Migrate {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let data = folders::data(flags.data.as_deref())?;
        let moved = move_database::to_postgres(&data, &self.to).await?;
        let rows: u64 = moved.tables.iter().map(|table| table.rows).sum();
        if flags.format().is_json() {
            let tables: serde_json::Map<String, serde_json::Value> =
                moved.tables.into_iter().map(|table| (table.name, table.rows.into())).collect();
            return flags
                .format()
                .print_json(&json!({ "ok": true, "rows": rows, "tables": tables, "kept": moved.kept }));
        }
        for table in moved.tables.iter().filter(|table| table.rows > 0) {
            line(format!("{:>10}  {}", table.rows, table.name))?;
        }
        line(format!("{rows} rows moved and compared. The old database is {}.", moved.kept.display()))?;
        line("Start the server with this data folder and database_url (or AXME_DATABASE_URL) set to the new database.")
    }
}

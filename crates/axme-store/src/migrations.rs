//! The migrations: the schema and its changes, one file each, the same for both engines.
//!
//! A released migration never changes; a change of the schema is a new file with the next number. A database from
//! before the first release has another history and is refused before anything in it changes.

use refinery::{Migration, Runner};

use crate::error::StoreError;

/// All migrations in order. Refinery parses the names: version, two underscores, name.
const MIGRATIONS: [(&str, &str); 19] = [
    ("V1__schema", include_str!("migrations/0001_schema.sql")),
    ("V2__people", include_str!("migrations/0002_people.sql")),
    ("V3__keys_and_origins", include_str!("migrations/0003_keys_and_origins.sql")),
    ("V4__ids", include_str!("migrations/0004_ids.sql")),
    ("V5__consumers", include_str!("migrations/0005_consumers.sql")),
    ("V6__unknown_receivers", include_str!("migrations/0006_unknown_receivers.sql")),
    ("V7__received_intents", include_str!("migrations/0007_received_intents.sql")),
    ("V8__lists", include_str!("migrations/0008_lists.sql")),
    ("V9__audit_chain", include_str!("migrations/0009_audit_chain.sql")),
    ("V10__receipts", include_str!("migrations/0010_receipts.sql")),
    ("V11__oauth", include_str!("migrations/0011_oauth.sql")),
    ("V12__operators", include_str!("migrations/0012_operators.sql")),
    ("V13__person_settings", include_str!("migrations/0013_person_settings.sql")),
    ("V14__absences", include_str!("migrations/0014_absences.sql")),
    ("V15__saved_views", include_str!("migrations/0015_saved_views.sql")),
    ("V16__retention", include_str!("migrations/0016_retention.sql")),
    ("V17__digest", include_str!("migrations/0017_digest.sql")),
    ("V18__attributes_and_pushes", include_str!("migrations/0018_attributes_and_pushes.sql")),
    ("V19__web_push", include_str!("migrations/0019_web_push.sql")),
];

/// The table in which refinery records the applied migrations.
pub(super) const HISTORY: &str = "refinery_schema_history";

/// Creates the runner of all migrations. `dialect` translates their text for the engine.
pub(super) fn runner(dialect: impl Fn(&str) -> String) -> Result<Runner, StoreError> {
    let migrations: Result<Vec<Migration>, _> =
        MIGRATIONS.iter().map(|(name, sql)| Migration::unapplied(name, &dialect(sql))).collect();
    migrations.map(|migrations| Runner::new(&migrations)).map_err(fault)
}

/// Refuses a database with migrations that this version does not know.
pub(super) fn check_history(runner: &Runner, applied: &[Migration]) -> Result<(), StoreError> {
    let known = runner.get_migrations();
    let is_ours =
        |one: &Migration| known.iter().any(|ours| (ours.version(), ours.name()) == (one.version(), one.name()));
    let Some(stranger) = applied.iter().find(|one| !is_ours(one)) else { return Ok(()) };
    let newest = known.iter().map(Migration::version).max().unwrap_or_default();
    let why = if stranger.version() > newest && applied.first().is_some_and(is_ours) {
        format!(
            "this database was used with a newer version of AXME (its schema has {stranger}): start that version or a later one"
        )
    } else {
        "this database was made by a version before 0.1.0 and cannot be converted. Export your data with that version, then \
         start with an empty data folder or database"
            .to_owned()
    };
    Err(StoreError::Unavailable(why))
}

/// Converts an error of refinery.
pub(super) fn fault(error: refinery::Error) -> StoreError {
    StoreError::Fault(error.to_string())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// The SHA-256 of each released migration. A new migration adds a line; existing lines never change.
    const RELEASED: [&str; 19] = [
        "8671e28a968d482dceecf1fba53933a4d20aa1e5a9e9bce61e9b3dde13c6176a",
        "a8c0f8391b1a24d56f5ef47f270c2911450519445c59534253e00c99af47f073",
        "c3054451cab482ecac7de8aff05d9936aae7361704b890c7e41f00bf43b134b7",
        "244fb04be322e5e1fc8cd23e005ba6abfc8e7009b022f83330f239770f562a3e",
        "2f0858dcb1a72e53cfab0f4f60b76ab0b9dd60c7518f82aac2257aba4c2f490e",
        "c2607cbc1b3a872351ec7dbb18b6f0e0daaebc6f9ddb6ac08f2fe5fcff32bf41",
        "bef316f00357aa366f031213e14670dad49bf28b608448c6f44ea7d5f2b4ce47",
        "12adc7fb5b133eb44517eee300da02b7834d04f4ceb295b0058032fd66c1b75d",
        "8170644b77a24de0e03380d3977cd3895b915ac0ae7f2dc12a075518f39f3d08",
        "3880e64cbd9dfa33cbceb68d5ee9174f303c8f3467ab467dd58cefb98ac49743",
        "7d58509d2dc522233bf96c5bb34b7471a9a9c812aa6bbd1903765736e0d81c3c",
        "3e0c333de5e8812eeb7233c35fd0cff5ff0fcba834edd86aede048dce644d49b",
        "bc2b174b49304cb4f3674ae1d4c1ed7290c354c28311592c833984722d34f492",
        "c7dd15f4454706e8194872562f8390eed1aded3ef0c610bfd0696985a01ff123",
        "b638f375e77014a32fb132fa3b85f3dffc04f6615809555aa893a0634127e198",
        "ede2cc08f07c6a0d929de12a5b3fba499d56eb30da2accb6adce0c00a48f95e3",
        "323491b31b84f7441e0eae27f875826009b730cc793979c165f6926ce95dc38e",
        "3de80882755d84cd6969efd2a1d07c038945a47318ecca604b2c9ceef405a918",
        "0709fc1bddbbf429405154780102471981b2ec4403c4f2c98dbe44d9b4491938",
    ];

    #[test]
    fn released_migrations_never_change() {
        let hash = |sql: &str| Sha256::digest(sql).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let found: Vec<String> = MIGRATIONS.iter().map(|(_, sql)| hash(sql)).collect();
        assert_eq!(found, RELEASED, "a change of the schema is a new migration");
    }

    fn applied(text: &str) -> Migration {
        Migration::unapplied(text, "").expect("a migration's name")
    }

    fn refusal(history: &[&str]) -> String {
        let runner = runner(str::to_owned).expect("our migrations");
        let history: Vec<Migration> = history.iter().map(|name| applied(name)).collect();
        check_history(&runner, &history).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn other_histories_are_refused_with_what_to_do() {
        assert_eq!(refusal(&[]), "");
        assert_eq!(refusal(&["V1__schema"]), "");
        assert!(refusal(&["V1__core", "V2__policy"]).contains("start with an empty data folder or database"));
        assert!(refusal(&["V2__schema"]).contains("start with an empty data folder or database"));
        assert!(refusal(&["V1__schema", "V99__search"]).contains("start that version or a later one"));
    }
}

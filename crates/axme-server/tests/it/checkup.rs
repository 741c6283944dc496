//! The check of a server's machine, as far as it looks at the database.

use std::path::Path;

use axme_server::checkup::{Finding, examine};
use axme_server::{Config, start};

use crate::harness::{Engine, add_migration_of_the_future, with_database};

fn config(data: &Path, database_url: Option<String>) -> Config {
    Config { data: data.to_owned(), listen: "127.0.0.1:0".parse().unwrap(), database_url, ..Config::default() }
}

fn find<'a>(findings: &'a [Finding], check: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.check == check).unwrap_or_else(|| panic!("no {check} in {findings:?}"))
}

#[tokio::test]
async fn an_sqlite_database_is_examined_before_and_after_its_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), None);
    assert_eq!(find(&examine(&config, None).await, "database").detail, "SQLite; the first start makes it");
    start(config.clone()).await.unwrap().stop().await;
    let findings = examine(&config, None).await;
    assert!(find(&findings, "database").detail.starts_with("SQLite 3."), "{findings:?}");
    assert!(find(&findings, "schema").ok && find(&findings, "schema").detail.contains("as this program has it"));
    add_migration_of_the_future(&folder.path().join("axme.db"));
    let findings = examine(&config, None).await;
    let schema = find(&findings, "schema");
    assert!(!schema.ok && schema.detail.contains("version 99 is newer than this program"), "{schema:?}");
}

#[test]
fn a_postgresql_database_is_examined() {
    crate::harness::run(Engine::Postgres, |_| with_database(look_at));
}

async fn look_at(url: String) {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), Some(url));
    let findings = examine(&config, None).await;
    assert!(find(&findings, "schema").detail.contains("the first start makes version"), "{findings:?}");
    start(config.clone()).await.unwrap().stop().await;
    let findings = examine(&config, None).await;
    for check in ["database", "schema", "database_clock", "database_tls", "database_role"] {
        assert!(find(&findings, check).ok, "{findings:?}");
    }
    assert!(find(&findings, "database").detail.starts_with("PostgreSQL "));
    assert_eq!(find(&findings, "database_role").detail, "primary");
    // A database that is away is named, and the password is not.
    let away = Config { database_url: Some("postgres://axme:hunter2@127.0.0.1:9/axme".to_owned()), ..config };
    let findings = examine(&away, None).await;
    let database = find(&findings, "database");
    assert!(!database.ok && database.detail.contains("check database_url"), "{database:?}");
    assert!(!format!("{findings:?}").contains("hunter2"), "{findings:?}");
}

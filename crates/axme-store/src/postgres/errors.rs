//! The meaning of PostgreSQL errors for a job.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use crate::error::StoreError;

pub(super) fn explain(error: &tokio_postgres::Error, sql: &str) -> StoreError {
    in_statement(classify(error), sql)
}

pub(super) fn in_statement(error: StoreError, sql: &str) -> StoreError {
    match error {
        StoreError::Fault(why) => StoreError::Fault(format!("{why} in: {sql}")),
        other => other,
    }
}

pub(crate) fn fault(error: tokio_postgres::Error) -> StoreError {
    classify(&error)
}

/// Describes an error without its detail, which shows the values of a row.
fn describe(error: &tokio_postgres::Error) -> String {
    let Some(database) = error.as_db_error() else {
        let cause = error.source().map(|s| format!(": {s}")).unwrap_or_default();
        return format!("{error}{cause}");
    };
    // SQLSTATE class 22, data exception: the message itself may quote a value.
    let message = if database.code().code().starts_with("22") { "data exception" } else { database.message() };
    format!("{}: {message} (SQLSTATE {})", database.severity(), database.code().code())
}

fn classify(error: &tokio_postgres::Error) -> StoreError {
    let text = describe(error);
    match error.code() {
        // A unique violation is a conflict as well: another node added the row, and the next run sees it.
        Some(code)
            if [
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::UNIQUE_VIOLATION,
                // A failed guard: the rules that the job relied on have changed.
                SqlState::DIVISION_BY_ZERO,
            ]
            .contains(code) =>
        {
            StoreError::Conflict(text)
        }
        // SQLSTATE classes: 53 insufficient resources, 55 lock not available, 57 operator intervention, 58 system
        // error, 08 connection. Class 25 is a read-only transaction or one that was idle for too long.
        Some(code) if ["53", "55", "57", "58", "08", "25"].iter().any(|class| code.code().starts_with(class)) => {
            StoreError::Unavailable(text)
        }
        Some(_) => StoreError::Fault(text),
        None => StoreError::Unavailable(text),
    }
}

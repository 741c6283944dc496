//! The statements that wait for the next read or the commit. Plain inserts with the same text become one insert of many
//! rows, which costs the database a fraction.
//!
//! A row may overtake other statements on its way into an earlier insert, but none that names its table.

use tokio_postgres::Statement;
use tokio_postgres::types::{ToSql, Type};

use crate::value::Value;

/// A statement that is sent with the next read or the commit.
pub(super) struct QueuedStatement<S = Statement> {
    pub sql: &'static str,
    pub statement: S,
    pub params: Vec<Value<'static>>,
    pub is_write: bool,
}

/// A statement in the form in which it is sent.
pub(super) enum Step<S = Statement> {
    One(QueuedStatement<S>),
    /// Inserts with the same text, not united yet.
    Inserts {
        sql: &'static str,
        one: S,
        rows: Vec<Vec<Value<'static>>>,
    },
    /// An insert of many rows, by column.
    Many {
        statement: S,
        columns: Vec<Vec<Value<'static>>>,
    },
}

impl<S> Step<S> {
    /// An insert of one row.
    pub fn one(sql: &'static str, statement: S, params: Vec<Value<'static>>) -> Step<S> {
        Step::One(QueuedStatement { sql, statement, params, is_write: true })
    }

    /// One insert of all rows, with a statement from [`insert_of_many`].
    pub fn unite(statement: S, rows: Vec<Vec<Value<'static>>>) -> Step<S> {
        let width = rows.first().map_or(0, Vec::len);
        let mut columns: Vec<Vec<Value<'static>>> = (0..width).map(|_| Vec::with_capacity(rows.len())).collect();
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        Step::Many { statement, columns }
    }

    pub fn statement(&self) -> &S {
        match self {
            Step::One(one) => &one.statement,
            Step::Inserts { one: statement, .. } | Step::Many { statement, .. } => statement,
        }
    }

    pub fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        match self {
            Step::One(one) => one.params.iter().map(|value| value as &(dyn ToSql + Sync)).collect(),
            Step::Inserts { .. } => Vec::new(),
            Step::Many { columns, .. } => columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect(),
        }
    }
}

/// Puts inserts with the same text together, and drops repeated guards. A row moves to the first insert with its text,
/// unless a statement between them names its table. Otherwise the order is kept.
pub(super) fn coalesce<S: Clone>(queued: Vec<QueuedStatement<S>>) -> Vec<Step<S>> {
    let mut steps: Vec<Step<S>> = Vec::with_capacity(queued.len());
    // The inserts that further rows may join: text, table, index among the steps.
    let mut open: Vec<(&'static str, &'static str, usize)> = Vec::new();
    for statement in queued {
        if !statement.is_write {
            let is_same = |step: &Step<S>| match step {
                Step::One(one) => one.sql == statement.sql && one.params == statement.params,
                _ => false,
            };
            if !steps.iter().any(is_same) {
                steps.push(Step::One(statement));
            }
            continue;
        }
        let Some(table) = table_of(statement.sql) else {
            open.retain(|(_, table, _)| !statement.sql.contains(table));
            steps.push(Step::One(statement));
            continue;
        };
        match open.iter().find(|(sql, ..)| *sql == statement.sql) {
            Some((.., nth)) => join(&mut steps[*nth], statement),
            None => {
                // Another insert into the table must not be overtaken either.
                open.retain(|(_, other, _)| *other != table);
                open.push((statement.sql, table, steps.len()));
                steps.push(Step::One(statement));
            }
        }
    }
    steps
}

fn join<S: Clone>(step: &mut Step<S>, statement: QueuedStatement<S>) {
    if let Step::One(first) = step {
        let (sql, one, row) = (first.sql, first.statement.clone(), std::mem::take(&mut first.params));
        *step = Step::Inserts { sql, one, rows: vec![row] };
    }
    if let Step::Inserts { rows, .. } = step {
        rows.push(statement.params);
    }
}

/// Returns the table of a plain insert of one row; `None` for other statements.
fn table_of(sql: &'static str) -> Option<&'static str> {
    values_of(sql)?;
    sql.strip_prefix("INSERT INTO ")?.split([' ', '(']).next()
}

/// Splits a plain insert of one row into the part before its values, and the values.
fn values_of(sql: &str) -> Option<(&str, &str)> {
    let (before, values) = sql.strip_suffix(')')?.split_once(" VALUES (")?;
    let is_plain = before.starts_with("INSERT INTO ")
        && ["ON CONFLICT", "RETURNING", "SELECT", "VALUES"].iter().all(|word| !values.contains(word));
    is_plain.then_some((before, values))
}

/// Turns a plain insert of one row into an insert of many rows, whose parameters are arrays. `None` for other statements,
/// and for parameters of types that no table has.
pub(super) fn insert_of_many(sql: &str, types: &[Type]) -> Option<String> {
    let (before, values) = values_of(sql)?;
    let (mut arrays, mut names) = (Vec::new(), Vec::new());
    for (n, kind) in (1..).zip(types) {
        let kind = match *kind {
            Type::INT8 => "int8",
            Type::TEXT => "text",
            Type::UUID => "uuid",
            Type::BYTEA => "bytea",
            _ => return None,
        };
        arrays.push(format!("CAST(${n} AS {kind}[])"));
        names.push(format!("p{n}"));
    }
    let (arrays, names, values) = (arrays.join(", "), names.join(", "), values.replace('$', "r.p"));
    Some(format!("{before} SELECT {values} FROM UNNEST({arrays}) AS r({names})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "INSERT INTO notes (id) VALUES ($1)";
    const TAG: &str = "INSERT INTO tags (id) VALUES ($1)";
    const GUARD: &str = "SELECT 1 / $1";

    /// Returns the texts of the steps, each with the numbers of its rows.
    fn steps(queued: &[(&'static str, i64)]) -> Vec<(&'static str, Vec<i64>)> {
        let number = |row: &Vec<Value<'_>>| match row[..] {
            [Value::Int(n)] => n,
            _ => panic!("one number per row"),
        };
        let queued = queued.iter().map(|&(sql, n)| QueuedStatement {
            sql,
            statement: (),
            params: vec![n.into()],
            is_write: sql != GUARD,
        });
        let described = |step: Step<()>| match step {
            Step::One(one) => (one.sql, vec![number(&one.params)]),
            Step::Inserts { sql, rows, .. } => (sql, rows.iter().map(number).collect()),
            Step::Many { .. } => panic!("nothing is united yet"),
        };
        coalesce(queued.collect()).into_iter().map(described).collect()
    }

    #[test]
    fn inserts_of_one_kind_go_together_and_guards_once() {
        let queued = [(GUARD, 7), (NOTE, 1), (TAG, 1), (GUARD, 7), (NOTE, 2), (TAG, 2), (GUARD, 8), (NOTE, 3)];
        let together = [(GUARD, vec![7]), (NOTE, vec![1, 2, 3]), (TAG, vec![1, 2]), (GUARD, vec![8])];
        assert_eq!(steps(&queued), together);
    }

    #[test]
    fn no_row_overtakes_a_statement_that_names_its_table() {
        let delete = "DELETE FROM notes WHERE id = $1";
        let queued = [(NOTE, 1), (TAG, 1), (delete, 1), (NOTE, 1), (TAG, 2), (NOTE, 2)];
        let ordered = [(NOTE, vec![1]), (TAG, vec![1, 2]), (delete, vec![1]), (NOTE, vec![1, 2])];
        assert_eq!(steps(&queued), ordered);
        let upsert = "INSERT INTO notes (id) VALUES ($1) ON CONFLICT (id) DO NOTHING";
        assert_eq!(steps(&[(NOTE, 1), (upsert, 2), (NOTE, 2)]), [(NOTE, vec![1]), (upsert, vec![2]), (NOTE, vec![2])]);
        let other = "INSERT INTO notes (id, seen) VALUES ($1, 0)";
        assert_eq!(steps(&[(NOTE, 1), (other, 2), (NOTE, 3)]), [(NOTE, vec![1]), (other, vec![2]), (NOTE, vec![3])]);
    }

    #[test]
    fn a_plain_insert_becomes_one_of_many_rows() {
        let sql = "INSERT INTO notes (id, text, seen) VALUES ($1, $2, 0)";
        assert_eq!(
            insert_of_many(sql, &[Type::UUID, Type::TEXT]).as_deref(),
            Some(
                "INSERT INTO notes (id, text, seen) SELECT r.p1, r.p2, 0 FROM UNNEST(CAST($1 AS uuid[]), \
                 CAST($2 AS text[])) AS r(p1, p2)"
            )
        );
        assert_eq!(table_of(sql), Some("notes"));
        assert_eq!(insert_of_many(sql, &[Type::UUID, Type::JSONB]), None, "no table has such a column");
    }

    #[test]
    fn other_statements_stay_as_they_are() {
        for sql in [
            "INSERT INTO notes (id) VALUES ($1) ON CONFLICT (id) DO NOTHING",
            "INSERT INTO notes (id) VALUES ($1) RETURNING id",
            "INSERT INTO notes (id) VALUES ((SELECT MAX(id) FROM notes))",
            "INSERT INTO notes (id) VALUES ($1), ($2) ON CONFLICT (id) DO UPDATE SET id = (1)",
            "INSERT INTO notes (id) SELECT id FROM others WHERE id IN (1)",
            "UPDATE notes SET id = COALESCE($1, 1)",
        ] {
            assert_eq!((table_of(sql), insert_of_many(sql, &[Type::UUID])), (None, None), "{sql}");
        }
    }
}

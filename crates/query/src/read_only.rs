//! The first of two locks on writing and on foreign files: only statements that ask are let through.
//!
//! The second is the engine's own (`SQLOptions` forbids data definition, data changes, COPY and SET), and behind both
//! there is no file system: the session's only object store is an empty one in memory.

use crate::failure::Failure;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast;
use netrig_store::Table;

/// Lets one asking statement pass.
pub(crate) fn check(sql: &str) -> Result<Statement, Failure> {
    let mut statements = DFParser::parse_sql(sql).map_err(|e| Failure::planning(&e))?;
    let count = statements.len();
    match statements.pop_front() {
        None => Err(Failure::Usage("there is no statement in the query".into())),
        Some(_) if count > 1 => Err(Failure::Usage(format!("one statement at a time: these are {count}"))),
        Some(statement) if asks(&statement) => Ok(statement),
        Some(statement) => Err(Failure::Usage(format!(
            "{} is refused: queries only read, with SELECT, WITH, VALUES, EXPLAIN, SHOW or DESCRIBE over the tables {}, and \
             reach no file of this host",
            verb(&statement),
            Table::ALL.map(Table::name).join(", ")
        ))),
    }
}

fn asks(statement: &Statement) -> bool {
    use ast::Statement as Sql;
    match statement {
        Statement::Explain(explain) => asks(&explain.statement),
        Statement::Statement(sql) => match &**sql {
            Sql::Explain { statement, .. } => matches!(**statement, Sql::Query(_)),
            other => matches!(
                other,
                Sql::Query(_)
                    | Sql::ExplainTable { .. }
                    | Sql::ShowTables { .. }
                    | Sql::ShowColumns { .. }
                    | Sql::ShowFunctions { .. }
                    | Sql::ShowVariable { .. }
            ),
        },
        _ => false,
    }
}

/// The words a statement begins with: `CREATE EXTERNAL TABLE`, `COPY`, `INSERT INTO`.
fn verb(statement: &Statement) -> String {
    let text = statement.to_string();
    let words = text.split_whitespace().take_while(|w| w.len() > 1 && w.chars().all(|c| c.is_ascii_uppercase()));
    let verb = words.take(3).collect::<Vec<_>>().join(" ");
    if verb.is_empty() { "this statement".to_owned() } else { verb }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_is_let_through() {
        for sql in [
            "SELECT 1",
            "with f as (select * from flows) select count(*) from f;",
            "VALUES (1), (2)",
            "EXPLAIN SELECT * FROM flows",
            "EXPLAIN ANALYZE SELECT * FROM flows",
            "SHOW TABLES",
            "SHOW COLUMNS FROM flows",
            "DESCRIBE flows",
        ] {
            assert!(check(sql).is_ok(), "{sql}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_its_name() {
        for (sql, verb) in [
            ("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/etc/passwd'", "CREATE EXTERNAL TABLE"),
            ("COPY flows TO '/tmp/x.parquet'", "COPY"),
            ("COPY (SELECT 1) TO '/tmp/x.csv' STORED AS CSV", "COPY"),
            ("EXPLAIN COPY flows TO '/tmp/x.parquet'", "EXPLAIN COPY"),
            ("INSERT INTO flows VALUES (1)", "INSERT INTO"),
            ("DELETE FROM flows", "DELETE FROM"),
            ("UPDATE flows SET bytes = 0", "UPDATE"),
            ("DROP TABLE flows", "DROP TABLE"),
            ("CREATE TABLE t AS SELECT 1", "CREATE TABLE"),
            ("CREATE VIEW v AS SELECT 1", "CREATE VIEW"),
            ("SET datafusion.execution.batch_size = 1", "SET"),
            ("TRUNCATE TABLE flows", "TRUNCATE TABLE"),
            ("PREPARE p AS SELECT 1", "PREPARE"),
        ] {
            let Err(Failure::Usage(text)) = check(sql) else { panic!("{sql} was let through") };
            assert!(text.starts_with(&format!("{verb} ")), "{sql}: {text}");
        }
        for sql in ["", ";", "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE flows", "SELEC 1"] {
            assert!(matches!(check(sql), Err(Failure::Usage(_))), "{sql}");
        }
    }
}

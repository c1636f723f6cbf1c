//! Reports as JSON.

use crate::made;
use netrig_stress::report::json::{ReadError, line, read};
use serde_json::Value;

#[test]
fn what_is_written_is_read_back() {
    for report in made::all() {
        let written = line(&report).expect("serialise");
        assert!(!written.contains('\n'));
        let back = line(&read(&written).expect("a report")).expect("serialise");
        let values = [&written, &back].map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
        assert!(same(&values[0], &values[1]), "{}", report.scenario);
    }
}

/// Whether two values say the same; the last digit of a fraction may get lost where JSON is read.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap_or(0.0), b.as_f64().unwrap_or(1.0));
            (a - b).abs() <= a.abs() * 1e-12
        }
        _ => a == b,
    }
}

#[test]
fn monitors_find_what_is_unaccounted_without_knowing_the_rest() {
    let written = line(&made::churn()).expect("serialise");
    let value: Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!((value["record"].as_str(), value["unaccounted"].as_u64()), (Some("stress"), Some(0)));
    let written = line(&made::unanswered()).expect("serialise");
    assert!(written.contains("\"unaccounted\":null"), "unknown is null: {written}");
}

#[test]
fn the_last_of_several_reports_counts_and_other_records_do_not() {
    let (first, last) = (line(&made::churn()).expect("JSON"), line(&made::steady()).expect("JSON"));
    let text = format!("{first}\n{last}\n\n{{\"record\": \"flows\"}}\n");
    assert_eq!(read(&text).expect("a report").scenario, "steady");
}

#[test]
fn what_is_no_report_is_told_as_that() {
    assert!(matches!(read(""), Err(ReadError::NoRecord)));
    assert!(matches!(read("{\"record\": \"flows\"}"), Err(ReadError::NoRecord)));
    assert!(matches!(read("once upon a time"), Err(ReadError::NotAReport(_))));
    let error = read("{\"record\": \"stress\"}").expect_err("no report").to_string();
    assert!(error.contains("missing field"), "{error}");
}

#[test]
fn the_line_is_as_it_was() {
    crate::golden("steady.json", &(line(&made::steady()).expect("serialise") + "\n"));
}

//! Rows to Arrow columns, straight from the structs.

use arrow_array::builder::StringBuilder;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, StringArray, TimestampNanosecondArray};
use netrig_model::Timestamp;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

pub(crate) fn timestamps<R>(rows: &[R], get: impl Fn(&R) -> Timestamp) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from_iter_values(rows.iter().map(|r| get(r).0)).with_timezone("UTC"))
}

pub(crate) fn maybe_timestamps<R>(rows: &[R], get: impl Fn(&R) -> Option<Timestamp>) -> ArrayRef {
    Arc::new(rows.iter().map(|r| get(r).map(|t| t.0)).collect::<TimestampNanosecondArray>().with_timezone("UTC"))
}

pub(crate) fn numbers<P: ArrowPrimitiveType, R>(rows: &[R], get: impl Fn(&R) -> P::Native) -> ArrayRef {
    Arc::new(PrimitiveArray::<P>::from_iter_values(rows.iter().map(get)))
}

pub(crate) fn maybe_numbers<P: ArrowPrimitiveType, R>(rows: &[R], get: impl Fn(&R) -> Option<P::Native>) -> ArrayRef {
    if rows.iter().all(|r| get(r).is_none()) {
        return Arc::new(PrimitiveArray::<P>::new_null(rows.len()));
    }
    Arc::new(rows.iter().map(get).collect::<PrimitiveArray<P>>())
}

pub(crate) fn bools<R>(rows: &[R], get: impl Fn(&R) -> bool) -> ArrayRef {
    Arc::new(BooleanArray::from(rows.iter().map(get).collect::<Vec<_>>()))
}

pub(crate) fn maybe_bools<R>(rows: &[R], get: impl Fn(&R) -> Option<bool>) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<BooleanArray>())
}

pub(crate) fn texts<R>(rows: &[R], get: impl Fn(&R) -> &str) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(rows.iter().map(get)))
}

pub(crate) fn maybe_texts<R>(rows: &[R], get: impl Fn(&R) -> Option<&str>) -> ArrayRef {
    if rows.iter().all(|r| get(r).is_none()) {
        return Arc::new(StringArray::new_null(rows.len()));
    }
    Arc::new(rows.iter().map(get).collect::<StringArray>())
}

pub(crate) fn addresses<R>(rows: &[R], get: impl Fn(&R) -> Option<IpAddr>) -> ArrayRef {
    let mut column = StringBuilder::with_capacity(rows.len(), rows.len() * 12);
    for row in rows {
        match get(row) {
            Some(IpAddr::V4(v4)) => {
                let (text, len) = dotted(v4.octets());
                // Digits and dots only, so this is never the empty fallback.
                column.append_value(std::str::from_utf8(&text[..len]).unwrap_or_default());
            }
            Some(IpAddr::V6(v6)) => {
                // Writing to a builder's own memory does not fail.
                let _ = write!(column, "{v6}");
                column.append_value("");
            }
            None => column.append_null(),
        }
    }
    Arc::new(column.finish())
}

/// Dotted decimal without the formatting machinery, which would cost more than the rest of a row.
fn dotted(octets: [u8; 4]) -> ([u8; 15], usize) {
    let (mut text, mut len) = ([0; 15], 0);
    for (i, octet) in octets.into_iter().enumerate() {
        if i > 0 {
            text[len] = b'.';
            len += 1;
        }
        for (unit, shown) in [(100, octet >= 100), (10, octet >= 10), (1, true)] {
            if shown {
                text[len] = b'0' + octet / unit % 10;
                len += 1;
            }
        }
    }
    (text, len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    proptest! {
        #[test]
        fn dotted_is_what_the_standard_library_shows(octets: [u8; 4]) {
            let (text, len) = dotted(octets);
            prop_assert_eq!(std::str::from_utf8(&text[..len]).expect("ascii"), Ipv4Addr::from(octets).to_string());
        }
    }
}

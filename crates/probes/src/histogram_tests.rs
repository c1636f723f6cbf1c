//! The kernel side's buckets against the definition of Prometheus' native histograms.

use crate::object;
use libbpf_rs::ProgramInput;

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/histogram_test.bpf.o"));
const BUCKET_FIRST: i32 = -25 * 16;
const BUCKETS: u32 = 528;

#[test]
fn every_time_falls_into_the_bucket_that_the_schema_gives_it() {
    if !crate::check::rights().fine {
        eprintln!("SKIPPED: loading a program needs root");
        return;
    }
    let object = object::open("tcp", OBJECT).expect("open").load().expect("load");
    let program = object.progs_mut().find(|p| p.name() == "bucket_of").expect("program");
    let bucket_of = |ns: u64| {
        let mut question = ns.to_ne_bytes();
        let input = ProgramInput { context_in: Some(&mut question), ..Default::default() };
        program.test_run(input).expect("test run").return_value
    };
    assert_eq!(bucket_of(0), 0);
    assert_eq!(bucket_of(u64::MAX), BUCKETS - 1 - 16 * 8 + (137.438_953_472_f64.log2() * 16.0).floor() as u32 + 1);
    // From 1 µs to 137 s in steps of 0.1 %, and both sides of every power of two.
    let steps = (0..18_700).map(|n| (1000.0 * 1.001_f64.powi(n)) as u64);
    let edges = (10..37).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1]);
    for ns in steps.chain(edges) {
        let bucket = bucket_of(ns);
        let lower_s = (f64::from(BUCKET_FIRST + bucket.cast_signed()) / 16.0).exp2();
        let upper_s = (f64::from(BUCKET_FIRST + bucket.cast_signed() + 1) / 16.0).exp2();
        let s = ns as f64 * 1e-9;
        // The arithmetic is in whole units of 2^-30 s.
        assert!(s > lower_s * 0.999_998 - 1e-9 && s < upper_s * 1.000_002 + 1e-9, "{ns} ns in [{lower_s}, {upper_s})");
        let middle = 2.0 * lower_s * upper_s / (lower_s + upper_s);
        assert!((middle / s - 1.0).abs() < 0.03, "{ns} ns would be told as {middle} s");
    }
}

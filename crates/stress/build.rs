//! Compiles the kernel program that makes frames.

use libbpf_cargo::SkeletonBuilder;
use std::env;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let arch = match env::var("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "x86_64" => "x86".to_owned(),
        "aarch64" => "arm64".to_owned(),
        other => other.to_owned(),
    };
    let flags = [format!("-D__TARGET_ARCH_{arch}"), "-mcpu=v3".into(), "-Wall".into(), "-Werror".into()];
    SkeletonBuilder::new().source("src/bpf/frames.bpf.c").obj(out.join("frames.bpf.o")).clang_args(&flags).build()?;
    println!("cargo:rerun-if-changed=src/bpf");
    println!("cargo:rerun-if-changed=../probes/src/bpf/kernel.h");
    Ok(())
}

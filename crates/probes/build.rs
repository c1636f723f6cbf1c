//! Compiles the kernel programs with clang and lets their BTF write the Rust types of what crosses the boundary.

use libbpf_cargo::SkeletonBuilder;
use std::env;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let arch = match env::var("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "x86_64" => "x86",
        "aarch64" => "arm64",
        "riscv64" => "riscv",
        "powerpc64" => "powerpc",
        "s390x" => "s390",
        other => return Err(format!("netrig's kernel programs have not been tried on {other}").into()),
    };
    let flags = [format!("-D__TARGET_ARCH_{arch}"), "-mcpu=v3".into(), "-Wall".into(), "-Werror".into()];
    SkeletonBuilder::new()
        .source("src/bpf/wire.bpf.c")
        .clang_args(&flags)
        .build_and_generate(out.join("wire.skel.rs"))?;
    SkeletonBuilder::new().source("src/flow/flow.bpf.c").obj(out.join("flow.bpf.o")).clang_args(&flags).build()?;
    SkeletonBuilder::new().source("src/tcp/tcp.bpf.c").obj(out.join("tcp.bpf.o")).clang_args(&flags).build()?;
    SkeletonBuilder::new()
        .source("src/latency/latency.bpf.c")
        .obj(out.join("latency.bpf.o"))
        .clang_args(&flags)
        .build()?;
    SkeletonBuilder::new().source("src/drop/drop.bpf.c").obj(out.join("drop.bpf.o")).clang_args(&flags).build()?;
    SkeletonBuilder::new().source("src/queue/queue.bpf.c").obj(out.join("queue.bpf.o")).clang_args(&flags).build()?;
    SkeletonBuilder::new()
        .source("src/recorder/recorder.bpf.c")
        .obj(out.join("recorder.bpf.o"))
        .clang_args(&flags)
        .build()?;
    SkeletonBuilder::new()
        .source("src/policy/entry.bpf.c")
        .obj(out.join("policy_entry.bpf.o"))
        .clang_args(&flags)
        .build()?;
    SkeletonBuilder::new()
        .source("src/policy/rules.bpf.c")
        .obj(out.join("policy_rules.bpf.o"))
        .clang_args(&flags)
        .build()?;
    SkeletonBuilder::new()
        .source("src/capture/capture.bpf.c")
        .obj(out.join("capture.bpf.o"))
        .clang_args(&flags)
        .build()?;
    SkeletonBuilder::new()
        .source("src/bpf/histogram_test.bpf.c")
        .obj(out.join("histogram_test.bpf.o"))
        .clang_args(&flags)
        .build()?;
    for folder in [
        "src/bpf",
        "src/flow",
        "src/tcp",
        "src/latency",
        "src/drop",
        "src/burst",
        "src/payload",
        "src/queue",
        "src/policy",
        "src/capture",
        "src/recorder",
    ] {
        watch(Path::new(folder))?;
    }
    Ok(())
}

fn watch(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "h" || e == "c") {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    println!("cargo:rerun-if-changed={}", folder.display());
    Ok(())
}

//! Compiles the bench's kernel programs, which include netrig's own.

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
    for name in ["bench", "empty_tcp", "empty_drop", "overhead", "policy"] {
        let (source, object) = (format!("src/bpf/{name}.bpf.c"), out.join(format!("{name}.bpf.o")));
        SkeletonBuilder::new().source(source).obj(object).clang_args(&flags).build()?;
    }
    for folder in [
        "src/bpf",
        "../probes/src/bpf",
        "../probes/src/flow",
        "../probes/src/tcp",
        "../probes/src/burst",
        "../probes/src/payload",
    ] {
        println!("cargo:rerun-if-changed={folder}");
    }
    Ok(())
}

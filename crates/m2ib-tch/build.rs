//! Says what is missing before a page of linker errors does.

#[path = "build/libtorch.rs"]
mod libtorch;

use std::env;

fn main() {
    for name in [
        "LIBTORCH",
        "LIBTORCH_USE_PYTORCH",
        "LIBTORCH_BYPASS_VERSION_CHECK",
    ] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let asked_for = env::var_os("CARGO_FEATURE_TCH").is_some();
    let left_to_others = ["LIBTORCH_USE_PYTORCH", "LIBTORCH_BYPASS_VERSION_CHECK"]
        .iter()
        .any(|name| env::var_os(name).is_some());
    if !asked_for || left_to_others {
        return;
    }
    if let Err(reason) = libtorch::check(env::var_os("LIBTORCH").as_deref()) {
        println!("cargo::error={reason}");
    }
}

//! m2ib as a Python package: the library's types with Python's manners.
//!
//! Python's part of the package is in `python/m2ib`: error classes, plain results, how pictures of
//! other libraries are taken, and metrics' arguments. All computing is here and below.
//!
//! **What this crate may know:** everything. Nothing knows it.

mod array;
mod asked;
mod attribution;
mod calibration;
mod encoded;
mod explainer;
mod failure;
mod faithfulness;
mod given;
mod listing;
mod localisation;
mod many;
mod model;
mod pair;
mod picture;
mod python;
mod run;
mod save;
mod segments;
mod settings;
mod shared;
mod sides;

use std::ffi::OsString;

use pyo3::prelude::*;

// burn allocates every intermediate anew; the system allocator maps and unmaps the large ones each
// time, which costs a tenth of the whole run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The program: its arguments with its name first, its exit code.
#[pyfunction]
fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| m2ib_cli::run(arguments))
}

/// m2ib's compiled part; use `m2ib` itself.
#[pymodule]
mod _m2ib {
    #[pymodule_export]
    use crate::array::Numbers;
    #[pymodule_export]
    use crate::attribution::Attribution;
    #[pymodule_export]
    use crate::calibration::Calibration;
    #[pymodule_export]
    use crate::encoded::{EncodedImage, EncodedText};
    #[pymodule_export]
    use crate::explainer::Explainer;
    #[pymodule_export]
    use crate::faithfulness::{confidence, curve, road};
    #[pymodule_export]
    use crate::listing::{devices, methods, scenes};
    #[pymodule_export]
    use crate::localisation::{dilated, localise, spearman, upsample};
    #[pymodule_export]
    use crate::main;
    #[pymodule_export]
    use crate::picture::read_image;
    #[pymodule_export]
    use crate::segments::Segments;
    #[pymodule_export]
    use crate::sides::{ImageAttribution, TextAttribution};

    #[pymodule_export]
    const __VERSION__: &str = env!("CARGO_PKG_VERSION");
}

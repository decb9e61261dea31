//! The program `m2ib`, which is the library's [`run`](m2ib_cli::run).

use std::process::ExitCode;

// burn allocates every intermediate anew; the system allocator maps and unmaps the large ones each
// time, which costs a tenth of the whole run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    m2ib_cli::run(std::env::args_os()).into()
}

//! `m2ib-train`: train the emoji model, and measure models with its scenes.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

// burn allocates every intermediate anew; the system allocator maps and unmaps the large ones each
// time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Train the small CLIP model of emoji scenes, and measure such models.
#[derive(Parser)]
#[command(name = "m2ib-train", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(commands::train::Train),
    Grow(commands::grow::Grow),
    Measure(commands::measure::Measure),
}

fn main() -> ExitCode {
    keep_memory();
    let result = match Arguments::parse().command {
        Command::Train(command) => command.run(),
        Command::Grow(command) => command.run(),
        Command::Measure(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let red = anstyle::AnsiColor::Red.on_default().bold();
            anstream::eprintln!("{red}error{red:#}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Has the allocator keep what is freed: a step frees and takes hundreds of megabytes, and pages
/// that went back to the system are cleared anew. A fifth of a step's time.
///
/// The allocator reads its options from the environment before `main`, so the program starts over.
#[cfg(unix)]
fn keep_memory() {
    use std::os::unix::process::CommandExt;
    const OPTION: &str = "MIMALLOC_PURGE_DELAY";
    if std::env::var_os(OPTION).is_none()
        && let Ok(program) = std::env::current_exe()
    {
        // It returns only where it failed; then all goes on, slower.
        let _ = std::process::Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(OPTION, "-1")
            .exec();
    }
}

#[cfg(not(unix))]
fn keep_memory() {}

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
    Measure(commands::measure::Measure),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Train(command) => command.run(),
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

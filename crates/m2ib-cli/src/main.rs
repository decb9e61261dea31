//! `m2ib`: explain CLIP from the command line.

mod calibrate;
mod calibration;
mod compare;
mod devices;
#[cfg(feature = "hub")]
mod download;
mod evaluate;
mod explain;
mod inspect;
mod methods;
mod model;
mod output;
mod pairs;
mod picture;
mod score;
mod sweep;
mod trials;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rayon::ThreadPoolBuilder;
use tracing_subscriber::EnvFilter;

// burn allocates every intermediate anew; the system allocator maps and unmaps the large ones each
// time, which costs a tenth of the whole run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What did a CLIP model look at, and which words mattered?
#[derive(Parser)]
#[command(name = "m2ib", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    // Boxed: they have many more options than the others.
    Explain(Box<explain::Explain>),
    Score(score::Score),
    Calibrate(calibrate::Calibrate),
    Evaluate(Box<evaluate::Evaluate>),
    Sweep(Box<sweep::Sweep>),
    Methods(methods::Methods),
    Inspect(inspect::Inspect),
    Devices(devices::Devices),
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("M2IB_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    // All work is done by the threads that lanes share; rayon's own would come on top of them.
    if let Err(error) = ThreadPoolBuilder::new().num_threads(1).build_global() {
        warn(error);
    }
    let result = match Arguments::parse().command {
        Command::Explain(command) => command.run(),
        Command::Score(command) => command.run(),
        Command::Calibrate(command) => command.run(),
        Command::Evaluate(command) => command.run(),
        Command::Sweep(command) => command.run(),
        Command::Methods(command) => command.run(),
        Command::Inspect(command) => command.run(),
        Command::Devices(command) => command.run(),
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

/// A warning line on stderr.
fn warn(text: impl std::fmt::Display) {
    let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
    anstream::eprintln!("{yellow}warning{yellow:#}: {text}");
}

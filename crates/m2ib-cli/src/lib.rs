//! `m2ib`: explain CLIP from the command line.
//!
//! The program is a library, since it is also a part of the Python package: [`run`] is all of it, [`command`]
//! what it takes.

mod asked;
mod bank;
mod calibrate;
mod calibration;
mod compare;
mod devices;
#[cfg(feature = "hub")]
mod download;
mod evaluate;
mod explain;
mod given;
mod inspect;
mod masks;
mod merge;
mod meter;
mod methods;
mod model;
mod output;
mod pairs;
mod picture;
mod rendering;
mod report;
mod run;
mod score;
mod serve;
mod shell;
mod slice;
mod sweep;
mod terminal;
mod trials;

use std::ffi::OsString;
use std::io::IsTerminal;

use clap::{ArgAction, CommandFactory, Parser, Subcommand};
use rayon::ThreadPoolBuilder;
use tracing_subscriber::EnvFilter;

use terminal::Unheard;

const SUCCESS: u8 = 0;
const FAILURE: u8 = 1;

/// What the program ends with, as its help and its manual say.
const EXIT_CODES: &str = "\
Exit codes: 0, what was asked for is done; 1, it failed, or a part of it did: standard error says what and \
why, and what could be done is written; 2, an option is unknown, missing or not of its kind, and nothing was \
done. Of a data set, pairs that fail are named and counted, and all others count as done.";

/// What did a CLIP model look at, and which words mattered?
#[derive(Parser)]
#[command(name = "m2ib", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Say nothing but results and errors: no warnings, no progress.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Tell what is done on standard error; twice, in detail. The variable M2IB_LOG says it for each part of the
    /// program, as in M2IB_LOG=m2ib=debug,clip_model=trace.
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
}

#[derive(Subcommand)]
enum Command {
    // Boxed: they have many more options than the others.
    Explain(Box<explain::Explain>),
    Serve(Box<serve::Serve>),
    Score(score::Score),
    Calibrate(calibrate::Calibrate),
    Evaluate(Box<evaluate::Evaluate>),
    Sweep(Box<sweep::Sweep>),
    Run(Box<run::Run>),
    Merge(merge::Merge),
    Report(report::Report),
    Methods(methods::Methods),
    Inspect(inspect::Inspect),
    Devices(devices::Devices),
    Completions(shell::Completions),
    Man(shell::Man),
}

/// What the program takes: its commands and options with their help.
///
/// ```
/// let explain = ["m2ib", "explain", "--image", "dog.jpg", "--text", "a dog"];
/// assert!(m2ib_cli::command().try_get_matches_from(explain).is_ok());
/// ```
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Does what the arguments say, of which the first is the program's name, and returns the exit code:
/// 0, or 1 for what failed, be it a part. Arguments that are wrong, and questions about them, end the process.
///
/// It is the process's only use of this library: logs and threads are set up for all of it.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    // All work is done by the threads that lanes share; rayon's own would come on top of them.
    if let Err(error) = ThreadPoolBuilder::new().num_threads(1).build_global() {
        terminal::error(format_args!(
            "the system starts no thread for the program: {error}; allow it more processes"
        ));
        return FAILURE;
    }
    let arguments = Arguments::try_parse_from(arguments).unwrap_or_else(|error| refuse(&error));
    if arguments.quiet {
        terminal::be_quiet();
    }
    log(arguments.verbose);
    let result = match arguments.command {
        Command::Explain(command) => command.run(),
        Command::Serve(command) => command.run(),
        Command::Score(command) => command.run(),
        Command::Calibrate(command) => command.run(),
        Command::Evaluate(command) => command.run(),
        Command::Sweep(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Merge(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Methods(command) => command.run(),
        Command::Inspect(command) => command.run(),
        Command::Devices(command) => command.run(),
        Command::Completions(command) => command.run(Arguments::command()),
        Command::Man(command) => command.run(Arguments::command()),
    };
    match result {
        Ok(()) => SUCCESS,
        // Results are in their files by then.
        Err(error) if error.downcast_ref().is_some_and(Unheard::is_closed_pipe) => SUCCESS,
        Err(error) => {
            terminal::error(m2ib_files::causes(error.as_ref()));
            FAILURE
        }
    }
}

/// Writes what happens inside to standard error, as M2IB_LOG or else `--verbose` says; nothing without either.
fn log(verbose: u8) {
    /// Whatever is ours; what others log is asked for by M2IB_LOG.
    const OURS: [&str; 4] = ["m2ib", "m2ib_cli", "m2ib_serve", "clip_model"];
    let usual = || {
        let level = match verbose {
            0 => return EnvFilter::new("off"),
            1 => "info",
            2 => "debug",
            _ => "trace",
        };
        let of_each = OURS.map(|ours| format!("{ours}={level}"));
        // The program says warnings itself.
        EnvFilter::new(format!(
            "{},m2ib::warnings=off,m2ib::rivalry=off",
            of_each.join(",")
        ))
    };
    let filter = match std::env::var("M2IB_LOG") {
        Err(_) => usual(),
        Ok(text) => EnvFilter::try_new(&text).unwrap_or_else(|error| {
            terminal::warn(format_args!(
                "M2IB_LOG is \"{text}\": {error}; expected parts and levels, as in m2ib=debug,clip_model=trace"
            ));
            usual()
        }),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// Says what is wrong with the arguments, or what was asked of them, and ends.
fn refuse(error: &clap::Error) -> ! {
    let text = error.render().to_string();
    // What was given is repeated, and may steer the terminal.
    if error.use_stderr() && terminal::clean(&text) != text {
        terminal::beside(terminal::clean(text.trim_end()));
        std::process::exit(error.exit_code());
    }
    error.exit()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What an option is about: its help up to the first pause.
    fn meaning(help: &str) -> &str {
        help.split([':', ';', '.', ',']).next().unwrap_or_default()
    }

    /// Of what kind its values are, be they one or a list.
    fn kind(argument: &clap::Arg) -> String {
        let names = argument.get_value_names().unwrap_or_default();
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let takes = argument.get_action().takes_values();
        match takes {
            true => names.join(" ").trim_end_matches('S').to_owned(),
            false => "nothing".into(),
        }
    }

    #[test]
    fn an_option_means_the_same_in_all_commands() {
        /// Results are files or folders, and captions come from files or in numbers.
        const SEVERAL_KINDS: [&str; 2] = ["out", "bank"];
        let mut known: BTreeMap<String, (String, String, String)> = BTreeMap::new();
        let mut several = 0;
        for command in Arguments::command().get_subcommands() {
            for argument in command.get_arguments() {
                let Some(name) = argument.get_long() else {
                    continue;
                };
                let help = argument.get_help().map(ToString::to_string);
                let help = help.unwrap_or_else(|| panic!("--{name} has no help"));
                let found = (meaning(&help).to_owned(), kind(argument));
                match known.get(name) {
                    None => {
                        let by = command.get_name().to_owned();
                        known.insert(name.into(), (by, found.0, found.1));
                    }
                    Some((by, meaning, kind)) => {
                        several += 1;
                        let both = format!("--{name} of {by} and {}", command.get_name());
                        assert_eq!(found.0, *meaning, "{both}");
                        if !SEVERAL_KINDS.contains(&name) {
                            assert_eq!(found.1, *kind, "{both}");
                        }
                    }
                }
            }
        }
        assert!(several > 100, "{several}");
        Arguments::command().debug_assert();
    }
}

//! `m2ib completions` and `m2ib man`: what shells and manuals take from the program's own arguments.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man as Page;

use crate::output::Output;
use crate::terminal::{print, print_raw};

/// Print what completes m2ib's arguments in a shell: `source <(m2ib completions bash)`, or into a file of
/// the folder that the shell reads.
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual's page, or write the pages of all commands: `m2ib man --out ~/.local/share/man/man1`.
#[derive(Args)]
pub(crate) struct Man {
    /// Where to write: a folder for the pages of all commands.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn run(self, mut program: Command) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "m2ib", &mut script);
        print_raw(&script)
    }
}

impl Man {
    pub(crate) fn run(self, mut program: Command) -> Result<()> {
        // Names and usages of subcommands are of the whole line.
        program.build();
        let Some(folder) = &self.out else {
            return print_raw(&page(program)?);
        };
        let subcommands = program
            .get_subcommands()
            .filter(|it| it.get_name() != "help");
        let subcommands = subcommands.map(|subcommand| {
            let name = format!("m2ib-{}", subcommand.get_name());
            (name, subcommand.clone())
        });
        let all = [("m2ib".to_owned(), program.clone())];
        let mut files = Vec::new();
        for (name, command) in all.into_iter().chain(subcommands) {
            files.push((format!("{name}.1"), page(command)?));
        }
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let output = Output::check(folder, &names, Vec::new())?;
        for (name, bytes) in &files {
            print(output.write(name, bytes)?.display())?;
        }
        Ok(())
    }
}

fn page(command: Command) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let page = Page::new(command);
    page.render(&mut bytes).context("cannot write the manual")?;
    Ok(bytes)
}

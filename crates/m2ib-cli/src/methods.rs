//! `m2ib methods`, and methods as arguments.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use m2ib_methods::{MethodFactory, Registry};

use crate::terminal::{print, print_styled};

/// A method with its settings, as an argument.
pub(crate) type Chosen = Arc<dyn MethodFactory>;

/// List the methods that `m2ib explain --method` and `m2ib evaluate --methods` take, each with its
/// settings, their defaults and what they take.
#[derive(Args)]
pub(crate) struct Methods {}

impl Methods {
    pub(crate) fn run(self) -> Result<()> {
        let bold = anstyle::Style::new().bold();
        print("A method with settings is NAME:SETTING=VALUE:SETTING=VALUE.")?;
        for method in Registry::standard().methods() {
            let needs = match method.needs_calibration() {
                true => "; better with a calibration",
                false => "",
            };
            let (name, description) = (method.name(), method.description());
            print_styled(format_args!("\n{bold}{name}{bold:#}: {description}{needs}"))?;
            for setting in method.settings() {
                let (name, default) = (setting.name, setting.default);
                print(format_args!(
                    "    {name:<14} {default:<12} {}",
                    setting.takes
                ))?;
            }
        }
        Ok(())
    }
}

/// A method of the registry by its name and settings.
pub(crate) fn parse(text: &str) -> Result<Chosen, m2ib_methods::Error> {
    Registry::standard().parse(text)
}

/// All names, for a help text.
pub(crate) fn names() -> String {
    let methods = Registry::standard();
    let names: Vec<&str> = methods.methods().iter().map(|m| m.name()).collect();
    names.join(", ")
}

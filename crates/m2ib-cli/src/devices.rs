//! `m2ib devices`: what can compute here.

use anyhow::Result;
use clap::Args;
use m2ib::{Backend, FoundDevice, Precision};

use crate::terminal::print;

/// List the backends compiled in and the devices found, as --device takes them, each with the
/// number formats that --precision takes there.
#[derive(Args)]
pub(crate) struct Devices {}

impl Devices {
    pub(crate) fn run(self) -> Result<()> {
        for backend in Backend::ALL {
            let devices = backend.devices();
            for FoundDevice { choice, name } in &devices {
                let precisions = Precision::supported_by(&choice.device()?)
                    .map(|precision| precision.to_string())
                    .collect::<Vec<_>>();
                let precisions = precisions.join(", ");
                print(format_args!(
                    "{:<10}{name} ({precisions})",
                    choice.to_string()
                ))?;
            }
            if !backend.is_compiled() {
                let feature = backend.feature();
                print(format_args!(
                    "{feature:<10}not compiled in; build with the cargo feature \"{feature}\""
                ))?;
            } else if devices.is_empty() {
                let reason = backend.device().map(|_| String::new());
                let reason = reason.unwrap_or_else(|error| error.to_string());
                print(format_args!("{:<10}{reason}", backend.to_string()))?;
            }
        }
        Ok(())
    }
}

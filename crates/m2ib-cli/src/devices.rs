//! `m2ib devices`: what can compute here.

use anyhow::Result;
use clap::Args;
use m2ib::Backend;

/// List the backends compiled in and the devices found, as --device takes them.
#[derive(Args)]
pub(crate) struct Devices {}

impl Devices {
    pub(crate) fn run(self) -> Result<()> {
        for backend in Backend::ALL {
            let devices = backend.devices();
            for device in &devices {
                anstream::println!("{:<10}{}", device.choice.to_string(), device.name);
            }
            if !backend.is_compiled() {
                let feature = backend.feature();
                anstream::println!(
                    "{feature:<10}not compiled in; build with the cargo feature \"{feature}\""
                );
            } else if devices.is_empty() {
                let reason = backend.device().map(|_| String::new());
                let reason = reason.unwrap_or_else(|error| error.to_string());
                anstream::println!("{:<10}{reason}", backend.to_string());
            }
        }
        Ok(())
    }
}

//! `m2ib serve`: explanations in the browser, and as a service.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use m2ib::emoji::SCENES;
use m2ib_serve::{Sample, Service, Settings};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::bank::BankArguments;
use crate::calibration::CalibrationArguments;
use crate::model::ModelArguments;
use crate::picture::PictureArguments;
use crate::terminal::{beside, print, warn};

/// Open an explorer in the browser, with a JSON interface beside it: give pictures, type captions,
/// and see what the model relied on. Ends with Ctrl-C.
#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    bank: BankArguments,
    #[command(flatten)]
    calibration: CalibrationArguments,
    #[command(flatten)]
    picture: PictureArguments,
    #[command(flatten)]
    server: Server,
}

#[derive(Args)]
#[command(next_help_heading = "Server")]
struct Server {
    /// Where to listen. Only programs of this machine reach 127.0.0.1; with 0.0.0.0, everyone who
    /// reaches the machine may use the model, and nothing asks who they are. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7878", value_name = "IP:PORT")]
    address: SocketAddr,
    /// A name, besides localhost and the address, by which clients may call the server; requests for
    /// others are refused, since a page elsewhere could have made them.
    #[arg(long = "allow-host", value_name = "NAME")]
    allow_hosts: Vec<String>,
    /// Explanations computed at once; each uses all threads.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// Explanations that may wait; the next is refused with 429.
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    queue: u16,
    /// Seconds that one explanation may take, before it is stopped and answered with 504.
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    time_limit: u64,
    /// Megabytes that a picture's file may have.
    #[arg(long, default_value_t = 20, value_name = "MB", value_parser = clap::value_parser!(u16).range(1..=1000))]
    picture_limit: u16,
    /// Show what was made: the explorer, in the browser.
    #[arg(long)]
    open: bool,
}

impl Serve {
    pub(crate) fn run(self) -> Result<()> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let runtime = runtime.context("the system starts no thread for the server")?;
        // A port that is taken is told before a large model is loaded.
        let listener = runtime.block_on(self.server.listen())?;
        let service = self.service()?;
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            warn(format!(
                "{address} is not a loopback address: whoever reaches this machine may use the model, and sees no picture of others only as long as ids are not guessed; put a proxy that asks who they are before it"
            ));
        }
        let page = format!("http://{}", shown(address));
        print(format_args!("The explorer is at {page} (Ctrl-C ends it)"))?;
        if self.server.open
            && let Err(error) = open::that(&page)
        {
            warn(format!("cannot show {page}: {error}"));
        }
        let served = runtime.block_on(service.run(listener, asked_to_end()));
        // A step that is being computed may take long; nobody waits for it.
        runtime.shutdown_timeout(Duration::from_secs(1));
        served.context("the server broke off")
    }

    fn service(&self) -> Result<Service> {
        let statistics = self.calibration.read()?;
        let model = self.bank.given_to(self.model.load()?)?;
        let mut settings = Settings::default();
        settings.calibration = statistics.of(&model)?;
        settings.adjustment = self.picture.adjustment();
        settings.hosts = self.server.allow_hosts.clone();
        if self.model.is_emoji() {
            settings.samples = SCENES.iter().map(sample).collect();
        }
        let limits = &mut settings.limits;
        limits.workers = self.server.workers.into();
        limits.queue = self.server.queue.into();
        limits.time = Duration::from_secs(self.server.time_limit);
        limits.picture_bytes = usize::from(self.server.picture_limit) << 20;
        Ok(Service::new(model, settings)?)
    }
}

impl Server {
    async fn listen(&self) -> Result<TcpListener> {
        let address = self.address;
        let listener = TcpListener::bind(address).await;
        listener.with_context(|| {
            format!(
                "--address {address} cannot be listened on; choose another port, or 0 for a free one"
            )
        })
    }
}

/// An address as browsers take it.
fn shown(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("localhost:{}", address.port()),
        false => address.to_string(),
    }
}

fn sample(scene: &m2ib::emoji::Scene) -> Sample {
    let captions = scene.objects.iter().map(|object| object.caption.into());
    Sample {
        name: scene.name.into(),
        bytes: scene.png.into(),
        captions: captions.collect(),
    }
}

/// Ready at the first Ctrl-C, or when the system asks the program to end; the next ends it at once.
async fn asked_to_end() {
    interrupted().await;
    beside("Ending; running explanations are stopped. Once more ends at once.");
    tokio::spawn(async {
        interrupted().await;
        std::process::exit(130);
    });
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_as_browsers_take_them() {
        let shown = |address: &str| shown(address.parse().unwrap());
        assert_eq!(shown("127.0.0.1:7878"), "127.0.0.1:7878");
        assert_eq!(shown("0.0.0.0:80"), "localhost:80");
        assert_eq!(shown("[::1]:80"), "[::1]:80");
    }
}

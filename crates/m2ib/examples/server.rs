//! A server of one's own: one explainer, shared by threads that each answer a request at a time.
//!
//! ```sh
//! cargo run --release -p m2ib --example server
//! curl --data-binary @crates/m2ib-emoji/scenes/scene6.png 'http://127.0.0.1:7979/a%20photo%20of%20a%20hedgehog'
//! ```
//!
//! `m2ib serve` is the whole thing, with a queue, limits and cancellation; `m2ib-serve` has it as a router.

#![allow(clippy::print_stdout)]

use std::io::Read;
use std::thread;

use anyhow::{Error, Result};
use m2ib::Explainer;
use percent_encoding::percent_decode_str;
use tiny_http::{Request, Response, Server};

/// Most bytes of a picture.
const LIMIT: u64 = 20 << 20;

fn main() -> Result<()> {
    let explainer = Explainer::emoji()?; // or Explainer::from_folder("path/to/clip-vit-base-patch32")?
    let server = Server::http("127.0.0.1:7979").map_err(Error::from_boxed)?;
    println!("http://127.0.0.1:7979");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for mut request in server.incoming_requests() {
                    let response = match explain(&explainer, &mut request) {
                        Ok(json) => Response::from_string(json),
                        Err(error) => {
                            Response::from_string(error.to_string()).with_status_code(422)
                        }
                    };
                    // Who hung up does not wait for it.
                    let _ = request.respond(response);
                }
            });
        }
    });
    Ok(())
}

fn explain(explainer: &Explainer, request: &mut Request) -> Result<String> {
    // Spaces come as %20 or, from forms, as +; a + itself comes as %2B.
    let caption = request.url().trim_start_matches('/').replace('+', " ");
    let caption = percent_decode_str(&caption).decode_utf8()?;
    let mut bytes = Vec::new();
    request.as_reader().take(LIMIT).read_to_end(&mut bytes)?;
    let image = m2ib::decode_image(&bytes, "the request's body")?;
    let attribution = explainer.attribute(&image, &caption)?;
    Ok(serde_json::to_string(&attribution)?)
}

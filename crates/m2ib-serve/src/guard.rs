//! Who may ask, and what browsers may do with what they get.
//!
//! A page of any site can have its visitor's browser send requests to the visitor's own machine, and
//! by a name of its own that it has point there it could read the answers as well. So requests must
//! call the server by a name that is known to be its own, and those that browsers send for a page must
//! be of a page of this server.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::header::{self, HeaderName};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use m2ib::draw::visible;

use crate::problem::Problem;

/// Names that the server goes by.
#[derive(Debug, Clone)]
pub(crate) struct Allowed {
    address: IpAddr,
    names: Vec<String>,
}

/// Scripts, styles and pictures are the server's own; nothing is loaded from elsewhere, sent
/// elsewhere, or shown in another site's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

impl Allowed {
    pub(crate) fn new(address: SocketAddr, names: &[String]) -> Self {
        let names = names.iter();
        Self {
            address: address.ip(),
            names: names.map(|name| name.to_ascii_lowercase()).collect(),
        }
    }

    /// Whether a host is this server, without its port: where a port is forwarded, clients know
    /// another one.
    fn is_own(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            // Nobody can have an address point elsewhere, unlike a name.
            Ok(ip) => ip.is_loopback() || ip == self.address || self.address.is_unspecified(),
            Err(_) => host == "localhost" || self.names.contains(&host),
        }
    }

    fn check(&self, request: &Request) -> Result<(), Problem> {
        let headers = request.headers();
        let given = request.uri().authority().cloned();
        let host = given.or_else(|| one(headers, &header::HOST)?.parse::<Authority>().ok());
        let Some(host) = host else {
            return Err(Problem::malformed(
                "the request has no readable Host header, expected one, as in \"localhost:7878\"",
            ));
        };
        if !self.is_own(host.host()) {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                format!(
                    "the request is for \"{}\", which is not known as this server's name; call it by localhost or its address, or start it with --allow-host {}",
                    visible(host.as_str()),
                    visible(host.host())
                ),
            ));
        }
        if headers.contains_key(header::ORIGIN) {
            let origin = one(headers, &header::ORIGIN).unwrap_or_default();
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            if !authority.is_some_and(|its| its.eq_ignore_ascii_case(host.as_str())) {
                return Err(foreign(origin));
            }
        }
        // Older browsers send no Origin when they only fetch.
        let site = one(headers, &HeaderName::from_static("sec-fetch-site"));
        let elsewhere = site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
        let path = request.uri().path();
        if elsewhere && path.starts_with("/api/") {
            return Err(foreign("another site"));
        }
        Ok(())
    }
}

fn foreign(origin: &str) -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        format!(
            "the request was sent by a page of \"{}\", expected one of this server",
            visible(origin)
        ),
    )
}

/// A header's value, if it is there once and readable.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Refuses what is not meant for this server, and says in every answer what browsers may do with it.
pub(crate) async fn guard(allowed: &Allowed, request: Request, next: Next) -> Response {
    let mut response = match allowed.check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        let never = HeaderValue::from_static("no-store");
        headers.insert(header::CACHE_CONTROL, never);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_knows_its_names() {
        let own = |address: &str, host: &str| {
            let address = address.parse().unwrap();
            Allowed::new(address, &["Lab.example".into()]).is_own(host)
        };
        let loopback = "127.0.0.1:7878";
        for host in [
            "localhost",
            "LOCALHOST.",
            "127.0.0.1",
            "[::1]",
            "lab.example",
        ] {
            assert!(own(loopback, host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            "127.0.0.1.nip.io",
        ] {
            assert!(!own(loopback, host), "{host}");
        }
        assert!(own("10.0.0.1:80", "10.0.0.1") && !own("10.0.0.1:80", "10.0.0.2"));
        assert!(own("0.0.0.0:80", "10.0.0.2") && own("[::]:80", "[fe80::1]"));
        assert!(!own("0.0.0.0:80", "evil.example"));
    }
}

//! Asking the hub for a file.
//!
//! hf-hub 0.5 could download too, but asks for compressed answers, to which the hub's file servers
//! give no ranges (its issue 141), appends whatever comes to a partial file, checks no length and
//! shows the token to the servers that it is redirected to. So its HTTP client is used, and its
//! cache, with the requests made here.

use std::io::Read;
use std::time::Duration;

use hf_hub::api::sync::{ApiBuilder, ApiRepo};

use super::{HubOptions, HubReason, id};

/// Enough for the hub's own redirect, a file server's and a mirror's.
const REDIRECTS: usize = 8;
/// A silent connection is given up; without this a dead one waits for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// One model at one hub.
pub(super) struct Client {
    endpoint: String,
    name: String,
    revision: String,
    has_token: bool,
    /// Carries the token, for the endpoint itself.
    authorised: ApiRepo,
    /// Carries none, for whoever the endpoint redirects to.
    anonymous: ApiRepo,
}

/// The beginning of a file, its body still to be read.
pub(super) struct Answer {
    commit: Option<String>,
    etag: Option<String>,
    /// The whole file's length.
    pub(super) size: Option<u64>,
    /// Where in the file the body begins.
    pub(super) start: u64,
    pub(super) body: Box<dyn Read>,
}

impl Answer {
    /// The commit the file is of.
    pub(super) fn commit(&self) -> Result<String, HubReason> {
        plain(&self.commit, "x-repo-commit")
    }

    /// What the file's content is called in the cache.
    pub(super) fn etag(&self) -> Result<String, HubReason> {
        plain(&self.etag, "etag")
    }
}

/// A header that becomes a path.
fn plain(value: &Option<String>, header: &str) -> Result<String, HubReason> {
    let value = value.as_deref().unwrap_or_default();
    let value = value.trim_start_matches("W/").trim_matches('"');
    match id::is_plain(value) {
        true => Ok(value.into()),
        false => Err(HubReason::Answer {
            detail: format!("the header {header} is \"{value}\""),
        }),
    }
}

/// One response: what its headers say about the file, and the body.
struct Response {
    status: u16,
    location: Option<String>,
    error_code: Option<String>,
    commit: Option<String>,
    etag: Option<String>,
    size: Option<u64>,
    start: u64,
    body: Box<dyn Read>,
}

impl Client {
    pub(super) fn new(options: &HubOptions, model: &id::ModelId) -> Result<Self, HubReason> {
        let repo = |token: Option<String>| {
            let api = ApiBuilder::from_cache(hf_hub::Cache::new(options.cache.clone()))
                .with_endpoint(options.endpoint.clone())
                .with_user_agent("m2ib", env!("CARGO_PKG_VERSION"))
                .with_token(token)
                .build();
            match api {
                Ok(api) => Ok(api.repo(model.repo())),
                Err(error) => Err(HubReason::Unreachable {
                    endpoint: options.endpoint.clone(),
                    detail: error.to_string(),
                }),
            }
        };
        Ok(Self {
            endpoint: options.endpoint.clone(),
            name: model.name.clone(),
            revision: model.revision.clone(),
            has_token: options.token.is_some(),
            authorised: repo(options.token.clone())?,
            anonymous: repo(None)?,
        })
    }

    /// Asks for a file, at a commit or else at the model's revision, from a byte onwards. The
    /// answer may begin earlier, if the server gives no ranges.
    pub(super) fn get(
        &self,
        file: &str,
        commit: Option<&str>,
        start: u64,
    ) -> Result<Answer, HubReason> {
        let revision = commit.unwrap_or(&self.revision).replace('/', "%2F");
        let mut url = format!("{}/{}/resolve/{revision}/{file}", self.endpoint, self.name);
        let first = commit.is_none();
        let (mut commit, mut etag, mut size) = (None, None, None);
        for _ in 0..REDIRECTS {
            let response = self.request(&url, start)?;
            // File servers have an etag of their own: only the hub's counts, which comes with the
            // commit.
            if response.commit.is_some() {
                (commit, etag) = (response.commit, response.etag.or(etag));
            }
            size = size.or(response.size);
            match (response.status, response.location) {
                (200 | 206, _) => {
                    return Ok(Answer {
                        commit,
                        etag,
                        size,
                        start: response.start,
                        body: response.body,
                    });
                }
                (301 | 302 | 303 | 307 | 308, Some(location)) => url = join(&url, &location)?,
                (status, _) => {
                    return Err(self.refusal(status, response.error_code.as_deref(), first));
                }
            }
        }
        Err(HubReason::Answer {
            detail: "it redirects in circles".into(),
        })
    }

    fn request(&self, url: &str, start: u64) -> Result<Response, HubReason> {
        let repo = match origin(url) == origin(&self.endpoint) {
            true => &self.authorised,
            false => &self.anonymous,
        };
        let mut request = repo
            .info_request()
            .uri(url)
            // File servers ignore the range of a request that accepts compression.
            .header("Accept-Encoding", "identity");
        if start > 0 {
            request = request.header("Range", format!("bytes={start}-"));
        }
        let response = request
            .config()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .build()
            .call()
            .map_err(|error| HubReason::Unreachable {
                endpoint: origin(url).into(),
                detail: error.to_string(),
            })?;
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let status = response.status().as_u16();
        let range = header("content-range").filter(|_| status == 206);
        let range = range.as_deref().and_then(parse_range);
        let length = || {
            header("content-length")
                .filter(|_| status == 200)?
                .parse()
                .ok()
        };
        Ok(Response {
            status,
            location: header("location"),
            error_code: header("x-error-code"),
            commit: header("x-repo-commit"),
            etag: header("x-linked-etag").or_else(|| header("etag")),
            size: header("x-linked-size")
                .and_then(|size| size.parse().ok())
                .or_else(|| range.and_then(|(_, size)| size))
                .or_else(length),
            start: range.map_or(0, |(start, _)| start),
            body: Box::new(response.into_parts().1.into_reader()),
        })
    }

    fn refusal(&self, status: u16, code: Option<&str>, first: bool) -> HubReason {
        let endpoint = self.endpoint.clone();
        match (status, code) {
            (401 | 403, _) if self.has_token => HubReason::TokenRefused { status },
            (401 | 403, _) => HubReason::TokenNeeded { endpoint, status },
            (404, Some("RevisionNotFound")) => HubReason::NoSuchRevision {
                revision: self.revision.clone(),
            },
            (404, Some("RepoNotFound")) => HubReason::NoSuchModel { endpoint },
            // Mirrors may leave the code out.
            (404, None) if first => HubReason::NoSuchModel { endpoint },
            (404, _) => HubReason::NoSuchFile,
            _ => HubReason::Status { endpoint, status },
        }
    }
}

/// `bytes 5-9/10` is the file of 10 bytes from byte 5.
fn parse_range(header: &str) -> Option<(u64, Option<u64>)> {
    let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, size.parse().ok()))
}

/// Scheme, host and port.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    let end = url[host..].find(['/', '?', '#']);
    &url[..end.map_or(url.len(), |end| host + end)]
}

/// Where a redirect leads.
fn join(url: &str, location: &str) -> Result<String, HubReason> {
    if location.starts_with("https://") || location.starts_with("http://") {
        Ok(location.into())
    } else if location.starts_with('/') && !location.starts_with("//") {
        Ok(format!("{}{location}", origin(url)))
    } else {
        Err(HubReason::Answer {
            detail: format!("it redirects to \"{location}\""),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://h.co/a/b?c=https://d"), "https://h.co");
        assert_eq!(origin("http://127.0.0.1:80"), "http://127.0.0.1:80");
        assert_ne!(origin("http://h.co/"), origin("https://h.co/"));
        assert_ne!(
            origin("https://h.co.evil.example/"),
            origin("https://h.co/")
        );
        assert_ne!(
            origin("https://h.co@evil.example/"),
            origin("https://h.co/")
        );
    }

    #[test]
    fn redirects_stay_or_leave() {
        let to = |location| join("https://h.co/a/b", location).ok();
        assert_eq!(to("/api/c?d").as_deref(), Some("https://h.co/api/c?d"));
        assert_eq!(to("https://cdn.co/e").as_deref(), Some("https://cdn.co/e"));
        assert_eq!(to("//cdn.co/e"), None);
        assert_eq!(to("file:///etc/passwd"), None);
    }

    #[test]
    fn ranges_state_start_and_size() {
        assert_eq!(parse_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(parse_range("bytes 5-9/*"), Some((5, None)));
        assert_eq!(parse_range("bytes */10"), None);
    }

    #[test]
    fn headers_that_become_paths_are_plain() {
        let value = |text: &str| plain(&Some(text.into()), "etag").ok();
        assert_eq!(value("\"abc123\"").as_deref(), Some("abc123"));
        assert_eq!(value("W/\"abc-1\"").as_deref(), Some("abc-1"));
        assert_eq!(value("../../x"), None);
        assert!(plain(&None, "etag").is_err());
    }
}

//! A hub and the file server it redirects to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use tiny_http::{Header, Request, Response, Server};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// One request, as far as the tests care.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    /// The byte asked from.
    pub(crate) range: u64,
    /// Whether an uncompressed answer was asked for.
    pub(crate) identity: bool,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let header = |name: &'static str| {
            let found = request
                .headers()
                .iter()
                .find(|header| header.field.equiv(name))?;
            Some(found.value.to_string())
        };
        let start = |range: String| {
            range
                .trim_start_matches("bytes=")
                .trim_end_matches('-')
                .parse()
                .ok()
        };
        Self {
            path: request.url().into(),
            token: header("Authorization"),
            range: header("Range").and_then(start).unwrap_or(0),
            identity: header("Accept-Encoding").as_deref() == Some("identity"),
        }
    }
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    /// What the hub says of large files' content, where that is a checksum.
    sums: BTreeMap<String, String>,
    /// What the hub says of files' lengths, where that is not so.
    lengths: BTreeMap<String, u64>,
    /// Where weights are redirected to.
    file_server: String,
    token: Option<String>,
    ranges: bool,
    commit: bool,
    asked: Vec<Asked>,
    asked_of_file_server: Vec<Asked>,
}

struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// `tiny/clip` with made-up files. Like the public hub it sends configurations itself, redirects
/// to another path of its own for the tokenizer, and to another server for the weights.
pub(crate) struct Hub {
    url: String,
    file_server: String,
    state: Arc<Mutex<State>>,
    servers: [Arc<Server>; 2],
}

impl Hub {
    pub(crate) fn new() -> Self {
        let state = Arc::new(Mutex::new(State {
            ranges: true,
            commit: true,
            ..State::default()
        }));
        let (hub, url) = serve(&state, hub_reply);
        let (files, file_server) = serve(&state, file_reply);
        let site = Self {
            url,
            file_server,
            state,
            servers: [hub, files],
        };
        site.redirect_to(&site.file_server);
        site.put("config.json", b"{\"a\": 1}");
        site.put("preprocessor_config.json", b"{\"b\": 2}");
        site.put("tokenizer.json", &b"t".repeat(50_000));
        let weights: Vec<u8> = (0..300_000_u32).map(|index| (index % 251) as u8).collect();
        site.put("model.safetensors", &weights);
        site
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
    pub(crate) fn file_server(&self) -> &str {
        &self.file_server
    }
    pub(crate) fn put(&self, file: &str, bytes: &[u8]) {
        self.state
            .lock()
            .unwrap()
            .files
            .insert(file.into(), bytes.into());
    }
    /// From now on the hub says this file's present checksum.
    pub(crate) fn state_sum(&self, file: &str) {
        let sum = Sha256::digest(self.bytes(file));
        let sum = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        self.state.lock().unwrap().sums.insert(file.into(), sum);
    }
    pub(crate) fn state_length(&self, file: &str, length: u64) {
        let mut state = self.state.lock().unwrap();
        state.lengths.insert(file.into(), length);
    }
    pub(crate) fn remove(&self, file: &str) {
        self.state.lock().unwrap().files.remove(file);
    }
    pub(crate) fn bytes(&self, file: &str) -> Vec<u8> {
        self.state.lock().unwrap().files[file].clone()
    }
    pub(crate) fn total_bytes(&self) -> u64 {
        self.state
            .lock()
            .unwrap()
            .files
            .values()
            .map(|file| file.len() as u64)
            .sum()
    }
    pub(crate) fn redirect_to(&self, url: &str) {
        self.state.lock().unwrap().file_server = url.into();
    }
    pub(crate) fn require_token(&self, token: &str) {
        self.state.lock().unwrap().token = Some(format!("Bearer {token}"));
    }
    pub(crate) fn give_ranges(&self, ranges: bool) {
        self.state.lock().unwrap().ranges = ranges;
    }
    pub(crate) fn forget_commit(&self) {
        self.state.lock().unwrap().commit = false;
    }
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }
    pub(crate) fn asked_of_file_server(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked_of_file_server.clone()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.servers.iter().for_each(|server| server.unblock());
    }
}

/// The hub's name for a file's content.
pub(crate) fn etag(file: &str) -> String {
    file.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn serve(
    state: &Arc<Mutex<State>>,
    reply: fn(&mut State, Asked) -> Reply,
) -> (Arc<Server>, String) {
    let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
    let url = format!("http://{}", server.server_addr());
    let (listening, state) = (server.clone(), state.clone());
    std::thread::spawn(move || {
        for request in listening.incoming_requests() {
            let Reply {
                status,
                headers,
                body,
            } = reply(&mut state.lock().unwrap(), Asked::of(&request));
            let mut response = Response::from_data(body)
                .with_status_code(status)
                .with_chunked_threshold(usize::MAX);
            for (name, value) in headers {
                response.add_header(Header::from_bytes(name, value).unwrap());
            }
            // A client that needs no more than the headers hangs up.
            request.respond(response).ok();
        }
    });
    (server, url)
}

fn hub_reply(state: &mut State, asked: Asked) -> Reply {
    state.asked.push(asked.clone());
    let refuse = |status, code: &str| Reply {
        status,
        headers: vec![("x-error-code", code.into())],
        body: b"no".into(),
    };
    if state.token.is_some() && state.token != asked.token {
        return refuse(401, "GatedRepo");
    }
    let kept = asked.path.strip_prefix("/api/resolve-cache");
    let Some(rest) = kept
        .unwrap_or(&asked.path)
        .strip_prefix("/tiny/clip/resolve/")
    else {
        return refuse(404, "RepoNotFound");
    };
    let (revision, file) = rest.split_once('/').unwrap();
    if !["main", "refs%2Fpr%2F1", COMMIT].contains(&revision) {
        return refuse(404, "RevisionNotFound");
    }
    let Some(bytes) = state.files.get(file).cloned() else {
        return refuse(404, "EntryNotFound");
    };
    let mut headers = vec![("etag", format!("\"{}\"", etag(file)))];
    if state.commit {
        headers.push(("x-repo-commit", COMMIT.into()));
    }
    if file == "tokenizer.json" && kept.is_none() {
        headers.push(("location", format!("/api/resolve-cache{}", asked.path)));
        return Reply {
            status: 307,
            headers,
            body: vec![],
        };
    }
    if file.ends_with(".safetensors") {
        headers[0].1 = "\"of-the-redirect\"".into();
        let linked = state.sums.get(file).cloned().unwrap_or_else(|| etag(file));
        headers.push(("x-linked-etag", format!("\"{linked}\"")));
        let length = state.lengths.get(file).copied();
        let length = length.unwrap_or(bytes.len() as u64);
        headers.push(("x-linked-size", length.to_string()));
        headers.push(("location", format!("{}/{file}", state.file_server)));
        return Reply {
            status: 302,
            headers,
            body: vec![],
        };
    }
    if let Some(length) = state.lengths.get(file) {
        headers.push(("x-linked-size", length.to_string()));
    }
    Reply {
        status: 200,
        headers,
        body: bytes,
    }
}

fn file_reply(state: &mut State, asked: Asked) -> Reply {
    state.asked_of_file_server.push(asked.clone());
    let etag = ("etag", "\"of-the-file-server\"".to_owned());
    let Some(bytes) = state.files.get(asked.path.trim_start_matches('/')) else {
        return Reply {
            status: 404,
            headers: vec![],
            body: vec![],
        };
    };
    // Like the public one: no ranges if the answer may be compressed.
    match asked.range as usize {
        start if start > 0 && state.ranges && asked.identity => {
            let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
            Reply {
                status: 206,
                headers: vec![etag, ("content-range", range)],
                body: bytes[start..].into(),
            }
        }
        _ => Reply {
            status: 200,
            headers: vec![etag],
            body: bytes.clone(),
        },
    }
}

/// The address of a server that sends a part of a file, once, and closes the connection.
pub(crate) fn closing_midway(bytes: Vec<u8>, at: usize) -> String {
    sending(Some(bytes.len()), bytes[..at].to_vec(), 1)
}

/// The address of a server that sends 64 MiB without saying where they end.
pub(crate) fn sending_on_and_on() -> String {
    sending(None, vec![b'a'; 1 << 20], 64)
}

/// The address of a server that states this length and sends some bytes so many times over.
fn sending(length: Option<usize>, bytes: Vec<u8>, times: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        let length = length.map(|length| format!("Content-Length: {length}\r\n"));
        let length = length.unwrap_or_default();
        write!(stream, "HTTP/1.1 200 OK\r\n{length}\r\n").unwrap();
        for _ in 0..times {
            // A client that has enough hangs up.
            if stream.write_all(&bytes).is_err() {
                break;
            }
        }
    });
    url
}

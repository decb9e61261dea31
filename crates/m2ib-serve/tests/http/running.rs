//! Over real connections: slow clients, and the end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::client::{ENDLESS, SCENE, service};
use m2ib_serve::Limits;

const SOON: Duration = Duration::from_secs(20);

/// What is answered to some bytes until the connection ends.
async fn said(address: SocketAddr, request: Vec<u8>) -> String {
    let talk = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_let_go_and_the_end_reaches_all() {
    let mut limits = Limits::default();
    limits.sending = Duration::from_secs(1);
    let service = service(limits);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        service
            .run(listener, async { drop(ended.await) })
            .await
            .unwrap();
    });
    let head = |line: &str, rest: &str| {
        format!("{line} HTTP/1.1\r\nHost: {address}\r\n{rest}\r\n").into_bytes()
    };

    // A head that never ends, and a body that does not.
    let silent = said(address, b"GET / HTTP/1.1\r\n".into()).await;
    assert!(!silent.contains("200"), "{silent}");
    let half = head(
        "POST /api/pictures",
        "Content-Length: 1000\r\nConnection: close\r\n",
    );
    let late = said(address, half).await;
    assert!(
        late.starts_with("HTTP/1.1 408") && late.contains("within 1 s"),
        "{late}"
    );
    let broken = said(address, b"hello\r\n\r\n".into()).await;
    assert!(broken.starts_with("HTTP/1.1 400"), "{broken}");

    // One that waits while the server ends is told so.
    let path = format!("POST /api/explain?caption=a+hedgehog&method={ENDLESS}");
    let mut request = head(
        &path,
        &format!("Content-Length: {}\r\nConnection: close\r\n", SCENE.len()),
    );
    request.extend_from_slice(SCENE);
    let waiting = tokio::spawn(said(address, request));
    tokio::time::sleep(Duration::from_millis(700)).await;
    end.send(()).unwrap();
    let told = waiting.await.unwrap();
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    timeout(SOON, server).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

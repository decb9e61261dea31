//! Other sites, and what browsers are told of this one.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::client::Client;
use m2ib_serve::Limits;

/// A path, headers, and what is answered.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16);

#[tokio::test]
async fn foreign_hosts_and_pages_are_refused_and_headers_are_everywhere() {
    let client = Client::new(Limits::default());
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        client.send(request.body(Body::empty()).unwrap()).await
    };
    let own = ("host", "localhost:7878");
    let cases: &[Case<'_>] = &[
        ("/api/model", &[own], 200),
        ("/api/model", &[("host", "127.0.0.1:9000")], 200),
        ("/api/model", &[("host", "[::1]:7878")], 200),
        ("/api/model", &[("host", "Lab.Example")], 200),
        (
            "/api/model",
            &[own, ("origin", "http://localhost:7878")],
            200,
        ),
        ("/api/model", &[own, ("sec-fetch-site", "same-origin")], 200),
        ("/", &[own, ("sec-fetch-site", "cross-site")], 200),
        ("/api/model", &[], 400),
        ("/api/model", &[own, own], 400),
        ("/api/model", &[("host", "a b")], 400),
        ("/api/model", &[("host", "evil.example")], 421),
        (
            "/api/model",
            &[("host", "localhost.evil.example:7878")],
            421,
        ),
        ("/api/model", &[("host", "10.0.0.1:7878")], 421),
        ("/", &[("host", "evil.example")], 421),
        ("/api/model", &[own, ("origin", "http://evil.example")], 403),
        (
            "/api/model",
            &[own, ("origin", "http://localhost:3000")],
            403,
        ),
        ("/api/model", &[own, ("origin", "null")], 403),
        ("/api/model", &[own, ("sec-fetch-site", "cross-site")], 403),
        ("/api/model", &[own, ("sec-fetch-site", "same-site")], 403),
        ("/nowhere", &[own], 404),
    ];
    for (path, headers, status) in cases {
        let answer = ask(path, headers).await;
        assert_eq!(answer.status.as_u16(), *status, "{path} {headers:?}");
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(
            policy.contains("script-src 'self'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(answer.headers[header::X_FRAME_OPTIONS], "DENY");
        assert!(answer.headers.get("access-control-allow-origin").is_none());
    }
    // Of the absolute form it is the address that counts.
    let request = Request::builder().uri("http://evil.example/api/model");
    let request = request
        .header("host", "localhost")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        client.send(request).await.status,
        StatusCode::MISDIRECTED_REQUEST
    );
    client.service.close();
}

#[tokio::test]
async fn the_explorer_loads_its_own_files_and_nothing_else() {
    let client = Client::new(Limits::default());
    let page = client.get("/").await.text();
    let mut files: Vec<String> = vec![];
    for attribute in ["src=\"", "href=\""] {
        files.extend(
            page.split(attribute)
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap().into()),
        );
    }
    assert!(files.len() >= 4, "{files:?}");
    let mut seen = std::collections::BTreeSet::new();
    while let Some(file) = files.pop() {
        if file.starts_with('#') || !seen.insert(file.clone()) {
            continue;
        }
        assert!(file.starts_with('/'), "{file}");
        let answer = client.get(&file).await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
        let text = answer.text();
        assert!(
            !text.contains("http://") || file.ends_with(".svg") || file == "/openapi.json",
            "{file}"
        );
        for import in text.split("from \"./").skip(1) {
            files.push(format!("/assets/{}", import.split('"').next().unwrap()));
        }
    }
    // Every file that there is, is used.
    let scripts = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/assets")).unwrap();
    for script in scripts {
        let name = script.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".js") || name.ends_with(".css") {
            assert!(seen.contains(&format!("/assets/{name}")), "{name}");
        }
    }
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick="));
    client.service.close();
}

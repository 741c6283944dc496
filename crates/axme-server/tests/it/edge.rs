//! The edge of HTTP: compression, other origins, and TLS by file.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axme_core::state::Site;
use axme_server::Config;
use axme_server::config::TlsSettings;
use axme_store::Limits;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http_body_util::BodyExt;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::harness::{Engine, Server};
use crate::http_2::Client;

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::builder().uri(path).header("x-api-key", &server.admin);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = server.request(request.body(Body::empty()).unwrap()).await;
    let (parts, body) = answer.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

const GZIP: (&str, &str) = ("accept-encoding", "gzip");

#[tokio::test]
async fn long_answers_of_reads_are_compressed_and_nothing_else() {
    let server = Server::start(Engine::Sqlite).await;
    server.agent("alice").await;
    for n in 0..20 {
        server.submit("agent://alice", json!({ "n": n })).await;
    }
    let (status, headers, body) = get(&server, "/v1/intents?limit=20", &[GZIP]).await;
    assert_eq!((status, &headers["content-encoding"]), (StatusCode::OK, &"gzip".parse().unwrap()));
    let mut text = String::new();
    GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["intents"].as_array().unwrap().len(), 20);
    let plain = get(&server, "/v1/intents?limit=20", &[]).await;
    assert!(!plain.1.contains_key("content-encoding") && plain.2.len() > body.len());
    // Short answers, pages, streams and documents are not compressed.
    for path in ["/docs", "/health", "/v1/intents?status=FAILED"] {
        let (_, headers, _) = get(&server, path, &[GZIP]).await;
        assert!(!headers.contains_key("content-encoding"), "{path}");
    }
    let stream = server.open(&server.admin, "/v1/agents/agent://alice/intents/stream", &[GZIP]).await;
    assert!(stream.status == StatusCode::OK && !stream.headers.contains_key("content-encoding"));
    let body = json!({ "name": "x".repeat(40) });
    let made = server.send_with(&server.admin, "POST", "/v1/service-accounts", Some(body), &[GZIP]).await;
    assert!(!made.headers.contains_key("content-encoding"), "an answer of a write may hold a secret");
}

#[tokio::test]
async fn a_zipped_body_is_read_and_its_inflated_size_is_limited() {
    let limits = Limits { body_bytes: 20_000, ..Limits::default() };
    let server = Server::start_with(Engine::Sqlite, limits).await;
    server.agent("alice").await;
    let body = |filler: usize| {
        let payload = json!({ "text": "x".repeat(filler) });
        json!({ "intent_type": "intent.ask.v1", "to_agent": "agent://alice", "payload": payload }).to_string()
    };
    let send = async |bytes: Vec<u8>, encoding: &str| {
        server.send_raw(&server.admin, "POST", "/v1/intents", bytes, &[("content-encoding", encoding)]).await
    };
    send(zipped(body(10_000).as_bytes()), "gzip").await.ok();
    let bomb = zipped(body(5_000_000).as_bytes());
    assert!(bomb.len() < 20_000 * 2, "it is short on the way");
    send(bomb, "gzip").await.refused(413, "body_too_large");
    send(body(10).into_bytes(), "gzip").await.refused(400, "body_unreadable");
    let why = send(body(10).into_bytes(), "br").await.refused(400, "body_unreadable");
    assert!(why.contains("send gzip"), "{why}");
    send(body(10).into_bytes(), "identity").await.ok();
}

#[tokio::test]
async fn only_configured_origins_may_call_from_a_browser() {
    let preflight = async |server: &Server, origin: &str| {
        let request = Request::builder()
            .method("OPTIONS")
            .uri("/v1/intents")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-api-key,content-type");
        server.request(request.body(Body::empty()).unwrap()).await.headers().clone()
    };
    let site = Site { cors_origins: vec!["https://app.example.com".to_owned()], ..Site::default() };
    let server = Server::start_at(Engine::Sqlite, Limits::default(), site).await;
    let allowed = preflight(&server, "https://app.example.com").await;
    assert_eq!(allowed["access-control-allow-origin"], "https://app.example.com");
    assert!(allowed["access-control-allow-headers"].to_str().unwrap().contains("x-api-key"));
    assert!(!allowed.contains_key("access-control-allow-credentials"));
    assert!(!preflight(&server, "https://evil.example.com").await.contains_key("access-control-allow-origin"));
    let (_, headers, _) = get(&server, "/v1/intents", &[("origin", "https://app.example.com")]).await;
    assert_eq!(headers["access-control-allow-origin"], "https://app.example.com");
    let closed = Server::start(Engine::Sqlite).await;
    assert!(!preflight(&closed, "https://app.example.com").await.contains_key("access-control-allow-origin"));
}

/// Makes a certificate for `localhost` that is its own authority; returns it.
fn certificate(folder: &Path) -> Vec<u8> {
    let (certificate, key) = (folder.join("cert.pem.new"), folder.join("key.pem.new"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext"])
        .args(["basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::rename(key, folder.join("key.pem")).unwrap();
    let bytes = std::fs::read(&certificate).unwrap();
    std::fs::rename(certificate, folder.join("cert.pem")).unwrap();
    bytes
}

/// Asks for HTTP/2 in the handshake of TLS, and makes a call.
async fn status_over_http_2(certificate: &[u8], address: SocketAddr) -> u16 {
    let mut authorities = rustls::RootCertStore::empty();
    authorities.add(CertificateDer::from_pem_slice(certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(authorities).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut client = Client::new(stream).await;
    client.call("", "GET", "/health", None).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_certificate_speaks_tls_and_reads_a_new_one() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("openssl is not installed: skipped");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let first = certificate(folder.path());
    let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let file = |name: &str| Some(folder.path().join(name));
    let config = |tls| Config { data: folder.path().join("data"), listen, tls, ..Config::default() };
    let wrong = axme_server::start(config(TlsSettings { cert: file("cert.pem"), key: None })).await;
    assert!(wrong.err().unwrap().to_string().contains("tls.cert and tls.key: set both"));
    let wrong = axme_server::start(config(TlsSettings { cert: file("none.pem"), key: file("key.pem") })).await;
    assert!(wrong.err().unwrap().to_string().contains("none.pem"));
    let server =
        axme_server::start(config(TlsSettings { cert: file("cert.pem"), key: file("key.pem") })).await.unwrap();
    let url = format!("https://localhost:{}/health", server.addr().port());
    let trusts = async |certificate: &[u8]| {
        let authority = reqwest::Certificate::from_pem(certificate).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([authority]).build().unwrap();
        client.get(&url).timeout(Duration::from_secs(5)).send().await.is_ok_and(|answer| answer.status() == 200)
    };
    assert!(trusts(&first).await);
    assert_eq!(status_over_http_2(&first, server.addr()).await, 200);
    let plain = format!("http://localhost:{}/health", server.addr().port());
    assert!(reqwest::get(&plain).await.is_err(), "no answer without TLS");
    let second = certificate(folder.path());
    assert!(!trusts(&second).await, "not read yet");
    for _ in 0..100 {
        if trusts(&second).await {
            assert!(!trusts(&first).await);
            server.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the new certificate was not read");
}

//! Files, from announcement to download (`spec/protocol.md` §2.11).

use std::time::Duration;

use axme_server::workers;
use axme_store::Limits;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Engine, SITE, Server, dump_postgres, each_engine};
use crate::quotas::{limit, refused_until_tomorrow, used_today};

each_engine! {
    a_file_is_announced_uploaded_finished_and_downloaded,
    a_file_that_differs_from_its_announcement_is_refused,
    unfinished_uploads_are_swept,
    invalid_files_and_files_of_others_are_refused,
    leftovers_of_a_crash_are_swept,
    bytes_that_arrive_are_counted_and_refused_beyond_their_quota,
    a_file_without_its_bytes_is_not_found,
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn announce(server: &Server, fields: Value) -> Value {
    let mut body =
        json!({ "owner_agent": "worker", "filename": "a file.png", "mime_type": "image/png", "size_bytes": 10 });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    server.post(&server.admin, "/v1/media/create-upload", body).await
}

async fn put(server: &Server, upload: &Value, bytes: &[u8]) -> Answer {
    let url = upload["upload_url"].as_str().unwrap().strip_prefix(SITE).unwrap();
    server.send_raw("", "PUT", url, bytes.to_vec(), &[]).await
}

async fn finish(server: &Server, upload: &Value, fields: Value) -> Answer {
    let mut body = json!({ "upload_id": upload["upload_id"], "size_bytes": 10 });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    server.send(&server.admin, "POST", "/v1/media/finalize-upload", Some(body)).await
}

async fn see(server: &Server, key: &str, upload: &Value) -> Value {
    server.get(key, &format!("/v1/media/{}", upload["upload_id"].as_str().unwrap())).await["upload"].clone()
}

/// Uploads and finishes a file of ten bytes; returns its id.
pub async fn finished(server: &Server) -> String {
    let upload = announce(server, json!({})).await;
    put(server, &upload, b"0123456789").await.ok();
    finish(server, &upload, json!({})).await.ok();
    upload["upload_id"].as_str().unwrap().to_owned()
}

/// Returns the number of files on the disk.
pub fn files(server: &Server) -> usize {
    std::fs::read_dir(server.folder().join("media")).map_or(0, Iterator::count)
}

async fn a_file_is_announced_uploaded_finished_and_downloaded(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let upload = announce(&server, json!({ "sha256": hash(b"0123456789") })).await;
    assert_eq!((&upload["status"], &upload["max_size_bytes"]), (&json!("pending"), &json!(100 * 1024 * 1024)));
    let pending = see(&server, &server.admin, &upload).await;
    assert_eq!((&pending["status"], &pending["download_url"]), (&json!("pending"), &Value::Null));
    put(&server, &upload, b"something").await.ok();
    let arrived = put(&server, &upload, b"0123456789").await.ok();
    assert_eq!(arrived["sha256"], hash(b"0123456789"));
    assert_eq!(files(&server), 1, "the second replaced the first");
    let ready = finish(&server, &upload, json!({ "sha256": hash(b"0123456789") })).await.ok();
    assert_eq!((&ready["status"], &ready["finalized_at"]), (&json!("ready"), &json!(server.now().to_string())));
    put(&server, &upload, b"9876543210").await.refused(409, "upload_finished");
    server.clock.advance(Duration::from_secs(2 * 3_600));
    assert_eq!(finish(&server, &upload, json!({})).await.ok(), ready, "finished once");

    let seen = see(&server, &worker, &upload).await;
    for (way, name) in [("download_url", "attachment"), ("preview_url", "inline")] {
        let url = seen[way].as_str().unwrap().strip_prefix(SITE).unwrap();
        let whole = server.send_raw("", "GET", url, Vec::new(), &[]).await;
        // The harness parses text that looks like JSON.
        assert_eq!((whole.status.as_u16(), whole.body.to_string()), (200, "\"0123456789\"".to_owned()));
        assert_eq!(
            (&whole.headers["content-length"], &whole.headers["content-type"]),
            (&"10".parse().unwrap(), &"image/png".parse().unwrap())
        );
        assert_eq!(whole.headers["x-content-type-options"], "nosniff");
        let told = whole.headers["content-disposition"].to_str().unwrap();
        assert!(told.starts_with(name) && told.ends_with("a%20file%2Epng"), "{told}");
        let part = server.send_raw("", "GET", url, Vec::new(), &[("range", "bytes=2-3")]).await;
        assert_eq!((part.status.as_u16(), part.body.to_string()), (206, "23".to_owned()));
        assert_eq!(part.headers["content-range"], "bytes 2-3/10");
        let none = server.send_raw("", "GET", url, Vec::new(), &[("range", "bytes=10-")]).await;
        assert_eq!((none.status.as_u16(), &none.headers["content-range"]), (416, &"bytes */10".parse().unwrap()));
    }
    if engine == Engine::Postgres {
        let text = String::from_utf8_lossy(&dump_postgres().await).into_owned();
        for url in [&upload["upload_url"], &seen["download_url"]] {
            assert!(!text.contains(url.as_str().unwrap().split_once("?token=").unwrap().1), "only hashes are kept");
        }
    }
    let url = seen["download_url"].as_str().unwrap().strip_prefix(SITE).unwrap().to_owned();
    server.clock.advance(Duration::from_secs(3_600));
    server.send_raw("", "GET", &url, Vec::new(), &[]).await.refused(404, "not_found");
    workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap();
    assert_eq!(files(&server), 1, "a finished file stays");
}

async fn a_file_that_differs_from_its_announcement_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let upload = announce(&server, json!({ "sha256": hash(b"0123456789") })).await;
    put(&server, &upload, b"0123456789a").await.refused(413, "media_too_large");
    assert_eq!(files(&server), 0);
    put(&server, &upload, b"short").await.ok();
    finish(&server, &upload, json!({})).await.refused(409, "media_mismatch");
    finish(&server, &upload, json!({ "size_bytes": 5 })).await.refused(409, "media_mismatch");
    put(&server, &upload, b"9876543210").await.ok();
    finish(&server, &upload, json!({})).await.refused(409, "media_mismatch");
    finish(&server, &upload, json!({ "sha256": hash(b"9876543210") })).await.refused(409, "media_mismatch");
    put(&server, &upload, b"0123456789").await.ok();
    finish(&server, &upload, json!({})).await.ok();

    // Without bytes, an upload can be finished, and there is nothing to download.
    let bare = announce(&server, json!({})).await;
    assert_eq!(finish(&server, &bare, json!({})).await.ok()["status"], "ready");
    assert_eq!(see(&server, &server.admin, &bare).await["download_url"], Value::Null);
}

async fn unfinished_uploads_are_swept(engine: Engine) {
    let server = Server::start(engine).await;
    let upload = announce(&server, json!({ "ttl_seconds": 60 })).await;
    put(&server, &upload, b"0123456789").await.ok();
    server.clock.advance(Duration::from_secs(61));
    assert_eq!(see(&server, &server.admin, &upload).await["status"], "expired");
    put(&server, &upload, b"0123456789").await.refused(410, "upload_expired");
    finish(&server, &upload, json!({})).await.refused(410, "upload_expired");
    workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap();
    assert_eq!(files(&server), 1, "a call that arrived in time may still be running");
    server.clock.advance(Duration::from_secs(60));
    workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap();
    assert_eq!(files(&server), 0);
    server.clock.advance(Duration::from_secs(31 * 86_400));
    workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap();
    let path = format!("/v1/media/{}", upload["upload_id"].as_str().unwrap());
    server.send(&server.admin, "GET", &path, None).await.refused(404, "not_found");
}

async fn invalid_files_and_files_of_others_are_refused(engine: Engine) {
    let server = Server::start_with(engine, Limits { media_bytes: 100, ..Limits::default() }).await;
    let good = json!({ "owner_agent": "worker", "filename": "f", "mime_type": "text/plain", "size_bytes": 10 });
    for (field, value, status, code) in [
        ("owner_agent", json!(""), 422, "invalid_agent_address"),
        ("filename", json!(""), 422, "validation_failed"),
        ("filename", json!("a\nb"), 422, "validation_failed"),
        ("mime_type", json!("t\u{e4}xt"), 422, "validation_failed"),
        ("size_bytes", json!(0), 422, "validation_failed"),
        ("size_bytes", json!(-1), 422, "validation_failed"),
        ("size_bytes", json!(101), 413, "media_too_large"),
        ("sha256", json!("ABC"), 422, "validation_failed"),
        ("ttl_seconds", json!(59), 422, "validation_failed"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = server.send(&server.admin, "POST", "/v1/media/create-upload", Some(body.clone())).await;
        if field == "owner_agent" {
            assert_eq!(answer.status, 422, "{body}");
        } else {
            answer.refused(status, code);
        }
    }
    let upload = announce(&server, json!({})).await;
    let (other, stranger) = (server.agent("other").await, server.workspace("acme", "prod").await);
    server.send(&other, "POST", "/v1/media/create-upload", Some(good)).await.refused(403, "forbidden");
    let body = json!({ "upload_id": upload["upload_id"], "size_bytes": 10 });
    for key in [&other, &stranger] {
        let answer = server.send(key, "POST", "/v1/media/finalize-upload", Some(body.clone())).await;
        answer.refused(404, "not_found");
    }
    let path = format!("/v1/media/upload/{}?token=axu_wrong", upload["upload_id"].as_str().unwrap());
    server.send_raw("", "PUT", &path, b"0123456789".to_vec(), &[]).await.refused(404, "not_found");
    let elsewhere = upload["upload_url"].as_str().unwrap().replace(upload["upload_id"].as_str().unwrap(), "x");
    let elsewhere = elsewhere.strip_prefix(SITE).unwrap();
    server.send_raw("", "PUT", elsewhere, b"0123456789".to_vec(), &[]).await.refused(404, "not_found");
    let body = json!({ "upload_id": "x", "size_bytes": 10, "sha256": "x" });
    let answer = server.send(&server.admin, "POST", "/v1/media/finalize-upload", Some(body)).await;
    answer.refused(422, "validation_failed");
}

async fn leftovers_of_a_crash_are_swept(engine: Engine) {
    let server = Server::start(engine).await;
    let (whole, pending) = (announce(&server, json!({})).await, announce(&server, json!({})).await);
    put(&server, &whole, b"0123456789").await.ok();
    finish(&server, &whole, json!({})).await.ok();
    let folder = server.folder().join("media");
    let id = |upload: &Value| upload["upload_id"].as_str().unwrap().to_owned();
    for name in [format!("{}-77", id(&whole)), format!("{}-77.part", id(&pending)), "readme.txt".to_owned()] {
        std::fs::write(folder.join(name), "x").unwrap();
    }
    // A recent file may still be arriving.
    assert_eq!(workers::sweep::sweep_orphans(&server.app, Some(&server.files)).await.unwrap(), 0);
    server.clock.advance(Duration::from_secs(9 * 86_400));
    assert_eq!(workers::sweep::sweep_orphans(&server.app, Some(&server.files)).await.unwrap(), 2);
    assert_eq!(files(&server), 2, "the finished file, and a foreign one");
    assert_ne!(see(&server, &server.admin, &whole).await["download_url"], Value::Null);
}

async fn bytes_that_arrive_are_counted_and_refused_beyond_their_quota(engine: Engine) {
    let server = Server::start(engine).await;
    let dimension = "media_upload_bytes_per_day";
    let (first, second) = (announce(&server, json!({})).await, announce(&server, json!({})).await);
    assert_eq!(used_today(&server, dimension).await["used"], 0, "nothing has arrived");
    let (org, ws) = (&server.bootstrap.org_id, &server.bootstrap.workspace_id);
    limit(&server, org, ws, json!({ dimension: 19 }), "block").await;
    put(&server, &first, b"0123456789").await.ok();
    finish(&server, &first, json!({})).await.ok();
    assert_eq!(used_today(&server, dimension).await, json!({ "used": 10, "limit": 19, "remaining": 9 }));

    refused_until_tomorrow(put(&server, &second, b"0123456789").await, dimension, 10, 19);
    assert_eq!(files(&server), 1);
    assert_eq!(see(&server, &server.admin, &second).await["status"], "pending");
    let body = json!({ "owner_agent": "worker", "filename": "f", "mime_type": "image/png", "size_bytes": 10 });
    let path = "/v1/media/create-upload";
    refused_until_tomorrow(server.send(&server.admin, "POST", path, Some(body)).await, dimension, 10, 19);
    put(&server, &announce(&server, json!({ "size_bytes": 9 })).await, b"012345678").await.ok();
    let storage = used_today(&server, "media_storage_bytes").await;
    assert_eq!(storage["used"], 29, "stored and announced bytes");

    // Two uploads at once, together above the limit.
    limit(&server, org, ws, json!({ dimension: 30 }), "block").await;
    let third = announce(&server, json!({})).await;
    let (one, other) = tokio::join!(put(&server, &second, b"0123456789"), put(&server, &third, b"0123456789"));
    let mut answers = [one, other];
    answers.sort_by_key(|answer| answer.status);
    let [arrived, refused] = answers;
    arrived.ok();
    refused_until_tomorrow(refused, dimension, 29, 30);
    assert_eq!(used_today(&server, dimension).await["used"], 29);
    assert_eq!(files(&server), 3);

    server.clock.advance(Duration::from_secs(24 * 3_600));
    put(&server, &announce(&server, json!({})).await, b"0123456789").await.ok();
    assert_eq!(used_today(&server, dimension).await["used"], 10);
}

async fn a_file_without_its_bytes_is_not_found(engine: Engine) {
    let server = Server::start(engine).await;
    let upload = announce(&server, json!({})).await;
    put(&server, &upload, b"0123456789").await.ok();
    finish(&server, &upload, json!({})).await.ok();
    let seen = see(&server, &server.admin, &upload).await;
    let url = seen["download_url"].as_str().unwrap().strip_prefix(SITE).unwrap();
    for file in std::fs::read_dir(server.folder().join("media")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    server.send_raw("", "GET", url, Vec::new(), &[]).await.refused(404, "file_missing");
}

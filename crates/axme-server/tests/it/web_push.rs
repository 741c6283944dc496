//! Notifications of tasks in the browsers of people, with a real push service that decrypts what it gets (RFC 8291).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use axme_core::state::Site;
use axme_core::web_push::WebPush;
use axme_store::Limits;
use axum::body::Bytes;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::called_off::cancel;
use crate::harness::{Engine, Server, each_engine, id_of};
use crate::own_inbox::Browser;
use crate::people::ANN;
use crate::pushes::{Answer, Receiver};

each_engine! {
    a_browser_shows_a_task_that_waits,
    a_browser_ends_with_its_session_its_removal_and_its_push_service,
    a_push_that_fails_is_tried_again_and_never_twice_queued,
    the_mail_of_a_day_brings_one_notification,
    garbage_other_people_and_an_unset_contact_are_refused,
}

const BOB: &str = "bob@example.com";
const HOUR: Duration = Duration::from_secs(3_600);

/// The keys of a browser and its push service.
struct Phone {
    key: PrivateKey,
    auth: [u8; 16],
    service: Receiver,
    origin: String,
}

impl Phone {
    async fn new() -> Phone {
        let (service, addr) = Receiver::start().await;
        let key = PrivateKey::generate(&ECDH_P256).unwrap();
        Phone { key, auth: [7; 16], service, origin: format!("http://{addr}") }
    }

    /// Adds this browser in a session, as the script of the page does.
    async fn add(&self, session: &Browser<'_>) -> u16 {
        let (endpoint, point) = (format!("{}/intent", self.origin), self.key.compute_public_key().unwrap());
        let (point, auth) = (BASE64_URL_SAFE_NO_PAD.encode(point), BASE64_URL_SAFE_NO_PAD.encode(self.auth));
        let fields = [("endpoint", endpoint.as_str()), ("p256dh", &point), ("auth", &auth)];
        session.post("/inbox/web-push", &fields).await.status.as_u16()
    }

    /// Returns the notifications that have come since the last call.
    fn shown(&self, key: &str) -> Vec<Value> {
        self.service.got().into_iter().map(|(headers, body)| self.open(key, &headers, &body)).collect()
    }

    /// Checks the headers and decrypts the body of a push.
    fn open(&self, server_key: &str, headers: &HeaderMap, body: &Bytes) -> Value {
        let text = |name: &str| headers[name].to_str().unwrap();
        assert_eq!((text("content-encoding"), text("content-type")), ("aes128gcm", "application/octet-stream"));
        assert!(text("ttl").parse::<u64>().unwrap() > 0);
        let (token, named) = text("authorization").strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(named, server_key);
        let point = BASE64_URL_SAFE_NO_PAD.decode(named).unwrap();
        let half = |from: usize| BASE64_URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
        let key = DecodingKey::from_ec_components(&half(1), &half(33)).unwrap();
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(&[&self.origin]);
        // The server's clock is in the past of this machine.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(token, &key, &rules).unwrap().claims;
        assert_eq!(claims["sub"], "mailto:ops@example.com");

        let (salt, rest) = body.split_at(16);
        assert_eq!((&rest[..4], rest[4]), (&4_096_u32.to_be_bytes()[..], 65));
        let (from, sealed) = rest[5..].split_at(65);
        let own = self.key.compute_public_key().unwrap();
        let info = [b"WebPush: info\0", own.as_ref(), from].concat();
        let input = agree(&self.key, UnparsedPublicKey::new(&ECDH_P256, from), "shared", |shared| {
            Ok(derive::<32>(&Salt::new(HKDF_SHA256, &self.auth).extract(shared), &info))
        });
        let keys = Salt::new(HKDF_SHA256, salt).extract(&input.unwrap());
        let key = derive::<16>(&keys, b"Content-Encoding: aes128gcm\0");
        let nonce = Nonce::assume_unique_for_key(derive::<12>(&keys, b"Content-Encoding: nonce\0"));
        let mut record = sealed.to_vec();
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
        let plain = key.open_in_place(nonce, Aad::empty(), &mut record).unwrap();
        serde_json::from_slice(plain.strip_suffix(&[2]).unwrap()).unwrap()
    }
}

fn derive<const N: usize>(from: &Prk, info: &[u8]) -> [u8; N] {
    struct Length(usize);
    impl aws_lc_rs::hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut key = [0; N];
    from.expand(&[info], Length(N)).unwrap().fill(&mut key).unwrap();
    key
}

async fn start(engine: Engine) -> Server {
    let web_push = Some(Arc::new(WebPush::new("mailto:ops@example.com".to_owned())));
    let limits = Limits { outbound_allow: vec!["127.0.0.0/8".to_owned()], push_seconds: 1, ..Limits::default() };
    Server::start_at(engine, limits, Site { sign_up: true, web_push, ..Site::default() }).await
}

async fn settings(session: &Browser<'_>) -> String {
    session.get("/inbox/settings").await.body.as_str().unwrap().to_owned()
}

async fn key_of(session: &Browser<'_>) -> String {
    let page = settings(session).await;
    let rest = page.split_once("data-push-key=\"").expect("the key of the server").1;
    rest.split_once('"').unwrap().0.to_owned()
}

async fn ask(server: &Server, title: &str, person: &str) -> String {
    let task = json!({ "title": title, "assignees": [person] });
    let body = json!({ "intent_type": "intent.pay.v1", "payload": { "amount": 7 }, "human_task": task });
    id_of(&server.post(&server.admin, "/v1/intents", body).await)
}

/// Sends what is due: the mail, and then the notifications that go with it. Returns the number of mails.
async fn settle(server: &Server) -> usize {
    let mails = server.mails().await.len();
    mails + server.mails().await.len()
}

async fn a_browser_shows_a_task_that_waits(engine: Engine) {
    let server = start(engine).await;
    let ann = Browser::signed_in(&server, ANN).await;
    let phone = Phone::new().await;
    let key = key_of(&ann).await;
    assert_eq!(phone.add(&ann).await, 303);
    let page = settings(&ann).await;
    assert!(page.contains("This browser") && !page.contains(&phone.origin), "{page}");
    let id = ask(&server, "Pay the rent", ANN).await;
    ask(&server, "Pay Bob", BOB).await;
    assert_eq!(settle(&server).await, 2);
    let shown = phone.shown(&key);
    let [told] = shown.as_slice() else { panic!("one notification: {shown:?}") };
    assert_eq!((&told["title"], &told["tag"]), (&json!("Pay the rent"), &json!(id)));
    assert_eq!(told["body"], "owner@local of Local asks you.", "{told}");
    assert_eq!(told["url"], format!("{}/inbox", crate::harness::SITE));
    // Later rounds bring nothing again. The key of the server stays.
    settle(&server).await;
    assert!(phone.shown(&key).is_empty());
    assert_eq!(key_of(&ann).await, key);
    // In the language of the person.
    ann.post("/inbox/settings", &[("language", "de")]).await;
    let id = ask(&server, "Miete", ANN).await;
    settle(&server).await;
    assert_eq!(phone.shown(&key)[0]["body"], "owner@local von Local fragt Sie.");
    // A notification whose task has ended meanwhile is not sent.
    cancel(&server, &id).await;
    let id = ask(&server, "Too late", ANN).await;
    server.mails().await;
    cancel(&server, &id).await;
    settle(&server).await;
    assert!(phone.shown(&key).is_empty());
}

async fn a_browser_ends_with_its_session_its_removal_and_its_push_service(engine: Engine) {
    let server = start(engine).await;
    let ann = Browser::signed_in(&server, ANN).await;
    let (phone, key) = (Phone::new().await, key_of(&ann).await);
    phone.add(&ann).await;
    let id =
        settings(&ann).await.split_once("name=\"browser\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    // Another person removes nothing.
    let bob = Browser::signed_in(&server, BOB).await;
    bob.post("/inbox/web-push", &[("step", "remove"), ("browser", &id)]).await;
    ask(&server, "First", ANN).await;
    settle(&server).await;
    assert_eq!(phone.shown(&key).len(), 1);
    ann.post("/inbox/web-push", &[("step", "remove"), ("browser", &id)]).await;
    ask(&server, "Second", ANN).await;
    settle(&server).await;
    assert!(phone.shown(&key).is_empty(), "removed");

    // The browser of another person now: whoever added it last.
    phone.add(&ann).await;
    phone.add(&bob).await;
    ask(&server, "Third", ANN).await;
    ask(&server, "Fourth", BOB).await;
    settle(&server).await;
    assert_eq!(phone.shown(&key).iter().map(|told| told["title"].clone()).collect::<Vec<_>>(), [json!("Fourth")]);
    bob.post("/inbox/sign-out", &[]).await;
    ask(&server, "Fifth", BOB).await;
    settle(&server).await;
    assert!(phone.shown(&key).is_empty(), "signed out");

    // The push service does not know the browser any more: it is forgotten, and nothing is given up.
    phone.add(&ann).await;
    phone.service.will(&[Answer::Status(410)]);
    ask(&server, "Sixth", ANN).await;
    settle(&server).await;
    assert_eq!(phone.shown(&key).len(), 1);
    assert!(!settings(&ann).await.contains("name=\"browser\""));
    let dead = server.get(&server.admin, "/v1/deliveries?status=dead_lettered").await;
    assert_eq!(dead["deliveries"], json!([]));
}

async fn a_push_that_fails_is_tried_again_and_never_twice_queued(engine: Engine) {
    let server = start(engine).await;
    let ann = Browser::signed_in(&server, ANN).await;
    let (phone, key) = (Phone::new().await, key_of(&ann).await);
    phone.add(&ann).await;
    // The mail fails too, and is tried again: that queues no second notification.
    let outbox = server.folder().join("outbox");
    std::fs::remove_dir_all(&outbox).unwrap();
    std::fs::write(&outbox, "in the way").unwrap();
    phone.service.will(&[Answer::Status(500)]);
    ask(&server, "Pay the rent", ANN).await;
    settle(&server).await;
    assert_eq!(phone.shown(&key).len(), 1, "although the mail failed");
    std::fs::remove_file(&outbox).unwrap();
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(settle(&server).await, 1);
    assert_eq!(phone.shown(&key).len(), 1, "the second attempt");
    server.clock.advance(HOUR);
    settle(&server).await;
    assert!(phone.shown(&key).is_empty());
}

async fn the_mail_of_a_day_brings_one_notification(engine: Engine) {
    let server = start(engine).await;
    let ann = Browser::signed_in(&server, ANN).await;
    let (phone, key) = (Phone::new().await, key_of(&ann).await);
    phone.add(&ann).await;
    ann.post("/inbox/settings", &[("digest_time", "09:00")]).await;
    ask(&server, "One", ANN).await;
    ask(&server, "Two", ANN).await;
    assert_eq!(settle(&server).await, 0);
    assert!(phone.shown(&key).is_empty(), "before nine");
    server.clock.advance(9 * HOUR);
    assert_eq!(settle(&server).await, 1);
    let shown = phone.shown(&key);
    assert_eq!((shown.len(), &shown[0]["title"]), (1, &json!("Tasks wait for you")), "{shown:?}");
}

async fn garbage_other_people_and_an_unset_contact_are_refused(engine: Engine) {
    let server = start(engine).await;
    let ann = Browser::signed_in(&server, ANN).await;
    let point = BASE64_URL_SAFE_NO_PAD.encode(PrivateKey::generate(&ECDH_P256).unwrap().compute_public_key().unwrap());
    let good = ("https://push.example.com/x", point.as_str(), "BTBZMqHH6r4Tts7J_aSIgg");
    let long = format!("https://push.example.com/{}", "x".repeat(1_100));
    for (endpoint, point, auth) in [
        ("", good.1, good.2),
        ("nonsense", good.1, good.2),
        ("http://10.0.0.1/x", good.1, good.2),
        (long.as_str(), good.1, good.2),
        (good.0, "", good.2),
        (good.0, &point[2..], good.2),
        (good.0, "!", good.2),
        (good.0, good.1, ""),
        (good.0, good.1, "BTBZMqHH6r4"),
    ] {
        let answer = ann.post("/inbox/web-push", &[("endpoint", endpoint), ("p256dh", point), ("auth", auth)]).await;
        assert_eq!(answer.status, 422, "{endpoint} {point} {auth}");
    }
    // Eleven browsers: the oldest goes.
    for number in 0..11 {
        server.clock.advance(Duration::from_secs(1));
        let endpoint = format!("https://push.example.com/{number}");
        let fields = [("endpoint", endpoint.as_str()), ("p256dh", good.1), ("auth", good.2)];
        assert_eq!(ann.post("/inbox/web-push", &fields).await.status, 303);
    }
    assert_eq!(settings(&ann).await.matches("name=\"browser\"").count(), 10);
    // Without a session, and without the operator's contact.
    let path = "/inbox/web-push";
    let stranger = server
        .send_raw("", "POST", path, b"step=remove".to_vec(), &[("content-type", "application/x-www-form-urlencoded")])
        .await;
    assert_eq!(stranger.status, 403);
    let server = Server::start_open(engine).await;
    let ann = Browser::signed_in(&server, ANN).await;
    assert!(!settings(&ann).await.contains("push"));
    let fields = [("endpoint", good.0), ("p256dh", good.1), ("auth", good.2)];
    assert_eq!(ann.post("/inbox/web-push", &fields).await.status, 404);
}

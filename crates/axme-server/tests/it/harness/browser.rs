//! A browser without scripts, for the pages of the console: it keeps the cookie of its session and sends forms.

use super::{Answer, Server, code_of};

pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A browser with a session.
pub struct Browser<'s> {
    pub server: &'s Server,
    pub cookie: String,
}

impl<'s> Browser<'s> {
    pub async fn with_key(server: &'s Server, key: &str) -> Browser<'s> {
        let entered = send(server, "", "/app/sign-in", &[("way", "key"), ("key", key)]).await;
        Browser { server, cookie: cookie_of(&entered) }
    }

    pub async fn by_mail(server: &'s Server, email: &str) -> Browser<'s> {
        let asked = send(server, "", "/app/sign-in", &[("email", email)]).await;
        let login = between(&text(&asked), "name=\"login\" value=\"", "\"");
        let code = code_of(&server.mails().await);
        let fields = [("email", email), ("login", login.as_str()), ("code", code.as_str())];
        Browser { server, cookie: cookie_of(&send(server, "", "/app/sign-in", &fields).await) }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.server.send_raw("", "GET", path, Vec::new(), &[("cookie", &self.cookie)]).await
    }

    /// Opens a page that must answer.
    pub async fn page(&self, path: &str) -> String {
        let page = self.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", text(&page));
        text(&page)
    }

    pub async fn csrf(&self) -> String {
        between(&self.page("/app/intents").await, "name=\"csrf\" value=\"", "\"")
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        send(self.server, &self.cookie, path, &[&[("csrf", csrf.as_str())], fields].concat()).await
    }

    /// Sends the form of an intent that must be taken; returns where it leads.
    pub async fn act(&self, id: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.post(&format!("/app/intents/{id}"), fields).await;
        assert_eq!(answer.status, 303, "{fields:?}: {}", text(&answer));
        location(&answer)
    }
}

pub fn cookie_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", text(answer));
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "__Host-"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

pub async fn send(server: &Server, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let escape =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    server.send_raw("", "POST", path, pairs.join("&").into_bytes(), &[FORM, ("cookie", cookie)]).await
}

pub fn text(page: &Answer) -> String {
    page.body.as_str().map_or_else(|| page.body.to_string(), str::to_owned)
}

pub fn location(answer: &Answer) -> String {
    answer.headers["location"].to_str().unwrap().to_owned()
}

pub fn between(text: &str, from: &str, to: &str) -> String {
    let rest = text.split_once(from).unwrap_or_else(|| panic!("{from} in {text}")).1;
    rest.split_once(to).expect("an end").0.to_owned()
}

//! Addresses of agents and people (`spec/protocol.md` §1.13).
//!
//! The canonical form of an agent's address is `agent://org/workspace/name`. Clients write many short forms. A form
//! that names an agent of the caller's workspace resolves to the canonical form. Other text is kept unchanged, because
//! an unknown address is a legal target.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest address accepted, in characters.
pub const MAX_ADDRESS_CHARS: usize = 383;

/// Names that no agent can have: path segments of the API, or addresses of the platform itself.
const RESERVED_NAMES: [&str; 5] = ["policy", "receive-override", "stream", "agent_core", "human"];

/// The slugs of the workspace in which short addresses are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home<'a> {
    pub org: &'a str,
    pub workspace: &'a str,
}

/// An address in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// Resolves a client's text to the canonical form. Never fails: text that does not resolve is kept.
    pub fn resolve(text: &str, home: Home<'_>) -> Address {
        let text = text.trim();
        let path = match text.split_once("://") {
            Some(("agent", path)) => path,
            Some(_) => return Address(text.to_owned()),
            None => text.strip_prefix("agent:/").unwrap_or(text),
        };
        let path = path.trim_matches('/');
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            [""] => Address(text.to_owned()),
            ["agent_core"] => Address("agent://agent_core".to_owned()),
            [name] if is_plain_name(name) && !is_reserved(name) => Address::agent(home, &name.to_ascii_lowercase()),
            [name] => Address((*name).to_owned()),
            // Names are lower case, as `agent_name` returns them.
            [org, workspace, name] if *org == home.org && *workspace == home.workspace && is_plain_name(name) => {
                Address::agent(home, &name.to_ascii_lowercase())
            }
            _ => Address(format!("agent://{path}")),
        }
    }

    /// Returns the address of a person given as an email address, a role or a name. Email addresses and addresses with
    /// a scheme stay unchanged; other text becomes `user://text`.
    pub fn of_person(text: &str) -> Address {
        let text = text.trim();
        if text.contains('@') || text.contains("://") {
            return Address(text.to_owned());
        }
        Address(format!("user://{text}"))
    }

    /// Returns the address of the agent `name` in `home`.
    pub fn agent(home: Home<'_>, name: &str) -> Address {
        Address(format!("agent://{}/{}/{name}", home.org, home.workspace))
    }

    /// Returns the name if this is the canonical address of an agent in `home`.
    pub fn name_in(&self, home: Home<'_>) -> Option<&str> {
        let mut segments = self.0.strip_prefix("agent://")?.split('/');
        match (segments.next(), segments.next(), segments.next(), segments.next()) {
            (Some(org), Some(ws), Some(name), None) if org == home.org && ws == home.workspace => Some(name),
            _ => None,
        }
    }

    /// True for an agent in another workspace: an address of three segments, outside `home`, that is not the
    /// platform's.
    pub fn is_elsewhere(&self, home: Home<'_>) -> bool {
        let Some(path) = self.0.strip_prefix("agent://") else { return false };
        path.split('/').count() == 3 && self.name_in(home).is_none() && !self.is_platform()
    }

    /// True for the platform itself (`agent_core` in any form) and for `human`: intents sent there wait for a person.
    pub fn is_platform(&self) -> bool {
        self.0 == "human"
            || self.0.strip_prefix("agent://").is_some_and(|path| path.rsplit('/').next() == Some("agent_core"))
    }

    /// True if the address has no name, such as `agent://`.
    pub fn is_nameless(&self) -> bool {
        self.short().trim().is_empty()
    }

    /// Returns the last segment, as a short name for people.
    pub fn short(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Wraps text that is already canonical, such as a stored address.
    pub fn from_canonical(text: String) -> Address {
        Address(text)
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Derives an agent's name from its owner's text: a slug, any text (`Demo Runner`), or an address in `home`. Returns
/// `None` if there is no legal name in it: it is empty, reserved, or an address in another workspace.
pub fn agent_name(text: &str, home: Home<'_>) -> Option<String> {
    let text = text.trim();
    let is_free = |name: &str| is_plain_name(name) && !RESERVED_NAMES.contains(&name);
    let in_home = format!("{}/{}/", home.org, home.workspace);
    if text.contains("://") || text.starts_with("agent:/") || text.starts_with(&in_home) {
        let address = Address::resolve(text, home);
        return address.name_in(home).filter(|name| is_free(name)).map(str::to_owned);
    }
    let mut name = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => name.push(c),
            _ if name.ends_with('-') || name.is_empty() => {}
            _ => name.push('-'),
        }
    }
    name.truncate(63);
    let name = name.trim_matches(['-', '.', '_']);
    is_free(name).then(|| name.to_owned())
}

fn is_reserved(name: &str) -> bool {
    RESERVED_NAMES.iter().any(|reserved| name.eq_ignore_ascii_case(reserved))
}

/// True for a legal name: 1 to 63 letters, digits, `.`, `_` or `-`, starting with a letter or digit.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Home<'_> = Home { org: "local", workspace: "default" };

    #[test]
    fn short_forms_name_an_agent_of_the_workspace() {
        for form in [
            "worker",
            "local/default/worker",
            "agent://local/default/worker",
            "agent:/local/default/worker",
            "agent://worker",
            " worker ",
            "Worker",
            "agent://local/default/WORKER",
        ] {
            assert_eq!(Address::resolve(form, HOME).as_str(), "agent://local/default/worker", "{form}");
        }
    }

    #[test]
    fn other_forms_are_kept() {
        for form in
            ["human", "user://ops-lead", "initiator://x", "a@example.com", "@nick", "agent://conformance/receiver"]
        {
            assert_eq!(Address::resolve(form, HOME).as_str(), form);
        }
        assert_eq!(Address::resolve("conformance/receiver", HOME).as_str(), "agent://conformance/receiver");
        for form in ["", "/", "agent://", "agent:///"] {
            assert!(Address::resolve(form, HOME).is_nameless(), "{form}");
        }
        assert!(Address::resolve("agent://other/ws/x", HOME).is_elsewhere(HOME));
        assert!(!Address::resolve("x", HOME).is_elsewhere(HOME));
    }

    #[test]
    fn the_platform_is_recognized() {
        for form in ["human", "agent_core", "agent://agent_core", "agent://local/default/agent_core"] {
            assert!(Address::resolve(form, HOME).is_platform(), "{form}");
        }
        assert!(!Address::resolve("worker", HOME).is_platform());
    }

    #[test]
    fn names_come_from_what_owners_write() {
        let name = |text| agent_name(text, HOME);
        assert_eq!(name("Demo Runner").as_deref(), Some("demo-runner"));
        assert_eq!(name("agent://local/default/x.y").as_deref(), Some("x.y"));
        assert_eq!(name("local/default/x.y").as_deref(), Some("x.y"));
        assert_eq!(name("agent://other/default/x"), None);
        assert_eq!(name("stream"), None);
        assert_eq!(name("agent://local/default/stream"), None);
        assert_eq!(name("  !! "), None);
    }
}

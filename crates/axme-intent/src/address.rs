//! Addresses of agents and people (`spec/protocol.md` §1.13).
//!
//! The canonical form of an agent's address is `agent://org/workspace/name`. Clients write many short forms. A form
//! that names an agent of the caller's workspace resolves to the canonical form. A person has one canonical form too:
//! `user://` and the email address, role or name in lower case. Other text is kept unchanged, because an unknown
//! address is a legal target.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::human::{is_email, person_key};

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

/// An address in its canonical form, by which addresses compare. It remembers how the caller spelled a person, for
/// answers.
#[derive(Debug, Clone)]
pub struct Address {
    canonical: String,
    /// The caller's spelling, if it is another one. It plays no part in comparisons.
    written: Option<String>,
}

impl Address {
    /// Resolves a client's text to the canonical form. Never fails: text that does not resolve is kept.
    pub fn resolve(text: &str, home: Home<'_>) -> Address {
        let text = text.trim();
        let path = match text.split_once("://") {
            Some(("agent", path)) => path,
            Some(_) => return Address::read(text),
            None if is_email(text) => return Address::read(text),
            None => text.strip_prefix("agent:/").unwrap_or(text),
        };
        let path = path.trim_matches('/');
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            [""] => Address::kept(text.to_owned()),
            ["agent_core"] => Address::kept("agent://agent_core".to_owned()),
            [name] if is_plain_name(name) && !is_reserved(name) => Address::agent(home, &name.to_ascii_lowercase()),
            [name] => Address::kept((*name).to_owned()),
            // Names are lower case, as `agent_name` returns them.
            [org, workspace, name] if *org == home.org && *workspace == home.workspace && is_plain_name(name) => {
                Address::agent(home, &name.to_ascii_lowercase())
            }
            _ => Address::kept(format!("agent://{path}")),
        }
    }

    /// Returns the address of a person given as an email address, a role or a name: `user://` and the text in lower
    /// case. Addresses with another scheme stay unchanged.
    pub fn of_person(text: &str) -> Address {
        let text = text.trim();
        if text.contains("://") || is_email(text) {
            return Address::read(text);
        }
        Address::kept(format!("user://{}", person_key(text)))
    }

    /// Reads an address that is canonical unless it names a person, and remembers the spelling of a person.
    pub fn read(text: &str) -> Address {
        if !text.starts_with("user://") && !is_email(text) {
            return Address::kept(text.to_owned());
        }
        let canonical = format!("user://{}", person_key(text));
        let written = Some(text.to_owned()).filter(|written| *written != canonical);
        Address { canonical, written }
    }

    const fn kept(canonical: String) -> Address {
        Address { canonical, written: None }
    }

    /// Returns the address of the agent `name` in `home`.
    pub fn agent(home: Home<'_>, name: &str) -> Address {
        Address::kept(format!("agent://{}/{}/{name}", home.org, home.workspace))
    }

    /// Returns the name if this is the canonical address of an agent in `home`.
    pub fn name_in(&self, home: Home<'_>) -> Option<&str> {
        let mut segments = self.canonical.strip_prefix("agent://")?.split('/');
        match (segments.next(), segments.next(), segments.next(), segments.next()) {
            (Some(org), Some(ws), Some(name), None) if org == home.org && ws == home.workspace => Some(name),
            _ => None,
        }
    }

    /// True for an agent in another workspace: an address of three segments, outside `home`, that is not the
    /// platform's.
    pub fn is_elsewhere(&self, home: Home<'_>) -> bool {
        let Some(path) = self.canonical.strip_prefix("agent://") else { return false };
        path.split('/').count() == 3 && self.name_in(home).is_none() && !self.is_platform()
    }

    /// Returns the slugs of the organization and the workspace, if the address names an agent in full.
    pub fn slugs(&self) -> Option<(&str, &str)> {
        let mut parts = self.canonical.strip_prefix("agent://")?.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(org), Some(workspace), Some(_), None) => Some((org, workspace)),
            _ => None,
        }
    }

    /// True for the platform itself (`agent_core` in any form) and for `human`: intents sent there wait for a person.
    pub fn is_platform(&self) -> bool {
        self.canonical == "human"
            || self.canonical.strip_prefix("agent://").is_some_and(|path| path.rsplit('/').next() == Some("agent_core"))
    }

    /// True if the address names an agent, registered or not: neither a person, a group nor the platform.
    pub fn is_agent(&self) -> bool {
        let path = self.canonical.strip_prefix("agent://");
        path.is_some_and(|path| !path.starts_with("user/")) && !self.is_platform() && !self.is_nameless()
    }

    /// True if the address has no name, such as `agent://`.
    pub fn is_nameless(&self) -> bool {
        self.short().trim().is_empty()
    }

    /// Returns the last segment, as a short name for people.
    pub fn short(&self) -> &str {
        self.canonical.rsplit('/').next().unwrap_or(&self.canonical)
    }

    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// Returns the address as the caller spelled it, for answers.
    pub fn spelled(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.canonical)
    }

    /// Returns the caller's spelling, if it is not the canonical one.
    pub fn other_spelling(&self) -> Option<&str> {
        self.written.as_deref()
    }

    /// Wraps text that is already canonical, such as a stored address.
    pub const fn from_canonical(text: String) -> Address {
        Address::kept(text)
    }

    /// Wraps a stored address with its stored spelling.
    pub fn from_stored(canonical: String, written: Option<String>) -> Address {
        Address { canonical, written }
    }

    pub fn into_string(self) -> String {
        self.canonical
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Address) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Address {}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Address) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Address) -> Ordering {
        self.canonical.cmp(&other.canonical)
    }
}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

/// The history keeps the caller's spelling, from which the canonical form follows.
impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.spelled())
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        Ok(Address::read(&String::deserialize(deserializer)?))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical)
    }
}

/// A longer name may have more slips: one for this many letters, and at least one.
const LETTERS_PER_SLIP: usize = 4;
const MAX_SLIPS: usize = 2;

/// Returns the known address whose name is at most a slip or two away from the name of `address`. A slip is a letter
/// that is wrong, missing, added, or swapped with its neighbor.
pub fn meant<'a>(address: &Address, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = address.short();
    let letters = name.chars().count();
    let most = (letters / LETTERS_PER_SLIP).clamp(1, MAX_SLIPS);
    // Each slip changes the length by one letter at most. The comparison of names costs much more than their lengths.
    let is_as_long = |known: &&str| name_of(known).chars().count().abs_diff(letters) <= most;
    let near = known.filter(is_as_long).map(|known| (strsim::osa_distance(name, name_of(known)), known));
    near.filter(|(slips, _)| *slips <= most).min().map(|(_, known)| known)
}

fn name_of(known: &str) -> &str {
    known.rsplit('/').next().unwrap_or(known)
}

/// How the name of an agent follows from its owner's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFit {
    /// The text is the name, or an address that ends with it.
    Same,
    /// Only case, blanks and punctuation differ: `Demo Runner` becomes `demo-runner`.
    Respelled,
    /// Letters or digits would be lost, as in `ünï`.
    Lossy,
}

/// The agent name that is nearest to its owner's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearestName {
    pub name: String,
    pub fit: NameFit,
}

/// Derives an agent's name from its owner's text: a slug, any text (`Demo Runner`), or an address in `home`. Returns
/// `None` for an empty or reserved name, for an address in another workspace, and if letters or digits would be lost.
pub fn agent_name(text: &str, home: Home<'_>) -> Option<String> {
    nearest_name(text, home).filter(|nearest| nearest.fit != NameFit::Lossy).map(|nearest| nearest.name)
}

/// Finds the legal name that is nearest to its owner's text, like [`agent_name`], even if letters or digits get lost.
pub fn nearest_name(text: &str, home: Home<'_>) -> Option<NearestName> {
    let text = text.trim();
    let is_free = |name: &str| is_plain_name(name) && !RESERVED_NAMES.contains(&name);
    let in_home = format!("{}/{}/", home.org, home.workspace);
    if text.contains("://") || text.starts_with("agent:/") || text.starts_with(&in_home) {
        let address = Address::resolve(text, home);
        let name = address.name_in(home).filter(|name| is_free(name))?.to_owned();
        let fit = if text.trim_end_matches('/').ends_with(&name) { NameFit::Same } else { NameFit::Respelled };
        return Some(NearestName { name, fit });
    }
    let mut name = String::with_capacity(text.len());
    // Accents are dropped, so that the nearest name is still readable.
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => name.push(c),
            _ if name.ends_with('-') || name.is_empty() => {}
            _ => name.push('-'),
        }
    }
    let is_cut = name.trim_matches(['-', '.', '_']).len() > 63;
    name.truncate(63);
    let name = name.trim_matches(['-', '.', '_']).to_owned();
    let fit = if is_cut || text.chars().any(|c| c.is_alphanumeric() && !c.is_ascii()) {
        NameFit::Lossy
    } else if name == text {
        NameFit::Same
    } else {
        NameFit::Respelled
    };
    is_free(&name).then_some(NearestName { name, fit })
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
        for form in ["human", "user://ops-lead", "initiator://x", "@nick", "agent://conformance/receiver"] {
            assert_eq!(Address::resolve(form, HOME).as_str(), form);
        }
        assert_eq!(Address::resolve("conformance/receiver", HOME).as_str(), "agent://conformance/receiver");
        for form in ["", "/", "agent://", "agent:///"] {
            assert!(Address::resolve(form, HOME).is_nameless(), "{form}");
        }
        let elsewhere = Address::resolve("agent://other/ws/x", HOME);
        assert_eq!(elsewhere.slugs(), Some(("other", "ws")));
        assert_eq!(Address::resolve("conformance/receiver", HOME).slugs(), None);
        assert_eq!(Address::resolve("user://a/b/c", HOME).slugs(), None);
        assert!(elsewhere.is_elsewhere(HOME));
        assert!(!Address::resolve("x", HOME).is_elsewhere(HOME));
    }

    #[test]
    fn a_person_has_one_canonical_address_and_keeps_their_spelling() {
        for form in ["user://ann+pay@example.com", "Ann+Pay@Example.com", " user://ANN+pay@example.com "] {
            let address = Address::resolve(form, HOME);
            assert_eq!((address.as_str(), address.spelled()), ("user://ann+pay@example.com", form.trim()));
            let read: Address = serde_json::from_value(serde_json::json!(address)).unwrap();
            assert_eq!((read.as_str(), read.spelled()), (address.as_str(), form.trim()));
            assert_eq!(Address::of_person(form), address);
        }
        assert_ne!(Address::resolve("ann@example.com", HOME), Address::resolve("ann+pay@example.com", HOME));
        assert_eq!(Address::of_person("Ops-Lead").as_str(), "user://ops-lead");
        assert_eq!(Address::of_person("agent://X/y").as_str(), "agent://X/y");
    }

    #[test]
    fn an_agent_is_neither_a_person_nor_a_group_nor_the_platform() {
        for form in ["worker", "agent://conformance/receiver", "agent://other/ws/x"] {
            assert!(Address::resolve(form, HOME).is_agent(), "{form}");
        }
        for form in
            ["human", "agent_core", "agent://a/b/agent_core", "agent://user/7", "ann@example.com", "group://x", "@x"]
        {
            assert!(!Address::resolve(form, HOME).is_agent(), "{form}");
        }
    }

    #[test]
    fn a_name_a_slip_or_two_away_is_probably_meant() {
        let known = ["agent://a/b/greeter", "agent://a/b/payroll", "agent://a/b/ab"];
        for (name, expected) in [
            ("greter", Some("agent://a/b/greeter")),
            ("geretre", None),
            ("greetre", Some("agent://a/b/greeter")),
            ("pay-rolls", Some("agent://a/b/payroll")),
            ("ac", Some("agent://a/b/ab")),
            ("xy", None),
            ("nobody", None),
        ] {
            assert_eq!(meant(&Address::resolve(name, HOME), known.into_iter()), expected, "{name}");
        }
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

    #[test]
    fn a_name_that_would_lose_letters_has_a_nearest_name_only() {
        let long = "n".repeat(64);
        for (text, nearest, fit) in [
            ("worker", "worker", NameFit::Same),
            ("agent://local/default/worker", "worker", NameFit::Same),
            ("agent://worker", "worker", NameFit::Same),
            ("Worker", "worker", NameFit::Respelled),
            ("agent://local/default/WORKER", "worker", NameFit::Respelled),
            ("BAD_NAME!", "bad_name", NameFit::Respelled),
            ("Demo Runner", "demo-runner", NameFit::Respelled),
            ("ünï", "uni", NameFit::Lossy),
            ("agent 漢字", "agent", NameFit::Lossy),
            (long.as_str(), &long[..63], NameFit::Lossy),
        ] {
            let expected = NearestName { name: nearest.to_owned(), fit };
            assert_eq!(nearest_name(text, HOME), Some(expected), "{text}");
            assert_eq!(agent_name(text, HOME).is_some(), fit != NameFit::Lossy, "{text}");
        }
        assert_eq!(nearest_name("漢字", HOME), None);
    }

    #[test]
    fn blanks_and_signs_become_one_dash() {
        for (text, name) in [("Demo  Runner", "demo-runner"), ("a (b) c", "a-b-c"), ("  x", "x"), ("!! x", "x")] {
            assert_eq!(agent_name(text, HOME).as_deref(), Some(name), "{text}");
        }
        // Without its first dash, the name is as long as a name may be.
        let longest = "a".repeat(63);
        let nearest = nearest_name(&format!("!{longest}"), HOME).unwrap();
        assert_eq!(nearest, NearestName { name: longest, fit: NameFit::Respelled });
    }
}

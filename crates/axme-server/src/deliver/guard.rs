//! Guards outgoing calls against request forgery (SSRF): only public addresses, and those the
//! operator allows, are called.
//!
//! A name is resolved on every attempt, and the client connects only to the admitted addresses. An IP address in the
//! URL never reaches the resolver, so it is checked before anything is sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The networks that may be called although they are not public.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allowed: Arc<[IpNet]>,
}

impl Guard {
    /// Reads `networks`, each like `10.1.0.0/16` or a single address.
    pub fn new(networks: &[String]) -> Result<Guard, String> {
        Ok(Guard { allowed: self::networks(networks)?.into() })
    }

    pub(crate) fn admits(&self, address: IpAddr) -> bool {
        let plain = address.to_canonical();
        is_public(plain) || self.allowed.iter().any(|network| network.contains(&plain) || network.contains(&address))
    }

    /// Reads the URL of a callback, and checks it. A host name need not resolve yet.
    pub fn check(&self, text: &str) -> Result<Url, String> {
        let url = Url::parse(text).map_err(|error| format!("\"{text}\" is not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with http:// or https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not contain a user name or password".to_owned());
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        match host.parse::<IpAddr>() {
            Ok(address) if !self.admits(address) => Err(refused(address)),
            _ if host.is_empty() => Err("has no host".to_owned()),
            _ => Ok(url),
        }
    }
}

/// Reads networks; a single address is a network of one.
pub fn networks(texts: &[String]) -> Result<Vec<IpNet>, String> {
    let read = |text: &String| {
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        network.ok_or_else(|| format!("\"{text}\" is not a network; write it like 10.1.0.0/16"))
    };
    texts.iter().map(read).collect()
}

fn refused(address: IpAddr) -> String {
    format!("{address} is not a public address; the operator can allow its network with limits.outbound_allow")
}

/// Resolves a name and keeps the addresses that may be called.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let admitted: Vec<SocketAddr> = found.iter().copied().filter(|found| guard.admits(found.ip())).collect();
            match (admitted.is_empty(), found.first()) {
                (false, _) => Ok(Box::new(admitted.into_iter()) as Addrs),
                (true, Some(address)) => Err(refused(address.ip()).into()),
                (true, None) => Err("the host name has no address".into()),
            }
        })
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !(is_special
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation())
}

/// Global unicast, except ranges that embed IPv4 addresses (6to4, Teredo) or are reserved (documentation, benchmarks).
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_global_unicast = a & 0xe000 == 0x2000;
    let is_special = a == 0x2002 || (a == 0x2001 && b < 0x0200) || (a == 0x2001 && b == 0x0db8) || a == 0x3fff;
    is_global_unicast && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_admitted() {
        let guard = Guard::default();
        for text in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!guard.admits(text.parse().unwrap()), "{text}");
        }
        for text in ["1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(guard.admits(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_allowed_is_admitted_and_nothing_beside_it() {
        let guard = Guard::new(&["127.0.0.0/8".to_owned(), "10.1.2.3".to_owned()]).unwrap();
        for (text, expected) in
            [("127.9.9.9", true), ("::ffff:127.0.0.1", true), ("10.1.2.3", true), ("10.1.2.4", false), ("::1", false)]
        {
            assert_eq!(guard.admits(text.parse().unwrap()), expected, "{text}");
        }
        assert!(Guard::new(&["home".to_owned()]).is_err());
    }

    #[test]
    fn callbacks_are_read_with_care() {
        let guard = Guard::default();
        for text in [
            "ftp://example.com/",
            "http://",
            "example.com",
            "http://127.0.0.1:8080/x",
            "http://[::1]/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://user:pass@example.com/",
            "file:///etc/passwd",
            "http://[::ffff:10.0.0.1]/",
        ] {
            assert!(guard.check(text).is_err(), "{text}");
        }
        assert!(guard.check("https://hooks.example.com/x?y=1").is_ok());
    }
}

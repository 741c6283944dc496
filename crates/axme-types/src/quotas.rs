//! Words about quotas and tiers.

use crate::text_enum;

text_enum! {
    /// The tier of a server: self-hosted without limits, or hosted for others (`spec/protocol.md` §15).
    pub enum Tier {
        /// No limits by default.
        SelfHosted = "self_hosted",
        /// The starter limits of a hosted server.
        EmailVerified = "email_verified",
        /// The business limits of a hosted server.
        Corporate = "corporate",
    }
}

impl Tier {
    /// True if workspaces have limits by default.
    pub const fn is_hosted(self) -> bool {
        !matches!(self, Tier::SelfHosted)
    }
}

text_enum! {
    /// A tier whose limits a workspace can request.
    pub enum HostedTier {
        /// The starter limits of a hosted server.
        EmailVerified = "email_verified",
        /// The business limits of a hosted server.
        Corporate = "corporate",
    }
}

impl From<HostedTier> for Tier {
    fn from(tier: HostedTier) -> Tier {
        match tier {
            HostedTier::EmailVerified => Tier::EmailVerified,
            HostedTier::Corporate => Tier::Corporate,
        }
    }
}

text_enum! {
    /// The origin of a workspace's limits: a tier, or an agreement about each limit.
    pub enum QuotaTier {
        /// No limits by default.
        SelfHosted = "self_hosted",
        /// The starter limits of a hosted server.
        EmailVerified = "email_verified",
        /// The business limits of a hosted server.
        Corporate = "corporate",
        /// The limits were set one by one. A limit of 0 falls back to the tier of the server.
        Custom = "custom",
    }
}

impl QuotaTier {
    /// Returns the tier that was granted to the workspace; `None` if its limits were set one by one.
    pub const fn granted(self) -> Option<Tier> {
        match self {
            QuotaTier::SelfHosted => Some(Tier::SelfHosted),
            QuotaTier::EmailVerified => Some(Tier::EmailVerified),
            QuotaTier::Corporate => Some(Tier::Corporate),
            QuotaTier::Custom => None,
        }
    }
}

impl From<Tier> for QuotaTier {
    fn from(tier: Tier) -> QuotaTier {
        match tier {
            Tier::SelfHosted => QuotaTier::SelfHosted,
            Tier::EmailVerified => QuotaTier::EmailVerified,
            Tier::Corporate => QuotaTier::Corporate,
        }
    }
}

text_enum! {
    /// The treatment of usage beyond the limits of a workspace.
    pub enum OverageMode {
        /// It is refused with 429 `quota_exceeded`.
        Block = "block",
        /// It is permitted and not billed.
        Grace = "grace",
        /// It is permitted, and invoices bill intents beyond `intents_per_day`.
        BillOverage = "bill_overage",
    }
}

#[cfg(test)]
mod tests {
    use super::{HostedTier, QuotaTier, Tier};

    #[test]
    fn the_three_sets_of_tiers_use_the_same_words() {
        for tier in Tier::ALL {
            let quota = QuotaTier::from(*tier);
            assert_eq!((quota.as_str(), quota.granted()), (tier.as_str(), Some(*tier)));
        }
        for tier in HostedTier::ALL {
            assert_eq!(Tier::from(*tier).as_str(), tier.as_str());
        }
    }
}

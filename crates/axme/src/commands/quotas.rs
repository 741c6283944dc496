//! `axme quota`: the limits of a workspace, how much of them is used, and the request for higher ones
//! (`spec/protocol.md` §2.31).

use axme_client::api::access_requests::HostedTier;
use axme_client::api::access_requests::{self, AccessRequestAnswer, CreateAccessRequest, RequestType};
use axme_client::api::capabilities::EmptyInput;
use axme_client::api::me;
use axme_client::api::portal::{self, Overview};
use axme_client::api::quotas::WorkspaceQuery;
use clap::{Args, Subcommand};

use super::word;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{line, print_list};
use crate::session::{Session, Shape};

/// Show the limits of the workspace and request higher ones
#[derive(Debug, Subcommand)]
pub(crate) enum Quotas {
    /// Show how much of each limit is used
    Show,
    UpgradeRequest(UpgradeRequest),
}

/// Request higher limits for the workspace
#[derive(Debug, Args)]
#[command(
    after_help = "Example: axme quota upgrade-request --company \"Example Ltd\" --justification \"We launch in May\""
)]
pub(crate) struct UpgradeRequest {
    /// Name of the company
    #[arg(long, value_name = "NAME")]
    company: String,
    /// Why the workspace needs higher limits
    #[arg(long, value_name = "TEXT")]
    justification: String,
    /// The requested tier
    #[arg(long, default_value = "business", value_parser = ["business", "starter", "corporate", "email_verified"])]
    tier: String,
}

/// The number with which the overview says that there is no limit (`spec/protocol.md` §2.28).
const NO_LIMIT: u64 = 2_147_483_647;

/// The fewest characters of the company and of the justification.
const MIN_COMPANY: usize = 2;
const MIN_JUSTIFICATION: usize = 10;

impl Quotas {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        match self {
            Quotas::Show => {
                let input = WorkspaceQuery { workspace: session.settings.workspace() };
                session.tell(&portal::OVERVIEW, &input, Shape::Bare, |answer| show(&answer.overview)).await
            }
            Quotas::UpgradeRequest(request) => request.run(&session).await,
        }
    }
}

impl UpgradeRequest {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        for (flag, text, least) in
            [("--company", &self.company, MIN_COMPANY), ("--justification", &self.justification, MIN_JUSTIFICATION)]
        {
            if text.trim().chars().count() < least {
                return Err(Failure::usage(format!("{flag} needs at least {least} characters")));
            }
        }
        let tier = match self.tier.as_str() {
            "business" => "corporate",
            "starter" => "email_verified",
            other => other,
        };
        let (org_id, workspace_id) = session.place().await?;
        let me = session.call(&me::GET, &EmptyInput::default()).await?;
        let requester = me.email.or(me.service_account.map(|account| account.service_account_id));
        let input = CreateAccessRequest {
            request_type: RequestType::QuotaUpgrade,
            requester_actor_id: requester.unwrap_or_else(|| "axme-cli".to_owned()),
            org_id: Some(org_id),
            workspace_id: Some(workspace_id),
            requested_role: None,
            requested_tier: Some(word::<HostedTier>(tier).map_err(Failure::usage)?),
            company_name: Some(self.company),
            justification: Some(self.justification),
            expires_at: None,
        };
        let show = |answer: AccessRequestAnswer| {
            let request = answer.access_request;
            line(format!("✓ Requested: {} ({})", request.access_request_id, request.state))
        };
        session.tell(&access_requests::CREATE, &input, Shape::Bare, show).await
    }
}

fn show(overview: &Overview) -> Result<(), Failure> {
    let policy = &overview.quota_policy;
    if policy.dimensions.is_empty() {
        return line("No quota policy found.");
    }
    let rows = policy.dimensions.iter().map(|(dimension, &limit)| {
        let used = overview.usage_summary.dimensions.get(dimension).map(|amount| amount.used);
        let limit = Some(limit).filter(|&limit| limit != NO_LIMIT);
        vec![
            label(dimension),
            used.map_or("-".to_owned(), |used| used.to_string()),
            limit.map_or("unlimited".to_owned(), |limit| limit.to_string()),
            used.zip(limit).map_or("-".to_owned(), |(used, limit)| percent(used, limit)),
        ]
    });
    print_list("limits", &["DIMENSION", "USED", "LIMIT", "USAGE%"], rows)?;
    let tier = match policy.tier.as_str() {
        "email_verified" => "Starter",
        "corporate" => "Business",
        other => other,
    };
    line(format!("Tier: {tier}"))?;
    line(format!("overage_mode={} hard_enforcement={}", policy.overage_mode, policy.hard_enforcement))
}

/// Returns a share, marked from 70 % and from 90 %.
fn percent(used: u64, limit: u64) -> String {
    let percent = used.saturating_mul(100).checked_div(limit).unwrap_or(100);
    let mark = match percent {
        90.. => " ⚠",
        70.. => " !",
        _ => "",
    };
    format!("{percent}%{mark}")
}

fn label(dimension: &str) -> String {
    match dimension {
        "intents_per_day" => "Intents / day",
        "rate_limit_per_minute" | "requests_per_minute" => "Rate limit / min",
        "payload_max_bytes" => "Max payload",
        "storage_bytes" => "Storage",
        "actors_total" => "Team members",
        "service_accounts_per_workspace" => "Agents",
        "sse_streams_max" => "SSE streams",
        other => return other.replace('_', " "),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_is_nearly_used_up_is_marked() {
        assert_eq!(
            [percent(69, 100), percent(70, 100), percent(9, 10), percent(0, 0)],
            ["69%", "70% !", "90% ⚠", "100% ⚠"]
        );
    }
}

//! The choice of the tools that a list shows: `/mcp?tools=tasks,intents`, or the setting `mcp.tools`.

use super::official::Listing;
use super::tools::{HostTool, host_tools, toolsets};

/// The most tools that hosts accept in one request to a model.
pub const MAX_LISTED: usize = 128;

/// The names of lists that are not toolsets.
const LISTS: [&str; 3] = ["default", "official", "all"];

/// A choice of tools: the names of lists and toolsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection(Vec<String>);

impl Default for Selection {
    fn default() -> Selection {
        Selection(vec!["default".to_owned()])
    }
}

impl Selection {
    /// Parses names with commas between them. The error lists the names.
    pub fn parse(text: &str) -> Result<Selection, String> {
        let names: Vec<String> =
            text.split(',').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty()).collect();
        let known = toolsets();
        let is_known = |name: &&String| LISTS.contains(&name.as_str()) || known.contains(&name.as_str());
        if let Some(wrong) = names.iter().find(|name| !is_known(name)) {
            let known = LISTS.iter().chain(&known).copied().collect::<Vec<_>>().join(", ");
            return Err(format!("tools: there is no toolset \"{wrong}\"; use some of {known}"));
        }
        Ok(if names.is_empty() { Selection::default() } else { Selection(names) })
    }

    /// Returns the tools that the list shows to a caller, at most [`MAX_LISTED`].
    pub fn of(&self, may_call: impl Fn(&HostTool) -> bool) -> Vec<&'static HostTool> {
        let is_whole = self.0.iter().any(|name| name == "official");
        let chosen = host_tools().iter().filter(|tool| self.names(tool));
        // The official list is the same for everybody, so that a prompt written for it finds its tools.
        chosen.filter(|tool| (is_whole && is_official(tool)) || may_call(tool)).take(MAX_LISTED).collect()
    }

    fn names(&self, tool: &HostTool) -> bool {
        let is_secret = matches!(tool.listing, Listing::Secret | Listing::OfficialSecret);
        self.0.iter().any(|name| match name.as_str() {
            "default" => matches!(tool.listing, Listing::Default | Listing::Ours),
            "official" => is_official(tool),
            "all" => !is_secret,
            // A toolset that has only tools with secrets shows them.
            toolset => toolset == tool.toolset && (!is_secret || tool.listing == Listing::Secret),
        })
    }
}

fn is_official(tool: &HostTool) -> bool {
    matches!(tool.listing, Listing::Default | Listing::Official | Listing::OfficialSecret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        Selection::parse(text).unwrap().of(|_| true).iter().map(|tool| tool.name.as_str()).collect()
    }

    #[test]
    fn lists_have_the_promised_tools() {
        assert_eq!(names("official").len(), 48);
        assert!(names("official").contains(&"agents_keys_create") && !names("official").contains(&"tasks_create"));
        let shown = names("");
        assert!((20..=28).contains(&shown.len()) && shown.contains(&"tasks_create"), "{shown:?}");
        assert_eq!(names("default"), shown);
        assert_eq!(names("all").len(), MAX_LISTED);
        for secret in ["agents_keys_create", "auth_register_password", "tasks_link"] {
            assert!(!names("default,all,agents,tasks").contains(&secret) || secret == "tasks_link", "{secret}");
        }
        assert!(!names("all").contains(&"tasks_link"));
        assert!(names("mesh").iter().all(|name| name.starts_with("mesh_")));
        assert!(names("tasks,intents").contains(&"intents_answer"));
        assert!(Selection::parse("tasks,nonsense").unwrap_err().contains("nonsense"));
        let few = Selection::default().of(|tool| tool.name == "whoami");
        assert_eq!(few.len(), 1, "a caller sees what it may call");
    }
}

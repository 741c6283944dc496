//! The tools of the official server under their names, and a few tools of ours beside them (`spec/protocol.md` §7.4).
//!
//! A tool does one operation with fixed fields, or is composed of several calls by the server. The arguments of an
//! operation come from the table.

use crate::op::Access;

/// A tool by hand: its words, and what it does.
pub(super) struct Entry {
    pub name: &'static str,
    pub title: &'static str,
    /// The description for a model.
    pub about: &'static str,
    pub toolset: &'static str,
    pub listing: Listing,
    pub does: Does,
}

/// The lists that show a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// The default list and the list of the official tools.
    Default,
    /// The list of the official tools.
    Official,
    /// The default list. The official server has no such tool.
    Ours,
    /// Only lists that name its toolset.
    Toolset,
    /// Only the list of its toolset, because its result or an argument is a secret.
    Secret,
    /// The list of the official tools, and the toolset of secrets.
    OfficialSecret,
}

/// The work of a tool.
pub(super) enum Does {
    /// One operation. The arguments are its input, without the fixed fields.
    Operation { id: &'static str, fixed: &'static [(&'static str, &'static str)] },
    /// One operation whose whole body is the argument `bundle`.
    Bundle { id: &'static str },
    /// Several calls, with arguments of its own.
    Composed { arguments: &'static [Argument], access: Access, hints: Hints },
    /// The answer of a person to a task, which needs the right to decide.
    Answer { arguments: &'static [Argument] },
}

/// An argument of a composed tool.
pub(super) struct Argument {
    pub name: &'static str,
    pub kind: &'static str,
    pub is_required: bool,
    pub about: &'static str,
}

/// The effects of a tool, as far as a host may rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// The tool changes nothing.
    pub reads: bool,
    /// The tool may end or remove something.
    pub destroys: bool,
    /// A repeated call changes nothing more.
    pub repeats: bool,
    /// The tool reaches agents and people.
    pub reaches_others: bool,
}

impl Hints {
    pub(super) const READS: Hints = Hints { reads: true, destroys: false, repeats: true, reaches_others: false };
    const SENDS: Hints = Hints { reads: false, destroys: false, repeats: false, reaches_others: true };
    pub(super) const CHANGES: Hints = Hints { reads: false, destroys: false, repeats: true, reaches_others: false };
}

const fn operation(id: &'static str) -> Does {
    Does::Operation { id, fixed: &[] }
}

const fn reads(arguments: &'static [Argument]) -> Does {
    Does::Composed { arguments, access: Access::Key, hints: Hints::READS }
}

const fn sends(arguments: &'static [Argument]) -> Does {
    Does::Composed { arguments, access: Access::Key, hints: Hints::SENDS }
}

const fn required(name: &'static str, kind: &'static str, about: &'static str) -> Argument {
    Argument { name, kind, is_required: true, about }
}

const fn optional(name: &'static str, kind: &'static str, about: &'static str) -> Argument {
    Argument { name, kind, is_required: false, about }
}

const INTENT_ID: Argument = required("intent_id", "string", "The id of the intent.");
const TASK_ID: Argument = required("intent_id", "string", "The id of the task, which is the id of its intent.");
const COMMENT: Argument = optional("comment", "string", "A comment on the answer, which the history keeps.");
const DATA: Argument = optional("data", "object", "The fields of the task's form.");

const ANSWER: &[Argument] = &[TASK_ID, COMMENT, DATA];
const SUBMIT: &[Argument] = &[
    TASK_ID,
    required("outcome", "string", "One of the outcomes that the task allows. tasks_get lists them."),
    COMMENT,
    DATA,
];
const WATCH: &[Argument] = &[
    INTENT_ID,
    optional("since", "integer", "Only events after this number: next_since of the previous answer. 0 by default."),
    optional("wait_seconds", "integer", "How long to wait for the next event: 0 to 40 seconds, 0 by default."),
];
const ASK: &[Argument] = &[
    required("title", "string", "The question in a few words."),
    required("assignees", "array", "The email addresses of the people who may answer; one answer decides."),
    optional("description", "string", "The facts that the person needs for an answer."),
    optional(
        "task_type",
        "string",
        "approval by default; also confirmation, review, form, clarification, manual_action.",
    ),
    optional("form_schema", "object", "A JSON Schema of the fields that the answer must have."),
    optional("allowed_outcomes", "array", "The possible outcomes, instead of those of the task type."),
    optional("ttl_seconds", "integer", "Seconds until the question lapses: 60 to 604800."),
    optional("deadline_at", "string", "The time at which the question lapses, such as 2030-01-31T12:00:00Z."),
    optional("payload", "object", "Details that the person sees beside the question."),
];
const PERMISSION: &[Argument] = &[
    required("tool_name", "string", "The tool that wants to run."),
    required("input", "object", "The input of that tool."),
    optional("tool_use_id", "string", "The id of the call. A repeated request with it asks nobody twice."),
];
const OVERRIDE: &[Argument] = &[
    required("address", "string", "The address of the agent."),
    required("action", "string", "get or set."),
    optional("override_type", "string", "For set: the new override."),
];

const fn answers() -> Does {
    Does::Answer { arguments: ANSWER }
}

const fn entry(
    (name, title): (&'static str, &'static str),
    toolset: &'static str,
    listing: Listing,
    does: Does,
    about: &'static str,
) -> Entry {
    Entry { name, title, about, toolset, listing, does }
}

use Listing::{Default, Official, OfficialSecret, Ours};

#[rustfmt::skip]
pub(super) const ENTRIES: &[Entry] = &[
    entry(("status", "Server status"), "account", Default, reads(&[]),
        "Say whether the AXME server works, with its version and the workspace that this connection uses."),
    entry(("whoami", "Who am I"), "account", Default, operation("me.get"),
        "Say who you are to the server: organization, workspace, role and address."),
    entry(("doctor", "Check the connection"), "account", Official, reads(&[]),
        "Check the connection step by step: server, credential, workspace, agents, waiting tasks. Use it when a call fails unexpectedly."),

    entry(("org_list", "List organizations"), "organizations", Official, reads(&[]),
        "List the organizations that you belong to."),
    entry(("org_receive_policy_get", "Show who may send to the organization"), "organizations", Official, operation("organizations.receive_policy.get"),
        "Show from which other organizations agents of this organization accept intents."),
    entry(("org_receive_policy_set", "Set who may send to the organization"), "organizations", Official, operation("organizations.receive_policy.put"),
        "Set from which other organizations agents of this organization accept intents."),

    entry(("workspace_list", "List workspaces"), "workspaces", Official, operation("organizations.workspaces.list"),
        "List the workspaces of an organization."),
    entry(("workspace_use", "Choose a workspace"), "workspaces", Official, operation("portal.personal.select_workspace"),
        "Choose the workspace in which the signed-in person works from now on."),
    entry(("workspace_members_list", "List members of the workspace"), "workspaces", Official, operation("organizations.members.list"),
        "List the people who belong to a workspace, with their roles."),

    entry(("member_list", "List members"), "members", Official, operation("organizations.members.list"),
        "List the people who belong to an organization, with their roles."),
    entry(("member_add", "Add a member"), "members", Official, operation("organizations.members.add"),
        "Give a person a role in an organization or one of its workspaces."),
    entry(("member_update", "Change a member"), "members", Official, operation("organizations.members.update"),
        "Change the role or the status of a member."),
    entry(("member_remove", "Remove a member"), "members", Official, operation("organizations.members.remove"),
        "Remove a person from an organization."),

    entry(("agents_list", "List agents"), "agents", Default, operation("agents.list"),
        "List the agents that you can send intents to, with their addresses."),
    entry(("agents_show", "Show an agent"), "agents", Default, operation("agents.get"),
        "Show one agent by its address."),
    entry(("agents_register", "Register an agent"), "agents", Official, operation("service_accounts.create"),
        "Register an agent. The answer has its address and the id of its service account; agents_keys_create makes its key."),
    entry(("agents_delete", "Delete an agent"), "agents", Official, operation("service_accounts.delete"),
        "Delete an agent. Its keys stop working at once."),
    entry(("agents_keys_create", "Create a key for an agent"), "agents", OfficialSecret, operation("service_accounts.keys.create"),
        "Create a key for an agent. The answer shows the key once: a secret, which you must not repeat."),
    entry(("agents_keys_revoke", "Revoke a key of an agent"), "agents", Official, operation("service_accounts.keys.revoke"),
        "Revoke a key of an agent. It stops working at once."),
    entry(("agents_policy_get", "Show whom an agent accepts"), "agents", Official, operation("agents.policy.get"),
        "Show from which senders an agent accepts intents."),
    entry(("agents_policy_set", "Set whom an agent accepts"), "agents", Official, operation("agents.policy.put"),
        "Set from which senders an agent accepts intents."),
    entry(("agents_receive_override", "Show or set an agent's exception"), "agents", Official,
        Does::Composed { arguments: OVERRIDE, access: Access::Role, hints: Hints::CHANGES },
        "Show or set the exception of one agent from its organization's receive policy. action is get or set."),

    entry(("intents_send", "Send an intent"), "intents", Default, operation("intents.create"),
        "Hand work to an agent or a person. It is stored before the answer, survives restarts, and may take days. \
         Keep the intent_id, and follow it with intents_watch. To ask a person a question, tasks_create is simpler."),
    entry(("intents_list", "List intents"), "intents", Default, operation("intents.list"),
        "List intents, newest first. Filter by status, such as WAITING or COMPLETED."),
    entry(("intents_get", "Show an intent"), "intents", Default, operation("intents.get"),
        "Show one intent: status, payload, result, and who has to act next."),
    entry(("intents_log", "Show the history of an intent"), "intents", Default, operation("intents.events"),
        "List the events of an intent in order: who did what, and when."),
    entry(("intents_cancel", "Cancel an intent"), "intents", Default,
        Does::Operation { id: "intents.resolve", fixed: &[("status", "CANCELED")] },
        "Cancel an intent that has not ended. Its agent or person is no longer asked."),
    entry(("intents_resume", "Send an ended intent again"), "intents", Default, sends(&[INTENT_ID]),
        "Send an intent that has ended once more, with the same receiver and payload. The answer has the id of the new intent."),
    entry(("intents_retry", "Retry a failed intent"), "intents", Official, sends(&[INTENT_ID]),
        "Send an intent that has ended once more, as intents_resume does. Meant for one that failed or timed out."),
    entry(("intents_watch", "Follow an intent"), "intents", Default, reads(WATCH),
        "Show what an intent does now and the events after since. With wait_seconds, wait that long for the next event. \
         Call again with next_since until is_ended is true."),
    entry(("intents_cleanup", "Cancel old intents"), "intents", Official, operation("intents.bulk_cancel"),
        "Cancel intents that are older than a number of hours and have not ended. Only lists them unless dry_run is false."),
    entry(("intents_trace", "Trace an intent"), "intents", Default, reads(&[INTENT_ID]),
        "Show an intent with its whole history and the intents of its steps. Use it to find out why something is stuck."),

    entry(("tasks_list", "List my tasks"), "tasks", Default, operation("tasks.list"),
        "List the tasks that wait for an answer of this person, longest wait first."),
    entry(("tasks_get", "Show a task"), "tasks", Default, reads(&[TASK_ID]),
        "Show a task: the question, its form, the allowed outcomes, and who is asked."),
    entry(("tasks_create", "Ask a person"), "tasks", Ours, sends(ASK),
        "Ask people for an approval or an answer, by mail and page. One answer ends the task; it may take days. \
         Keep the intent_id, and read the answer with intents_watch. You never answer it yourself."),
    entry(("tasks_approve", "Approve a task"), "tasks", Default, answers(),
        "Record the person's yes. Needs a sign-in with the right to decide; call it only when the person told you so."),
    entry(("tasks_reject", "Reject a task"), "tasks", Default, answers(),
        "Record the person's no. Needs a sign-in with the right to decide; call it only when the person told you so."),
    entry(("tasks_confirm", "Confirm a task"), "tasks", Official, answers(),
        "Record that the person confirms. Needs a sign-in with the right to decide."),
    entry(("tasks_assign", "Answer an assignment"), "tasks", Official, answers(),
        "Record whom the person assigned, in data.assignee. Needs a sign-in with the right to decide."),
    entry(("tasks_complete", "Complete a task"), "tasks", Official, answers(),
        "Record that the person has done the work. Needs a sign-in with the right to decide."),
    entry(("tasks_submit", "Answer a task"), "tasks", Default,
        Does::Answer { arguments: SUBMIT },
        "Record the person's answer with any outcome and form fields. Needs a sign-in with the right to decide."),
    entry(("tasks_answer", "Show a task to the person"), "tasks", Ours, Does::Answer { arguments: &[TASK_ID] },
        "Show the person at this host the form of a task that asks them, and record what they answer. You fill in nothing. \
         Works where the host shows forms; needs a sign-in with the right to decide."),
    entry(("permission_prompt", "Ask for permission to run a tool"), "permission", Listing::Toolset, sends(PERMISSION),
        "Ask a person whether a tool may run, and wait for the answer. The text of the result is allow or deny as JSON."),

    entry(("quota_show", "Show the quota"), "quota", Official, operation("quotas.get"),
        "Show the limits of the workspace, and how much of them is used."),
    entry(("quota_upgrade_request", "Ask for a larger quota"), "quota", Official,
        Does::Operation { id: "access_requests.create", fixed: &[("request_type", "quota_upgrade")] },
        "Ask the administrators for a larger quota."),

    entry(("scenarios_list_templates", "List scenario templates"), "scenarios", Default, operation("macros.list"),
        "List the macros from which scenarios can be built."),
    entry(("scenarios_validate", "Check a scenario"), "scenarios", Default, Does::Bundle { id: "scenarios.validate" },
        "Check a scenario bundle, and report every error. Changes nothing."),
    entry(("scenarios_apply", "Run a scenario"), "scenarios", Default, Does::Bundle { id: "scenarios.apply" },
        "Run a scenario: steps of agents and people in order, with deadlines and reminders. Check it with scenarios_validate first."),
    entry(("scenarios_create", "How to write a scenario"), "scenarios", Default, reads(&[]),
        "Explain how to write a scenario bundle, with the macros and an example."),

    entry(("session_list", "List sign-ins"), "sessions", Official, operation("auth.sessions.list"),
        "List the sign-ins of the person."),
    entry(("session_revoke", "Revoke a sign-in"), "sessions", Official, operation("auth.sessions.revoke"),
        "End one sign-in of the person."),
];

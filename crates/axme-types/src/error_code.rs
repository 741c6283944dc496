//! The registry of error codes: each code of the API with its class, its meaning, and what a caller does about it.
//!
//! `docs/errors.md` is generated from it, and each operation of the table lists the codes that it can answer with.

use std::fmt;

/// The class of an error, which decides the HTTP status of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request cannot be read, or contradicts itself: 400.
    Malformed,
    /// No credential, or an unknown one: 401.
    Unauthenticated,
    /// The caller is known, but may not do this: 403.
    Forbidden,
    /// The thing does not exist, or belongs to another tenant: 404.
    NotFound,
    /// The path exists, but not with this method: 405.
    MethodNotAllowed,
    /// The body did not arrive in time: 408.
    RequestTimeout,
    /// The state of the thing does not permit the change: 409.
    Conflict,
    /// The thing existed and has expired: 410.
    Gone,
    /// The body, or a value in it, is too large: 413.
    TooLarge,
    /// The request can be read, but a field is missing or wrong: 422.
    Invalid,
    /// The caller has to wait: 429.
    RateLimited,
    /// A fault of the server: 500.
    Internal,
    /// The server cannot do it now; the same call may succeed later: 503.
    Unavailable,
}

impl ErrorKind {
    /// Returns the HTTP status of an answer with an error of this kind.
    pub const fn http_status(self) -> u16 {
        match self {
            ErrorKind::Malformed => 400,
            ErrorKind::Unauthenticated => 401,
            ErrorKind::Forbidden => 403,
            ErrorKind::NotFound => 404,
            ErrorKind::MethodNotAllowed => 405,
            ErrorKind::RequestTimeout => 408,
            ErrorKind::Conflict => 409,
            ErrorKind::Gone => 410,
            ErrorKind::TooLarge => 413,
            ErrorKind::Invalid => 422,
            ErrorKind::RateLimited => 429,
            ErrorKind::Internal => 500,
            ErrorKind::Unavailable => 503,
        }
    }
}

macro_rules! error_codes {
    ($($code:ident = $word:literal $kind:ident $meaning:literal $action:literal;)+) => {
        /// A code of the API's errors: `error.code` on the wire. Codes never change their meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $code,)+
        }

        impl ErrorCode {
            /// Every code, in alphabetical order.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$code),+];

            /// Returns the word on the wire, in snake case.
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$code => $word),+ }
            }

            /// Returns the class of the error, which decides the HTTP status.
            pub const fn kind(self) -> ErrorKind {
                match self { $(ErrorCode::$code => ErrorKind::$kind),+ }
            }

            /// Returns one sentence that says what is wrong.
            pub const fn meaning(self) -> &'static str {
                match self { $(ErrorCode::$code => $meaning),+ }
            }

            /// Returns one sentence that says what the caller does about it.
            pub const fn action(self) -> &'static str {
                match self { $(ErrorCode::$code => $action),+ }
            }
        }
    };
}

error_codes! {
    AccessRequestDecided = "access_request_decided" Conflict
        "The access request has already been approved or rejected." "Read the request to see the decision.";
    AccountLocked = "account_locked" RateLimited
        "Too many wrong passwords have locked the name." "Wait for `retry_after_seconds`, or sign in by mail.";
    ActionNotAllowed = "action_not_allowed" Forbidden
        "A rule of the agent mesh forbids intents of this type." "Ask an admin of the workspace to change the rule.";
    AgentKilled = "agent_killed" Forbidden
        "The agent has been stopped by its kill switch." "Ask an admin of the workspace to resume the agent.";
    AgentNotFound = "agent_not_found" NotFound
        "No agent has this address." "Check the address, or register the agent first.";
    AliasTaken = "alias_taken" Conflict
        "Another principal already has this alias." "Choose another alias, or revoke the existing one.";
    AlreadyAnswered = "already_answered" Conflict
        "The task already has an answer." "Read the intent to see the answer.";
    AnotherPersonRequired = "another_person_required" Forbidden
        "The caller answered a step, and this task needs the answer of another person." "Another person has to answer.";
    BillingPlanNotFound = "billing_plan_not_found" NotFound
        "The workspace has no billing plan." "Set a plan first.";
    BodyTooLarge = "body_too_large" TooLarge
        "The body of the request is longer than the server accepts." "Send a shorter body; put files into media uploads.";
    BodyUnreadable = "body_unreadable" Malformed
        "The connection broke off before the body was complete." "Send the request again.";
    CodeAlreadyUsed = "code_already_used" Conflict
        "The sign-in code has already been used." "Start a new sign-in.";
    CodeExpired = "code_expired" Gone
        "The sign-in code has expired." "Start a new sign-in.";
    CommentRequired = "comment_required" Invalid
        "The task requires a comment." "Send `comment` with the answer.";
    Contradiction = "contradiction" Invalid
        "The answer says yes and no at once." "Send one outcome only.";
    DeadlinePassed = "deadline_passed" Conflict
        "The deadline of the intent has passed." "Read the intent to see its end.";
    EvidenceRequired = "evidence_required" Invalid
        "The task requires evidence." "Send `data.evidence` with the answer.";
    FileMissing = "file_missing" NotFound
        "The server no longer has the bytes of the file." "Upload the file again.";
    Forbidden = "forbidden" Forbidden
        "The caller may not do this." "Use a key or sign in as a person with the required role.";
    FormInvalid = "form_invalid" Invalid
        "The answer does not fit the form of the task." "Correct the fields that `details.fields` names.";
    FromRequired = "from_required" Invalid
        "Several people have the task, and the request does not say whom to replace." "Send `from`.";
    GrantExpired = "grant_expired" Gone
        "The sign-in of the command line has expired." "Start the sign-in again.";
    IdempotencyKeyReused = "idempotency_key_reused" Conflict
        "The idempotency key was used with a different request." "Use a new key for a new request.";
    IntentAlreadyTerminal = "intent_already_terminal" Conflict
        "The intent has already ended." "Read the intent to see its end.";
    InternalError = "internal_error" Internal
        "The server failed." "Try again later; the log of the server has the cause.";
    InvalidActorScope = "invalid_actor_scope" Forbidden
        "The person is not a member of this workspace." "Select another workspace and sign in again.";
    InvalidActorToken = "invalid_actor_token" Unauthenticated
        "The access token is invalid." "Sign in again.";
    InvalidAgentAddress = "invalid_agent_address" Invalid
        "The address of the agent cannot be read." "Send `agent://org/workspace/name`, or a name alone.";
    InvalidAssignee = "invalid_assignee" Invalid
        "The task cannot pass from or to the person that the request names." "Choose from the people that the message lists.";
    InvalidCode = "invalid_code" Invalid
        "The sign-in code is wrong." "Check the code in the mail, or start a new sign-in.";
    InvalidControl = "invalid_control" Invalid
        "A control has a value that cannot be used." "Correct the control that the message names.";
    InvalidCredentials = "invalid_credentials" Unauthenticated
        "The name or the password is wrong." "Check both, or sign in by mail.";
    InvalidExchangeToken = "invalid_exchange_token" Unauthenticated
        "The exchange token is unknown, expired or used." "Request a new one.";
    InvalidGrant = "invalid_grant" Invalid
        "A grant of the policy cannot be read." "Correct the grant that the message names.";
    InvalidJson = "invalid_json" Invalid
        "The body is not JSON." "Send a JSON object.";
    InvalidPath = "invalid_path" Malformed
        "The path is not valid UTF-8." "Percent-encode the path as UTF-8.";
    InvalidPlatformApiKey = "invalid_platform_api_key" Unauthenticated
        "The API key is unknown, expired or revoked." "Send a valid key in `x-api-key`.";
    InvalidRefreshToken = "invalid_refresh_token" Unauthenticated
        "The refresh token is unknown or expired." "Sign in again.";
    InviteAlreadyAccepted = "invite_already_accepted" Conflict
        "Another person has accepted the invite." "Ask for a new invite.";
    InviteExpired = "invite_expired" Gone
        "The invite has expired." "Ask for a new invite.";
    LastOwner = "last_owner" Conflict
        "The organization would have no owner left." "Make another member an owner first.";
    LinkExpired = "link_expired" Gone
        "The link to the task has expired." "Ask for a new link.";
    LinkRevoked = "link_revoked" Gone
        "The link belongs to a person who is not a member any more." "Ask an admin to reassign the task.";
    LinkUsed = "link_used" Conflict
        "The link was already used to answer." "Read the intent to see the answer.";
    MaxCostPerDayExceeded = "max_cost_per_day_exceeded" RateLimited
        "The agent has reached its limit on the costs of a day." "Wait until `details.resets_at`.";
    MaxIntentsPerDayExceeded = "max_intents_per_day_exceeded" RateLimited
        "The agent has reached its limit on the intents of a day." "Wait until `details.resets_at`.";
    MaxIntentsPerHourExceeded = "max_intents_per_hour_exceeded" RateLimited
        "The agent has reached its limit on the intents of an hour." "Wait until `details.resets_at`.";
    MayNotBeAsked = "may_not_be_asked" Forbidden
        "The rule of the workspace does not allow this person to decide a guarded task." "Name a person whom the rule allows, or ask an owner of the organization to change the rule.";
    MediaMismatch = "media_mismatch" Conflict
        "The uploaded bytes differ from the announced size or checksum." "Upload the file again.";
    MediaTooLarge = "media_too_large" TooLarge
        "The file is larger than the server accepts." "Send a smaller file.";
    MemberExists = "member_exists" Conflict
        "The person is already a member." "Update the existing member.";
    MethodNotAllowed = "method_not_allowed" MethodNotAllowed
        "The path does not accept this method." "Use a method that the `Allow` header names.";
    MissingActorToken = "missing_actor_token" Unauthenticated
        "The call needs a person who has signed in." "Send `Authorization: Bearer` with an access token.";
    MissingPlatformApiKey = "missing_platform_api_key" Unauthenticated
        "The call has no API key." "Send `x-api-key`, or the key as a bearer token.";
    NickTaken = "nick_taken" Conflict
        "Another user already has the nick." "Choose another nick.";
    NoAccount = "no_account" Conflict
        "The person has no account that can be selected." "Accept an invite or create an organization first.";
    NoLongerAMember = "no_longer_a_member" Forbidden
        "The person who was asked is not a member any more." "Ask an admin to reassign the task.";
    NoOpenQuestion = "no_open_question" Conflict
        "The task has no question that waits for a reply." "Read the intent to see its questions.";
    NotAnAgent = "not_an_agent" Forbidden
        "The key does not belong to an agent." "Use the key of the agent.";
    NotAsked = "not_asked" Forbidden
        "The task is assigned to other people." "Ask an admin to reassign the task.";
    NotAwaitingDecision = "not_awaiting_decision" Conflict
        "The thread does not wait for a decision." "Read the thread to see its state.";
    NotFound = "not_found" NotFound
        "The thing does not exist, or the caller cannot see it." "Check the id and the workspace of the key.";
    NotSupportedYet = "not_supported_yet" Invalid
        "The server does not support this request." "See `docs/known-gaps.md`.";
    NotWaitingForHuman = "not_waiting_for_human" Conflict
        "The intent does not wait for a person." "Read the intent to see its status.";
    NothingToWithdraw = "nothing_to_withdraw" Conflict
        "The caller has no yes to this task that can be withdrawn." "Read the intent to see who has answered.";
    OutcomeNotAllowed = "outcome_not_allowed" Invalid
        "The task does not accept this outcome." "Send one of the outcomes that the message lists.";
    OutcomeRequired = "outcome_required" Invalid
        "The answer has no outcome." "Send one of the outcomes that the message lists.";
    OutcomeUnknown = "outcome_unknown" Unavailable
        "The database failed during the commit, so the change may have been made." "Repeat the call under the same `Idempotency-Key`.";
    OwnServiceAccount = "own_service_account" Conflict
        "The service account belongs to the key of this call." "Use another key.";
    OwnTenant = "own_tenant" Conflict
        "The key of this call belongs to this workspace or organization." "Use a key of another workspace.";
    OwnerMismatch = "owner_mismatch" Malformed
        "The request names two different owners." "Send the same `owner_agent` in the header, query and body.";
    PassedOn = "passed_on" Conflict
        "The task has been reassigned to another person." "Nothing; the other person answers it.";
    PasswordChanged = "password_changed" Conflict
        "The password was changed during this call." "Sign in with the new password.";
    PathMismatch = "path_mismatch" Malformed
        "The path and the body name different things." "Send the same value, or leave it out of the body.";
    PayloadTooLarge = "payload_too_large" TooLarge
        "A value has more bytes of JSON than accepted." "Shorten the value that the message names.";
    PersonRequired = "person_required" Forbidden
        "A person has to do this, and no credential of the call identifies one with the needed role here." "Sign in as a member with that role, or answer by a personal link.";
    PolicyDenied = "policy_denied" Forbidden
        "The agent does not accept intents from this sender." "Ask the owner of the agent to change its policy.";
    PolicyTooLarge = "policy_too_large" Invalid
        "The policy has too many grants." "Remove grants that are not needed.";
    QuestionOpen = "question_open" Conflict
        "The task already has a question that waits for a reply." "Wait for the reply of the requester, or answer the task.";
    QuotaExceeded = "quota_exceeded" RateLimited
        "The workspace has used its quota." "Wait until `details.reset_at`, or delete something if it is null, or request a higher quota.";
    RateLimitExceeded = "rate_limit_exceeded" RateLimited
        "The caller has sent too many requests." "Wait for `Retry-After` seconds.";
    ReceiverAgentClosed = "receiver_agent_closed" Forbidden
        "The agent accepts nothing from other organizations." "Ask the owner of the agent to change its policy.";
    ReceiverOrgClosed = "receiver_org_closed" Forbidden
        "The organization accepts nothing from other organizations." "Ask the organization to change its policy.";
    RefreshTokenReused = "refresh_token_reused" Unauthenticated
        "The refresh token was used before, so the session has been revoked." "Sign in again.";
    RequestTimeout = "request_timeout" RequestTimeout
        "The body did not arrive in time." "Send the request again.";
    RequesterMayNotAnswer = "requester_may_not_answer" Forbidden
        "The person who requested the task may not answer it." "Another person has to answer.";
    RouteNotFound = "route_not_found" NotFound
        "The delivery has no route." "Register a route first.";
    ScenarioInvalid = "scenario_invalid" Invalid
        "The scenario has errors." "Correct the errors that the message lists.";
    SchemaInvalid = "schema_invalid" Invalid
        "The payload does not fit the schema of its intent type." "Correct the field that the message names.";
    SecretNotShownAgain = "secret_not_shown_again" Conflict
        "The call succeeded before, and its secret is shown only to the key that made it." "Create a new secret.";
    SenderNotInReceiveAllowlist = "sender_not_in_receive_allowlist" Forbidden
        "The sender is not on the allowlist of the receiver." "Ask the receiver to add the sender.";
    ServiceAccountDeleted = "service_account_deleted" Conflict
        "The service account has been deleted." "Create the service account again.";
    SessionCompleted = "session_completed" Conflict
        "The session has ended." "Start a new session.";
    SignInAgain = "sign_in_again" Forbidden
        "The sign-in is too old for this change." "Sign in again, then repeat the call.";
    SignUpClosed = "sign_up_closed" Forbidden
        "This server does not accept new people." "Ask an admin for an invite.";
    TaskIsGuarded = "task_is_guarded" Forbidden
        "The task accepts answers from certain people only, and a key cannot give one." "Answer as one of these people.";
    TaskResultRequired = "task_result_required" Invalid
        "The intent waits for a person, and the body is not an answer." "Send `task_result` with an outcome.";
    TokenExpired = "token_expired" Unauthenticated
        "The access token has expired." "Refresh the token.";
    TooManyQuestions = "too_many_questions" Conflict
        "The task has as many questions as it may have." "Answer the task.";
    TrialsDisabled = "trials_disabled" Forbidden
        "This server does not offer trial workspaces." "Ask an admin for a workspace.";
    Unavailable = "unavailable" Unavailable
        "The server cannot do this now; nothing was changed." "Try again later.";
    UploadExpired = "upload_expired" Gone
        "The upload was not finished in time." "Create a new upload.";
    UploadFinished = "upload_finished" Conflict
        "The upload is finished, and the file does not change any more." "Create a new upload.";
    ValidationFailed = "validation_failed" Invalid
        "A field is missing or has a wrong value." "Correct the field that the message names.";
    VerificationExpired = "verification_expired" Gone
        "The verification of the email address has expired." "Request a new verification mail.";
    WaitingForAgent = "waiting_for_agent" Conflict
        "The intent waits for the answer of one of its steps." "Answer the intent that `details.child_intent_id` names.";
    WaitingForTime = "waiting_for_time" Conflict
        "The intent waits for a moment, so it accepts no answer." "Wait, or cancel the intent.";
    WeakPassword = "weak_password" Invalid
        "The password is too easy to guess." "Choose a longer password.";
    WorkspaceNotActive = "workspace_not_active" Forbidden
        "The workspace or its organization is suspended or archived." "Ask an admin to activate it.";
    WrongCurrentPassword = "wrong_current_password" Forbidden
        "The current password is wrong." "Send the current password, or sign in by mail and set a new one.";
}

impl ErrorCode {
    /// Returns the code of a word, or `None` for an unknown word.
    pub fn parse(word: &str) -> Option<ErrorCode> {
        ErrorCode::ALL.iter().copied().find(|code| code.as_str() == word)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn codes_are_in_alphabetical_order_and_say_what_to_do() {
        let words: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert!(words.is_sorted(), "{words:?}");
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
            for text in [code.meaning(), code.action()] {
                assert!(text.ends_with('.') && text.chars().next().is_some_and(char::is_uppercase), "{code}: {text}");
            }
        }
    }
}

//! The pages of a person's inbox: what waits for them across their workspaces, and their sessions.

use crate::op::{Access, Route};

/// The plain routes of the inbox.
pub const ROUTES: &[Route] = &[
    PAGE,
    SIGN_IN,
    SIGN_OUT,
    OPEN,
    ANSWER,
    REPLY,
    WITHDRAW,
    SESSIONS,
    END_SESSION,
    SETTINGS,
    CHANGE_SETTINGS,
    ABSENCE,
    WEB_PUSH,
];

/// Shows the inbox.
pub const PAGE: Route = Route::get("inbox.page", "/inbox")
    .access(Access::Public)
    .about("Show what waits for the person of the session cookie, or the form to sign in.");
/// Signs in to the inbox.
pub const SIGN_IN: Route = Route::post("inbox.sign_in", "/inbox/sign-in")
    .access(Access::Public)
    .about("Send the email address, then the mailed code. The session cookie comes with the redirect to the inbox.");
/// Signs out.
pub const SIGN_OUT: Route =
    Route::post("inbox.sign_out", "/inbox/sign-out").access(Access::Public).about("End the session of the cookie.");
/// Opens a task.
pub const OPEN: Route = Route::post("inbox.open", "/inbox/open")
    .access(Access::Public)
    .about("Make a link to a task of the inbox, and lead to its page.");
/// Answers several tasks.
pub const ANSWER: Route = Route::post("inbox.answer", "/inbox/answer").access(Access::Public).about(
    "Answer up to 50 tasks of the same step: the first form shows them again, the second one records the answers.",
);
/// Replies to a question.
pub const REPLY: Route = Route::post("inbox.reply_to_question", "/inbox/reply")
    .access(Access::Public)
    .about("Reply to the open question about a task that the person requested.");
/// Withdraws a yes.
pub const WITHDRAW: Route = Route::post("inbox.withdraw", "/inbox/withdraw")
    .access(Access::Public)
    .about("Withdraw a yes of the person while the quorum has not decided.");
/// Shows the sessions.
pub const SESSIONS: Route =
    Route::get("inbox.sessions", "/inbox/sessions").access(Access::Public).about("Show the sessions of the person.");
/// Ends sessions.
pub const END_SESSION: Route = Route::post("inbox.end_session", "/inbox/sessions")
    .access(Access::Public)
    .about("End one session of the person, or all others.");
/// Shows the settings of the person.
pub const SETTINGS: Route = Route::get("inbox.settings", "/inbox/settings")
    .access(Access::Public)
    .about("Show the settings of the person: the language, and the hours without mail.");
/// Changes the settings of the person.
pub const CHANGE_SETTINGS: Route = Route::post("inbox.change_settings", "/inbox/settings")
    .access(Access::Public)
    .about("Replace the settings of the person.");
/// Sets or ends the absence of the person.
pub const ABSENCE: Route = Route::post("inbox.absence", "/inbox/absence")
    .access(Access::Public)
    .about("Set the person's absence with its deputy, or end it.");
/// Adds or removes a browser that shows tasks as notifications.
pub const WEB_PUSH: Route = Route::post("inbox.web_push", "/inbox/web-push")
    .access(Access::Public)
    .about("Let the browser that sends the form show the person's tasks as notifications, or remove one that does.");

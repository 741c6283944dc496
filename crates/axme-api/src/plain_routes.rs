//! The routes that are not operations, as the OpenAPI document describes them: parameters, body, and every status with
//! its form. A page reports its errors as pages; every other route reports them as JSON with a code.

use std::collections::{BTreeMap, BTreeSet};

use axme_types::limits::MAX_INTEGER;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::op::{Route, access_codes, path_fields};
use crate::responses::{error_responses, join_words, resolved, security};
use crate::{
    ConsumerName, ErrorCode, Status, agents, alpha, auth, console_pages as console, console_settings as settings,
    health, inbox_pages, intents, mcp, media, oauth, receipts, scheduler, sessions, tasks,
};

const HTML: &str = "text/html";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const EVENTS: &str = "text/event-stream";

/// How a route is called, and how it answers.
struct Form {
    /// The parameters of the query and the headers.
    parameters: Vec<Value>,
    body: Option<Value>,
    /// The answers that are not errors, by status.
    answers: BTreeMap<u16, Value>,
    /// The statuses of errors that are shown as a page.
    pages: BTreeSet<u16>,
    /// The codes of errors that are reported as JSON, beside [`Form::codes`].
    errors: Vec<ErrorCode>,
}

type MakeForm = fn(&mut SchemaGenerator) -> Form;

static FORMS: &[(&Route, MakeForm)] = &[
    (&intents::STREAM, |_| stream(15, INTENT_FRAMES, &[ErrorCode::NotFound])),
    (&agents::STREAM, |_| agent_stream()),
    (&sessions::STREAM, |_| stream(30, SESSION_FRAMES, &[ErrorCode::NotFound])),
    (&mcp::ENDPOINT, |_| rpc()),
    (&scheduler::WORKFLOW, round::<scheduler::Tick, scheduler::TickAnswer>),
    (&scheduler::WEBHOOK, round::<scheduler::Tick, scheduler::TickAnswer>),
    (&scheduler::RECONCILE, round::<scheduler::ReconcileRound, scheduler::ReconcileRoundAnswer>),
    (&health::HEALTH, health),
    (&health::HEALTH_V1, health),
    (&health::READY, |_| Form::json("The server accepts calls.", object(&[ok_field()]))),
    (&health::METRICS, |_| Form::answering("The measurements.", "text/plain", json!({ "type": "string" }))),
    (&health::OPENAPI, |_| Form::json("The OpenAPI document.", json!({ "type": "object" }))),
    (&health::REFERENCE, |_| Form::page(&[500])),
    (&health::REFERENCE_PAGE, |_| Form::page(&[404, 500])),
    (&health::REFERENCE_FILTER, |_| Form::answering("The script.", "text/javascript", json!({ "type": "string" }))),
    (&media::UPLOAD, |_| upload()),
    (&media::DOWNLOAD, |_| file()),
    (&media::PREVIEW, |_| file()),
    (&tasks::ACTION, action),
    (&tasks::PAGE, |_| {
        Form::page(&[404, 410])
            .query("token", TOKEN)
            .query("draft", "The answer to confirm, encrypted with the token.")
            .query("answered", "Present after an answer: the page says what was recorded.")
            .query("return_url", "The page to lead back to after the answer. Its origin must be among `embed_origins`.")
    }),
    (&tasks::PAGE_ANSWER, |_| {
        let leads = Form::redirect().answers;
        let mut form = Form::page(&[403, 404, 409, 410]).filled("The fields of the form, and its token.");
        form.answers.extend(leads);
        form
    }),
    (&tasks::ICON, |_| Form::answering("The icon.", "image/svg+xml", json!({ "type": "string" }))),
    (&tasks::SCRIPT, |_| Form::answering("The script.", "text/javascript", json!({ "type": "string" }))),
    (&tasks::MANIFEST, |_| Form::answering("The manifest.", "application/manifest+json", json!({ "type": "object" }))),
    (&tasks::APP_ICON, |_| {
        Form::answering("The icon.", "image/png", json!({ "type": "string", "contentMediaType": "image/png" }))
    }),
    (&tasks::WORKER, |_| Form::answering("The script.", "text/javascript", json!({ "type": "string" }))),
    (&tasks::OFFLINE, |_| Form::page(&[])),
    (&tasks::STYLE, |_| Form::answering("The style sheet.", "text/css", json!({ "type": "string" }))),
    (&inbox_pages::PAGE, |_| Form::page(&[]).query("q", "Show only what contains this text.")),
    (&inbox_pages::SIGN_IN, |_| both("The email address, then the mailed code.", &[403, 404, 409, 410, 429])),
    (&inbox_pages::SIGN_OUT, |_| both(CSRF, &[403, 404])),
    (&inbox_pages::OPEN, |_| both("The task, and the token of the session's forms.", &[403, 404, 409])),
    (&inbox_pages::ANSWER, |_| {
        Form::page(&[403, 404, 409]).filled("The tasks, the outcome, and the token of the session's forms.")
    }),
    (&inbox_pages::REPLY, |_| both("The task, the reply, and the token of the session's forms.", &[403, 404, 409])),
    (&inbox_pages::WITHDRAW, |_| both("The task, and the token of the session's forms.", &[403, 404, 409])),
    (&inbox_pages::SESSIONS, |_| {
        let mut form = Form::page(&[]);
        form.answers.extend(Form::redirect().answers);
        form
    }),
    (&inbox_pages::END_SESSION, |_| both("The session, and the token of the session's forms.", &[403, 404])),
    (&inbox_pages::SETTINGS, |_| {
        let mut form = Form::page(&[]);
        form.answers.extend(Form::redirect().answers);
        form
    }),
    (&inbox_pages::CHANGE_SETTINGS, |_| both("The settings, and the token of the session's forms.", &[403, 404])),
    (&inbox_pages::ABSENCE, |_| both("The days, the deputy, and the token of the session's forms.", &[403, 404])),
    (&inbox_pages::WEB_PUSH, |_| {
        both("The push service of the browser with its keys, and the token of the session's forms.", &[403, 404])
    }),
    (&console::ROOT, |_| {
        let mut form = Form::json("Where the API is described.", json!({ "type": "object" }));
        form.answers.extend(Form::redirect().answers);
        form
    }),
    (&console::OPEN, |_| seen().query("token", "The token of `auth.dashboard_token`.")),
    (&console::OPEN_ANSWER, |_| both("The token of the page.", &[403, 404, 410])),
    (&console::OVERVIEW, |_| seen()),
    (&console::SIGN_IN, |_| seen().query("next", "The page of the console to lead to.")),
    (&console::SIGN_IN_ANSWER, |_| both("The fields of one of the forms.", &[401, 403, 404, 409, 410, 429])),
    (&console::SIGN_OUT, |_| both(CSRF, &[401, 403, 404])),
    (&console::WORKSPACE, |_| both("The workspace, and the token of the session's forms.", &[401, 403, 404])),
    (&console::INTENTS, |_| {
        let form = seen().query("status", "As in `intents.list`.").query("outcome_kind", "As in `intents.list`.");
        let form = form.query("waiting_reason", "As in `intents.list`.");
        let form = form.query("intent_type", "As in `intents.list`.").query("holder", "As in `intents.list`.");
        let form = form.query("from_agent", "As in `intents.list`.").query("to_agent", "As in `intents.list`.");
        let form = form.query("scenario_id", "As in `intents.list`.").query("intent_ids", "As in `intents.list`.");
        let form = form.query("columns", "The columns to show, with commas between them.");
        let form = form.query("since", "Only intents of the last minutes, hours or days, such as `24h`.");
        let form = form.query("stuck", "Only intents unchanged for so long, such as `1h`.");
        form.query("before", "As in `intents.list`.").query("id", "An intent to lead to.")
    }),
    (&console::BULK, |_| both("The action, the intents or the filter, and the token of the forms.", STEERING)),
    (&console::VIEWS, |_| both("The action, the name and the filter, and the token of the forms.", STEERING)),
    (&console::INTENT, |_| seen().query("at", "The number of the event after which the intent is shown.")),
    (&console::ACT, |_| both("The action with its fields, and the token of the session's forms.", STEERING)),
    (&console::LIVE, |_| stream(15, INTENT_FRAMES, &[ErrorCode::NotFound])),
    (&console::AGENTS, |_| seen().query("agent", "The address of one agent.").query("after", "As in the API.")),
    (&console::AGENT_SWITCH, |_| both("The agent, the action, and the token of the session's forms.", STEERING)),
    (&console::DELIVERIES, |_| seen().query("status", "As in `deliveries.list`.").query("before", "As in the API.")),
    (&console::DELIVERY_REPLAY, |_| both("The delivery, and the token of the session's forms.", STEERING)),
    (&console::WEBHOOKS, |_| seen()),
    (&settings::CHANGE, |_| both("The operation with its fields, and the token of the session's forms.", STEERING)),
    (&settings::PEOPLE, |_| seen().query("account", "The id of one service account.").query("after", "As in the API.")),
    (&settings::SCENARIOS, |_| seen().query("after", "The name of the last scenario of the previous page.")),
    (&settings::SCENARIO_EDIT, |_| both("The action, the bundle, and the token of the session's forms.", STEERING)),
    (&settings::POLICIES, |_| seen()),
    (&settings::SCHEMAS, |_| {
        seen().query("semantic_type", "As in `schemas.get`.").query("owner_agent", "As in `schemas.get`.")
    }),
    (&settings::QUOTAS, |_| seen()),
    (&console::AUDIT, |_| {
        let form = seen().query("action_prefix", "As in `audit.events`.").query("before", "As in `audit.events`.");
        form.query("owner_agent", "As in `audit.events`.")
    }),
    (&console::AUDIT_EXPORT, |_| {
        let form = seen().query("format", "`csv` or `jsonl`.").query("action_prefix", "As in `audit.events`.");
        form.query("owner_agent", "As in `audit.events`.")
    }),
    (&settings::SERVER, |_| seen()),
    (&settings::SERVER_CHECK, |_| both(CSRF, STEERING)),
    (&console::STYLE, |_| Form::answering("The style sheet.", "text/css", json!({ "type": "string" }))),
    (&console::SCRIPT, |_| Form::answering("The script.", "text/javascript", json!({ "type": "string" }))),
    (&receipts::KEYS, |_| Form::json("A JSON Web Key Set (RFC 7517).", json!({ "type": "object" }))),
    (&auth::KEYS, |_| Form::json("A JSON Web Key Set (RFC 7517).", json!({ "type": "object" }))),
    (&auth::MAIL_PAGE, |_| Form::page(&[404, 409, 410]).query("token", TOKEN)),
    (&auth::MAIL_PAGE_ANSWER, |_| Form::page(&[403, 404, 409, 410]).filled("The token of the link.")),
    (&auth::CALLBACK, |_| Form::redirect().query("token", TOKEN).errors(&[ErrorCode::NotFound])),
    (&auth::DEVICE_PAGE, |_| Form::page(&[404]).query("code", "The code that the device shows.")),
    (&auth::DEVICE_PAGE_ANSWER, |_| {
        Form::page(&[403, 404, 409, 410, 429]).filled("The code of the device, the email address, and the mailed code.")
    }),
    (&auth::PROVIDER, |_| {
        Form::redirect().pages(&[404, 500, 502, 503]).query("code", "The code that the device shows.")
    }),
    (&auth::PROVIDER_ANSWER, |_| {
        let form =
            Form::page(&[403, 404, 410, 502]).query("state", "The state of the sign-in, as the provider got it.");
        form.query("code", "The authorization code of the provider.")
    }),
    (&auth::PROVIDER_CONFIRM, |_| Form::page(&[403, 404, 409, 410]).filled("The token of the page.")),
    (&oauth::RESOURCE, |_| Form::metadata()),
    (&oauth::RESOURCE_OF_ENDPOINT, |_| Form::metadata()),
    (&oauth::SERVER, |_| Form::metadata()),
    (&oauth::REGISTER, |_| {
        let uris = json!({ "type": "array", "items": { "type": "string" }, "description": "Where codes may be sent." });
        let metadata = object(&[("redirect_uris", uris)]);
        Form::oauth(201, "The client as registered.").body(JSON, "The metadata of the client.", metadata)
    }),
    (&oauth::AUTHORIZE, |_| authorize(Form::page(&[400, 503]))),
    (&oauth::AUTHORIZE_ANSWER, |_| {
        let leads = Form::redirect().answers;
        let mut form = Form::page(&[403, 404, 409, 410, 429]).filled("The fields of the step.");
        form.answers.extend(leads);
        form
    }),
    (&oauth::TOKEN, |_| Form::oauth(200, "The tokens.").body(FORM, "The fields of RFC 6749.", fields())),
    (&oauth::REVOKE, |_| Form::oauth(200, "The grant is ended.").body(FORM, "The token.", fields())),
    (&alpha::LINK, |_| Form::redirect().query("token", TOKEN).errors(&[ErrorCode::NotFound])),
    (&alpha::PAGE, |_| Form::page(&[]).query("token", TOKEN)),
    (&alpha::PAGE_ANSWER, |_| Form::page(&[403, 404, 409, 410]).filled("The token of the link.")),
];

/// The statuses with which a change through the console is refused.
const STEERING: &[u16] = &[401, 403, 404, 409, 410, 429];

/// A page of the console. Without a session, the browser is led to the page to sign in.
fn seen() -> Form {
    let mut form = Form::page(&[400, 401, 403, 404, 410, 422, 429]);
    form.answers.extend(Form::redirect().answers);
    form
}

const CSRF: &str = "The token of the session's forms.";

/// A form that leads to another page, or is shown again.
fn both(filled: &str, wrong: &[u16]) -> Form {
    let mut form = Form::page(wrong).filled(filled);
    form.answers.extend(Form::redirect().answers);
    form
}

const TOKEN: &str = "The token of the link, which is the credential.";

/// Windows of the streams (`spec/protocol.md` §11.1).
const INTENT_FRAMES: &str = concat!(
    "id: 8\nevent: intent.completed\n",
    r#"data: {"intent_id":"0191b2a0-0000-7000-8000-000000000001","seq":8,"event_type":"intent.completed","#,
    r#""status":"COMPLETED","waiting_reason":null,"pending_with":null,"handler":null,"#,
    r#""actor":"agent://acme/production/deploy-checker","at":"2026-01-01T00:00:02.000Z","details":{},"#,
    r#""result":{"approved":true},"data":{"approved":true}}"#,
    "\n\nevent: stream.timeout\ndata: {\"ok\":true,\"next_seq\":8}\n\n",
);
const AGENT_FRAMES: &str = concat!(
    "id: 2\nevent: intent.delivered\n",
    r#"data: {"seq":2,"intent_id":"0191b2a0-0000-7000-8000-000000000001","event_type":"intent.delivered","#,
    r#""status":"DELIVERED","intent_type":"intent.check.v1","from_agent":"agent://acme/production/release-bot","#,
    r#""to_agent":"agent://acme/production/deploy-checker","at":"2026-01-01T00:00:00.000Z","offer":1,"#,
    r#""payload":{"service":"api"}}"#,
    "\n\nevent: stream.timeout\ndata: {\"ok\":true,\"next_seq\":2}\n\n",
);
const SESSION_FRAMES: &str = concat!(
    "id: 1\nevent: session.message\n",
    r#"data: {"seq":1,"type":"session.message","session_id":"sess_0191b2a0-0000-7000-8000-000000000001","#,
    r#""message_id":"msg_0191b2a0-0000-7000-8000-000000000002","role":"reviewer","content":"The build is green.","#,
    r#""content_type":"text","actor":"agent://acme/production/deploy-checker","created_at":"2026-01-01T00:00:00.000Z"}"#,
    "\n\nevent: stream.timeout\ndata: {\"ok\":true,\"next_seq\":1}\n\n",
);

/// The errors of reading a body.
const BODY_ERRORS: &[ErrorCode] = &[ErrorCode::BodyTooLarge, ErrorCode::BodyUnreadable, ErrorCode::RequestTimeout];

/// Returns the codes with which a route answers, in alphabetical order. Pages show errors without a code.
pub(crate) fn error_codes(route: &Route) -> Vec<ErrorCode> {
    codes(route, &form(route, &mut SchemaGenerator::default()))
}

/// Returns the entry of a route in the document. `path_parameter` describes a field of its path.
pub(crate) fn describe(
    route: &Route,
    generator: &mut SchemaGenerator,
    path_parameter: impl Fn(&'static str) -> Value,
) -> Value {
    let form = form(route, generator);
    let mut described = json!({
        "operationId": route.id,
        "tags": [route.id.split('.').next().unwrap_or_default()],
        "summary": route.about,
        "parameters": path_fields(route.path).map(path_parameter).chain(form.parameters.iter().cloned()).collect::<Vec<_>>(),
        "security": security(route.access),
        "responses": responses(route, &form),
    });
    if let Some(body) = form.body {
        described["requestBody"] = body;
    }
    described
}

/// Returns the form of a route. A test checks that each route has one.
fn form(route: &Route, generator: &mut SchemaGenerator) -> Form {
    let known = FORMS.iter().find(|(known, _)| (known.method, known.path) == (route.method, route.path));
    known.map_or_else(|| Form::new(BTreeMap::new()), |(_, make)| make(generator))
}

fn codes(route: &Route, form: &Form) -> Vec<ErrorCode> {
    let mut codes = form.errors.clone();
    codes.extend(access_codes(route.access));
    if path_fields(route.path).next().is_some() {
        codes.push(ErrorCode::InvalidPath);
    }
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn responses(route: &Route, form: &Form) -> Value {
    let mut responses: BTreeMap<u16, Value> = form.answers.clone();
    responses.extend(error_responses(codes(route, form)));
    for status in &form.pages {
        let page = json!({ "schema": { "type": "string" } });
        let response = responses.entry(*status).or_insert_with(
            || json!({ "description": "A page that says what is wrong and what to do.", "content": {} }),
        );
        response["content"][HTML] = page;
    }
    responses.into_iter().map(|(status, response)| (status.to_string(), response)).collect::<Map<_, _>>().into()
}

impl Form {
    fn new(answers: BTreeMap<u16, Value>) -> Form {
        let errors = vec![ErrorCode::InternalError, ErrorCode::RateLimitExceeded, ErrorCode::Unavailable];
        Form { parameters: Vec::new(), body: None, answers, pages: BTreeSet::new(), errors }
    }

    /// A form with one answer: its description, its media type and its schema.
    fn answering(about: &str, media_type: &str, schema: Value) -> Form {
        let answer = json!({ "description": about, "content": { media_type: { "schema": schema } } });
        Form::new(BTreeMap::from([(200, answer)]))
    }

    fn json(about: &str, schema: Value) -> Form {
        Form::answering(about, JSON, schema)
    }

    /// A page, and the statuses beside 500 and 503 with which it says what is wrong.
    fn page(wrong: &[u16]) -> Form {
        let mut form = Form::answering("The page.", HTML, json!({ "type": "string" })).pages(wrong).pages(&[500, 503]);
        // The limit on the calls of one address answers before the page.
        form.errors = vec![ErrorCode::RateLimitExceeded];
        form
    }

    /// A description that a standard defines.
    fn metadata() -> Form {
        Form::json("The metadata.", json!({ "type": "object" }))
    }

    /// An endpoint of OAuth, whose errors have the form of RFC 6749.
    fn oauth(status: u16, about: &str) -> Form {
        let text = |about: &str| json!({ "type": "string", "description": about });
        let error =
            object(&[("error", text("The code of the standard.")), ("error_description", text("What is wrong."))]);
        let answer =
            |about: &str, schema: Value| json!({ "description": about, "content": { JSON: { "schema": schema } } });
        let wrong =
            [400, 401, 500, 503].map(|status| (status, answer("The error, and how to avoid it.", error.clone())));
        let mut form = Form::new(BTreeMap::from(wrong));
        form.answers.insert(status, answer(about, json!({ "type": "object" })));
        form.errors = vec![ErrorCode::RateLimitExceeded];
        form
    }

    fn redirect() -> Form {
        let to = json!({ "schema": { "type": "string" }, "description": "Where the browser goes." });
        let answer = json!({ "description": "The browser goes to another page.", "headers": { "Location": to } });
        Form::new(BTreeMap::from([(303, answer)]))
    }

    /// Adds an example of the answer.
    fn example(mut self, media_type: &str, example: &str) -> Form {
        for answer in self.answers.values_mut() {
            answer["content"][media_type]["example"] = example.into();
        }
        self
    }

    fn pages(mut self, statuses: &[u16]) -> Form {
        self.pages.extend(statuses);
        self
    }

    fn errors(mut self, errors: &[ErrorCode]) -> Form {
        self.errors.extend(errors);
        self
    }

    fn parameter(mut self, name: &str, place: &str, about: &str, schema: Value) -> Form {
        let parameter = json!({ "name": name, "in": place, "required": false, "description": about, "schema": schema });
        self.parameters.push(parameter);
        self
    }

    fn query(self, name: &str, about: &str) -> Form {
        self.parameter(name, "query", about, json!({ "type": "string" }))
    }

    fn body(mut self, media_type: &str, about: &str, schema: Value) -> Form {
        self.body = Some(json!({ "description": about, "content": { media_type: { "schema": schema } } }));
        self
    }

    /// A page that is sent a form.
    fn filled(self, about: &str) -> Form {
        self.body(FORM, about, fields()).pages(&[400, 408, 413, 422])
    }
}

fn fields() -> Value {
    json!({ "type": "object", "additionalProperties": { "type": "string" } })
}

/// The page that asks a person on behalf of a client (`spec/protocol.md` §7.8).
fn authorize(mut form: Form) -> Form {
    let leads = Form::redirect().answers;
    form.answers.extend(leads);
    let response_type = json!({ "type": "string", "const": "code" });
    form.parameter("response_type", "query", "The grant that is asked for.", response_type)
        .query("client_id", "The id of the client, or the URL of its metadata document.")
        .query("redirect_uri", "One of the client's own URIs, letter by letter.")
        .query("code_challenge", "The SHA-256 of the verifier, in base64url.")
        .parameter(
            "code_challenge_method",
            "query",
            "The hash of the challenge.",
            json!({ "type": "string", "const": "S256" }),
        )
        .query("state", "Returned unchanged.")
        .query("scope", "Names with blanks between them. Without any, all but `tasks:decide`.")
        .query("resource", "The address of `/mcp` (RFC 8707).")
}

fn object(fields: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect();
    json!({ "type": "object", "required": names, "properties": properties })
}

fn integer(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": MAX_INTEGER, "description": about })
}

/// A stream of server-sent events (`spec/protocol.md` §11).
fn stream(usual_wait: u64, example: &str, errors: &[ErrorCode]) -> Form {
    let wait = json!({ "type": "integer", "minimum": 1, "maximum": 60, "default": usual_wait });
    let about = "Frames of `id`, `event` and `data`. The data is one line of JSON. The last frame of a window is \
                 `stream.timeout`, and its `next_seq` is the `since` of the next window.";
    Form::answering(about, EVENTS, json!({ "type": "string" }))
        .example(EVENTS, example)
        .parameter(
            "since",
            "query",
            "Only what has a greater number: `next_seq` of the last window.",
            json!({ "type": "integer", "minimum": 0, "maximum": MAX_INTEGER, "default": 0 }),
        )
        .parameter("wait_seconds", "query", "Seconds for which an empty window is held.", wait)
        .parameter(
            "follow",
            "query",
            "`1` or `true` keeps the stream open instead of closing each window.",
            json!({ "type": "string", "enum": ["1", "true", "0", "false"] }),
        )
        .errors(&[ErrorCode::QuotaExceeded, ErrorCode::ValidationFailed])
        .errors(errors)
}

fn agent_stream() -> Form {
    let words = json!({ "type": "string", "enum": Status::WORDS });
    let name = json!({ "type": "string", "minLength": 1, "maxLength": 128, "pattern": ConsumerName::PATTERN });
    let about =
        "The name of the reader, to which its claims belong. It must not differ from the header `x-axme-consumer`.";
    let form = stream(15, AGENT_FRAMES, &[ErrorCode::AgentNotFound, ErrorCode::InvalidAgentAddress])
        .parameter("consumer", "query", about, name);
    let mut form = form.parameter(
        "status",
        "query",
        "Only deliveries of intents with one of these statuses. Words with commas between them, in any case.",
        json!({ "type": "array", "items": words }),
    );
    form.parameters.iter_mut().for_each(join_words);
    form
}

/// JSON-RPC 2.0 (`spec/protocol.md` §7).
fn rpc() -> Form {
    let answer = json!({
        "type": ["object", "array"],
        "description": "The answer to a request, or those to a batch, as JSON-RPC 2.0. Errors of methods come this way too.",
    });
    let request =
        json!({ "type": ["object", "array"], "description": "A request of JSON-RPC 2.0, or up to 50 of them." });
    let mut form = Form::json("The answers of JSON-RPC.", answer)
        .body(JSON, "One request or a batch.", request)
        .errors(BODY_ERRORS);
    let accepted = json!({ "description": "There were only notifications." });
    form.answers.insert(202, accepted);
    form
}

fn round<I: JsonSchema, O: JsonSchema>(generator: &mut SchemaGenerator) -> Form {
    let answer = generator.subschema_for::<O>().to_value();
    let about = description(&answer, generator);
    let input = generator.subschema_for::<I>().to_value();
    // Written out: a fuzzer does not find the fields of a body behind a reference.
    let input = resolved(&input, generator).clone();
    Form::json(&about, answer)
        .body(JSON, "The bounds of the round. May be left out.", input)
        .errors(BODY_ERRORS)
        .errors(&[ErrorCode::InvalidJson, ErrorCode::OutcomeUnknown, ErrorCode::ValidationFailed])
}

fn health(generator: &mut SchemaGenerator) -> Form {
    let answer = generator.subschema_for::<health::Health>().to_value();
    Form::json(&description(&answer, generator), answer)
}

/// Returns the description of the type of an answer.
fn description(answer: &Value, generator: &SchemaGenerator) -> String {
    resolved(answer, generator)["description"].as_str().unwrap_or_default().to_owned()
}

fn ok_field() -> (&'static str, Value) {
    ("ok", json!({ "const": true, "description": "Always true." }))
}

fn upload() -> Form {
    let answer = object(&[
        ok_field(),
        ("upload_id", json!({ "type": "string", "format": "uuid", "description": "The id of the upload." })),
        ("size_bytes", integer("The bytes that arrived.")),
        ("sha256", json!({ "type": "string", "description": "The SHA-256 of the bytes, as 64 digits in base 16." })),
    ]);
    Form::json("The file is stored.", answer)
        .query("token", "The token of `upload_url`, which is the credential.")
        .body("application/octet-stream", "The bytes of the file.", json!({ "type": "string", "format": "binary" }))
        .errors(&[ErrorCode::BodyUnreadable, ErrorCode::MediaTooLarge, ErrorCode::NotFound, ErrorCode::OutcomeUnknown])
        .errors(&[ErrorCode::QuotaExceeded, ErrorCode::RequestTimeout])
        .errors(&[ErrorCode::UploadExpired, ErrorCode::UploadFinished])
}

fn file() -> Form {
    let bytes = json!({ "type": "string", "format": "binary" });
    let mut form = Form::answering("The file.", "*/*", bytes.clone())
        .query("token", "The token of the URL, which is the credential.")
        .parameter("Range", "header", "One range of bytes, such as `bytes=0-99`.", json!({ "type": "string" }))
        .errors(&[ErrorCode::FileMissing, ErrorCode::NotFound]);
    let part = json!({ "description": "The range.", "content": { "*/*": { "schema": bytes } } });
    form.answers.insert(206, part);
    form.answers.insert(416, json!({ "description": "The range is outside the file." }));
    form
}

fn action(generator: &mut SchemaGenerator) -> Form {
    let task_result = generator.subschema_for::<tasks::TaskResult>();
    let input = json!({
        "type": "object",
        "required": ["token"],
        "properties": {
            "token": { "type": "string", "description": TOKEN },
            "outcome": { "type": "string", "description": "The answer: one of the outcomes of the task." },
            "question": { "type": "string", "description": "A question to the requester, instead of an answer. Our extension." },
            "withdraw": { "type": "boolean", "description": "True to withdraw the yes of this person. Our extension." },
            "comment": { "type": ["string", "null"], "description": "The comment of the person." },
            "data": { "type": ["object", "null"], "description": "The fields of the form." },
            "task_result": {
                "anyOf": [task_result, { "type": "null" }],
                "description": "The answer as one object, instead of the fields beside it.",
            },
        },
    });
    let answer = object(&[
        ok_field(),
        ("intent_id", json!({ "type": "string", "format": "uuid", "description": "The id of the intent." })),
        (
            "outcome",
            json!({ "type": ["string", "null"], "description": "The outcome that was recorded; null after a question or a withdrawal." }),
        ),
        (
            "status",
            json!({ "$ref": "#/components/schemas/Status", "description": "The status of the intent after the answer." }),
        ),
        ("result", json!({ "description": "The result of the intent; null until it has one." })),
    ]);
    Form::json("The answer is recorded.", answer)
        .body(JSON, "The answer to the task.", input)
        .errors(BODY_ERRORS)
        .errors(&[ErrorCode::InvalidJson, ErrorCode::NotFound, ErrorCode::OutcomeUnknown, ErrorCode::ValidationFailed])
        .errors(&[ErrorCode::LinkExpired, ErrorCode::LinkRevoked, ErrorCode::LinkUsed, ErrorCode::PassedOn])
        .errors(intents::RESUME.info.errors)
        .errors(tasks::ASK.info.errors)
        .errors(tasks::WITHDRAW.info.errors)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::FORMS;
    use crate::op::Route;

    #[test]
    fn every_route_has_one_form() {
        let name = |route: &Route| format!("{} {}", route.method.as_str(), route.path);
        let routes: BTreeSet<String> = crate::routes().iter().map(name).collect();
        let described: BTreeSet<String> = FORMS.iter().map(|(route, _)| name(route)).collect();
        assert_eq!((described.len(), &described), (FORMS.len(), &routes));
    }
}

//! The server as the official SDK sees it: one handler per request, which knows the caller.

use std::sync::Arc;

use axme_api::mcp::tools::{HostTool, find_host_tool, toolsets};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams, CompleteResult, CreateTaskResult,
    GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig, SubscriptionFilter, Tool,
    ToolAnnotations,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::Value;

use super::answers::ToolAnswer;
use super::calls::HostCall;
use super::waits::Reporter;
use super::{elicitation, permission, prompts, resources, tasks, tools};

/// The handler of one request.
#[derive(Clone)]
pub(super) struct Handler {
    pub call: Arc<HostCall>,
}

/// Returns the advice that a model reads first.
fn instructions(call: &HostCall) -> String {
    // Only a client with the right to decide can show a person the form of a task.
    let here = match call.host.shows_forms && call.caller().is_granted_to_decide() {
        true => " tasks_answer shows the person here the form of a task that asks them.",
        false => "",
    };
    format!(
        "AXME hands work to agents and people, and keeps it until it ends, which may take days. Send work with intents_send, ask a \
         person with tasks_create, run several steps with scenarios_apply. Keep the intent_id, and follow it with intents_watch. \
         People decide, not you: they answer by mail, on a page or with the command line.{here} More tools exist than are listed. They \
         can be called by name; the address of this server shows them with ?tools= and some of: official, all, {}.",
        toolsets().join(", ")
    )
}

/// Refuses a cursor: every list has one page.
fn check_cursor(request: Option<&PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor.as_ref()) {
        None => Ok(()),
        Some(_) => Err(ErrorData::invalid_params("cursor: unknown; this list has one page", None)),
    }
}

fn for_host(tool: &HostTool) -> Tool {
    let object = |schema: &Value| Arc::new(schema.as_object().cloned().unwrap_or_default());
    let hints = tool.hints;
    let annotations = ToolAnnotations::from_raw(
        Some(tool.title.clone()),
        Some(hints.reads),
        Some(hints.destroys),
        Some(hints.repeats),
        Some(hints.reaches_others),
    );
    let shown = Tool::new(tool.name.clone(), tool.about.clone(), object(&tool.input_schema));
    let shown = shown.with_title(tool.title.clone()).with_annotations(annotations);
    // The text of this tool has a form that its host prescribes.
    if tool.name == permission::NAME { shown } else { shown.with_raw_output_schema(object(&tool.output_schema)) }
}

fn missing_task(id: &str) -> ErrorData {
    ErrorData::invalid_params(format!("there is no task {id}"), None)
}

fn refused(error: &axme_api::ApiError) -> ErrorData {
    ErrorData::invalid_params(error.message.clone(), None)
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_prompts()
            .enable_completions()
            .enable_tasks()
            .build();
        let name = Implementation::new("axme", env!("CARGO_PKG_VERSION")).with_title("AXME");
        ServerConfig::new(capabilities).with_server_info(name).with_instructions(instructions(&self.call))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        check_cursor(request.as_ref())?;
        let works = |tool: &HostTool| tool.name != elicitation::NAME || self.call.host.shows_forms;
        let shown = self.call.selection.of(|tool| self.call.may_call(tool) && works(tool));
        Ok(ListToolsResult::with_all_items(shown.into_iter().map(for_host).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = find_host_tool(&request.name) else {
            return Err(ErrorData::invalid_params(format!("there is no tool {}", request.name), None));
        };
        let reporter = Reporter::new(&context.peer, context.meta.get_progress_token());
        if tool.name == permission::NAME {
            return Ok(permission::ask(&self.call, tool, &reporter).await.into());
        }
        if tool.name == elicitation::NAME {
            let asked = elicitation::ask(&self.call, tool).await;
            return Ok(asked.unwrap_or_else(|error| ToolAnswer::refused(&tool.name, &error).into_result().into()));
        }
        let answer = match tools::run(&self.call, tool, &reporter).await {
            Ok(data) => {
                let follows = context.client_capabilities().is_some_and(|client| client.supports_tasks());
                let id = data.field("intent_id").and_then(|id| id.string()).filter(|_| follows && tool.can_be_task);
                if let Some(id) = id
                    && let Ok(Some(state)) = tasks::find(&self.call, &id).await
                {
                    return Ok(CallToolResponse::Task(CreateTaskResult::new(state.task())));
                }
                ToolAnswer::done(tool, &data)
            }
            Err(error) => ToolAnswer::refused(&tool.name, &error),
        };
        // The SDK rounds numbers; the exact text replaces its own.
        let _ = self.call.exact.set(answer.structured.clone());
        Ok(answer.into_result().into())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let found = tasks::find(&self.call, &request.task_id).await.map_err(|error| refused(&error))?;
        let state = found.ok_or_else(|| missing_task(&request.task_id))?;
        Ok(GetTaskResult::new(state.detailed()))
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        let found = tasks::find(&self.call, &request.task_id).await.map_err(|error| refused(&error))?;
        let state = found.ok_or_else(|| missing_task(&request.task_id))?;
        // Nothing is left to cancel.
        if state.status.is_terminal() {
            return Ok(());
        }
        tasks::cancel(&self.call, &request.task_id).await.map_err(|error| refused(&error))
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        check_cursor(request.as_ref())?;
        Ok(ListResourcesResult::with_all_items(resources::all()))
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        check_cursor(request.as_ref())?;
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        resources::read(&self.call, &request.uri).await.map(Into::into)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(resources::accepted(requested))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        resources::listen(&self.call, &context).await
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        check_cursor(request.as_ref())?;
        Ok(ListPromptsResult::with_all_items(prompts::all()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        prompts::get(&request.name, &arguments).map(Into::into)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        prompts::complete(&self.call, &request).await
    }
}

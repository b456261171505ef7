//! The tool `ask_user`: input from the user in the middle of a call.
//!
//! In the legacy era the server sends `elicitation/create` and waits for the answer. In 2026-07-28 a server cannot send
//! requests: the call ends with `input_required`, and the client calls again with the answer and the `requestState` that it
//! was given.

use std::{collections::BTreeMap, time::Duration};

use rmcp::{
    ErrorData, RoleServer,
    handler::server::{
        tool::{InputResponses, RequestState},
        wrapper::Parameters,
    },
    model::{
        BooleanSchema, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, ElicitRequest,
        ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema, InputRequest, InputRequiredResult,
        PrimitiveSchemaDefinition, ProtocolVersion, RequestStateCodec, SealOptions, StringSchema,
    },
    service::RequestContext,
    tool, tool_router,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::FeaturesServer;

/// How long a client may take to come back with an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);

/// The key of the one input that is asked for.
const INPUT: &str = "answer";

#[derive(Deserialize, JsonSchema)]
pub(crate) struct AskUserArguments {
    /// The question to show.
    #[serde(default = "default_question")]
    question: String,
}

fn default_question() -> String {
    "What is your favourite colour?".to_owned()
}

/// Binds an answer of a later request to the question that was asked, by a key of this process.
pub(super) struct QuestionSeal(RequestStateCodec);

impl QuestionSeal {
    pub(super) fn new() -> Self {
        Self(
            RequestStateCodec::try_new(rand::random::<[u8; 32]>())
                .expect("32 bytes are the shortest key that is accepted"),
        )
    }

    fn seal(&self, question: &str) -> String {
        self.0.seal_with(question.as_bytes(), &SealOptions::new().ttl(ANSWER_WITHIN))
    }

    fn belongs_to(&self, state: &str, question: &str) -> bool {
        self.0.open(state).is_ok_and(|sealed| sealed == question.as_bytes())
    }
}

#[tool_router(router = ask_user_router, vis = "pub(super)")]
impl FeaturesServer {
    #[tool(
        title = "Ask the user",
        description = "Asks the user a question with a form, and returns what was answered. The client must support form elicitation.",
        annotations(read_only_hint = true, idempotent_hint = false, open_world_hint = true)
    )]
    async fn ask_user(
        &self,
        Parameters(AskUserArguments { question }): Parameters<AskUserArguments>,
        InputResponses(responses): InputResponses,
        RequestState(state): RequestState,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let can_elicit = context.client_capabilities().is_some_and(|capabilities| capabilities.elicitation.is_some());
        if context.protocol_version() < Some(ProtocolVersion::V_2026_07_28) {
            if !can_elicit {
                return Ok(CallToolResult::error(vec![ContentBlock::text(
                    "the client did not declare the capability elicitation",
                )])
                .into());
            }
            let form = form(question);
            let result = context
                .peer
                .create_elicitation(form)
                .await
                .map_err(|error| ErrorData::internal_error(format!("elicitation/create failed: {error}"), None))?;
            return Ok(CallToolResult::success(vec![ContentBlock::text(report(&result))]).into());
        }
        if !can_elicit {
            let needed = ClientCapabilities::builder().enable_elicitation().build();
            return Err(ErrorData::missing_required_client_capability(needed));
        }
        let answer = responses.and_then(|mut responses| responses.remove(INPUT));
        let (Some(answer), Some(state)) = (answer, state) else {
            let request = InputRequest::Elicitation(ElicitRequest::new(form(question.clone())));
            let requests = BTreeMap::from([(INPUT.to_owned(), request)]);
            let state = self.shared.questions.seal(&question);
            return Ok(InputRequiredResult::new(Some(requests), Some(state)).into());
        };
        if !self.shared.questions.belongs_to(&state, &question) {
            return Err(ErrorData::invalid_params(
                "params.requestState: expired, or not of this call; call again without it",
                None,
            ));
        }
        let result: ElicitResult = serde_json::from_value(answer)
            .map_err(|error| ErrorData::invalid_params(format!("params.inputResponses.{INPUT}: {error}"), None))?;
        Ok(CallToolResult::success(vec![ContentBlock::text(report(&result))]).into())
    }
}

fn form(question: String) -> ElicitRequestParams {
    let properties = BTreeMap::from([
        ("answer".to_owned(), PrimitiveSchemaDefinition::String(StringSchema::new().title("Answer").length(1, 200))),
        (
            "sure".to_owned(),
            PrimitiveSchemaDefinition::Boolean(BooleanSchema::new().title("Quite sure?").with_default(true)),
        ),
    ]);
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: question,
        requested_schema: ElicitationSchema::new(properties).with_required(vec!["answer".to_owned()]),
    }
}

fn report(result: &ElicitResult) -> String {
    match (&result.action, &result.content) {
        (ElicitationAction::Accept, Some(content)) => format!("accepted: {content}"),
        (ElicitationAction::Accept, None) => "accepted without content".to_owned(),
        (ElicitationAction::Decline, _) => "declined".to_owned(),
        (ElicitationAction::Cancel, _) => "cancelled".to_owned(),
        (action, _) => format!("answered with the unknown action {action:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_belongs_to_its_question_only() {
        let seal = QuestionSeal::new();
        let state = seal.seal("one?");
        assert!(seal.belongs_to(&state, "one?"));
        assert!(!seal.belongs_to(&state, "two?"));
        assert!(!seal.belongs_to("one?", "one?"));
        assert!(!QuestionSeal::new().belongs_to(&state, "one?"));
    }
}

//! The server that uses what MCP has beside tools, in both eras of the protocol.
//!
//! | capability | file |
//! | --- | --- |
//! | progress and cancellation | `slow_task` |
//! | elicitation (legacy) and input rounds (2026-07-28) | `ask_user` |
//! | prompts with arguments | `prompts` |
//! | resources and resource templates | `resources`, over `notes` |
//! | resource links and embedded resources in results | `share_note` |
//! | tools that come and go, `tools/list_changed` | `added_tools`, `listeners` |
//! | log messages | `logging` |
//! | argument completion | `completion` |
//! | paged lists | `paging` |

mod added_tools;
mod ask_user;
mod completion;
mod handler;
mod listeners;
mod logging;
mod notes;
mod paging;
mod prompts;
mod resources;
mod share_note;
mod slow_task;

use std::{num::NonZeroUsize, sync::Arc};

use rmcp::{
    ServerHandler,
    handler::server::router::{prompt::PromptRouter, tool::ToolRouter},
};

use self::{
    added_tools::AddedTools, ask_user::QuestionSeal, listeners::Listeners, logging::Threshold,
    slow_task::SlowTaskCounts,
};
use crate::era::Era;

/// The server as a whole: what all of its sessions share.
#[derive(Clone)]
pub struct Features(Arc<Shared>);

impl Features {
    /// A server that speaks the revisions of `era` and cuts its lists into pages of at most `page_size` items.
    #[must_use]
    pub fn new(era: Era, page_size: Option<NonZeroUsize>) -> Self {
        Self(Arc::new(Shared {
            era,
            page_size,
            tools: FeaturesServer::slow_task_router()
                + FeaturesServer::ask_user_router()
                + FeaturesServer::share_note_router()
                + FeaturesServer::added_tools_router()
                + FeaturesServer::logging_router(),
            prompts: FeaturesServer::prompts_router(),
            added_tools: AddedTools::default(),
            listeners: Listeners::default(),
            slow_tasks: SlowTaskCounts::default(),
            questions: QuestionSeal::new(),
        }))
    }

    /// The handler of one further session.
    #[must_use]
    pub fn session(&self) -> impl ServerHandler + use<> {
        FeaturesServer { shared: Arc::clone(&self.0), log_threshold: Threshold::default() }
    }
}

struct Shared {
    era: Era,
    page_size: Option<NonZeroUsize>,
    tools: ToolRouter<FeaturesServer>,
    prompts: PromptRouter<FeaturesServer>,
    added_tools: AddedTools,
    listeners: Listeners,
    slow_tasks: SlowTaskCounts,
    questions: QuestionSeal,
}

/// The handler of one session (legacy) or one request (2026-07-28).
struct FeaturesServer {
    shared: Arc<Shared>,
    log_threshold: Threshold,
}

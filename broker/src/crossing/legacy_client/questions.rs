//! What a client was asked and has not answered yet.

use protocol::json::Object;
use protocol::jsonrpc::Id;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// What a client answered, raw JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Result(String),
    Error(String),
}

/// The questions of one session. Their ids are used once.
#[derive(Debug, Clone, Default)]
pub(super) struct Questions(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    last: u64,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
}

/// A question that waits for its answer. Dropping it withdraws it.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Its id.
    pub(super) id: u64,
    answer: oneshot::Receiver<Answer>,
    questions: Questions,
}

impl Questions {
    /// Begins to wait for the answer to a question that is about to be asked.
    pub(super) fn ask(&self) -> Waiting {
        let (sender, answer) = oneshot::channel();
        let mut open = self.lock();
        open.last += 1;
        let id = open.last;
        open.waiting.insert(id, sender);
        Waiting { id, answer, questions: self.clone() }
    }

    /// Takes a response of the client. One to nothing that was asked is dropped.
    pub(super) fn answered(&self, id: &Id, message: &[u8]) {
        let Some(waiting) = id.raw().parse().ok().and_then(|id: u64| self.lock().waiting.remove(&id)) else { return };
        let object = std::str::from_utf8(message).ok().and_then(Object::read);
        let Some(object) = object else { return };
        let answer = match (object.get("result"), object.get("error")) {
            (Some(result), _) => Answer::Result(result.to_owned()),
            (None, Some(error)) => Answer::Error(error.to_owned()),
            (None, None) => return,
        };
        // Nobody may be waiting any more.
        let _ = waiting.send(answer);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// The answer. `None`: none will come.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }

    /// Whether the client has not answered yet.
    pub(super) fn is_open(&self) -> bool {
        self.questions.lock().waiting.contains_key(&self.id)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.questions.lock().waiting.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_finds_its_question_once() {
        let questions = Questions::default();
        let (mut first, mut second) = (questions.ask(), questions.ask());
        let id = |waiting: &Waiting| Id::from_raw(waiting.id.to_string().as_bytes()).unwrap();
        questions.answered(&id(&second), br#"{"id":2,"error":{"code":-1}}"#);
        assert!(first.is_open() && !second.is_open());
        questions.answered(&id(&first), br#"{"id":1,"result":{"n":1.0}}"#);
        questions.answered(&id(&first), br#"{"id":1,"result":{}}"#);
        questions.answered(&Id::from_raw(b"\"made-up\"").unwrap(), br#"{"id":"made-up","result":{}}"#);
        assert_eq!(first.answer().await, Some(Answer::Result(r#"{"n":1.0}"#.into())));
        assert_eq!(second.answer().await, Some(Answer::Error(r#"{"code":-1}"#.into())));
        let third = questions.ask();
        assert_ne!(third.id, first.id);
        drop(third);
        assert!(questions.lock().waiting.is_empty());
    }
}

//! Comments on streams where nothing happens, so that nobody on the way takes them for dead.

use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// How long a stream may be silent.
const SILENCE: Duration = Duration::from_secs(15);

/// A comment: no event.
pub(crate) const COMMENT: Bytes = Bytes::from_static(b":\n\n");

const END: &[u8] = b"\n\n";
const LONGEST_END: usize = 4;

/// What comes from `events`, with a comment whenever nothing came for [`SILENCE`]; never inside an event.
pub(crate) fn with_comments(events: mpsc::Receiver<Bytes>) -> impl Stream<Item = Bytes> + Send {
    let next = Instant::now() + SILENCE;
    unfold((events, END.to_vec(), next), |(mut events, mut tail, mut next)| async move {
        let out = loop {
            tokio::select! {
                event = events.recv() => break event?,
                () = sleep_until(next) => {
                    next = Instant::now() + SILENCE;
                    if ends_event(&tail) {
                        return Some((COMMENT, (events, tail, next)));
                    }
                }
            }
        };
        tail.extend_from_slice(&out);
        tail.drain(..tail.len().saturating_sub(LONGEST_END));
        next = Instant::now() + SILENCE;
        Some((out, (events, tail, next)))
    })
}

/// Whether the bytes end with the empty line that ends an event.
fn ends_event(bytes: &[u8]) -> bool {
    [END, b"\r\n\r\n", b"\r\r"].iter().any(|end| bytes.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt as _;

    #[tokio::test(start_paused = true)]
    async fn silence_is_broken_between_events_only() {
        let (sender, receiver) = mpsc::channel(8);
        let stream = with_comments(receiver);
        tokio::pin!(stream);
        assert_eq!(stream.next().await, Some(COMMENT));
        sender.send(Bytes::from_static(b"data: a")).await.unwrap();
        assert_eq!(stream.next().await.unwrap(), "data: a");
        let waiting = tokio::time::timeout(SILENCE * 10, stream.next()).await;
        assert!(waiting.is_err(), "a comment cut an event in two");
        for end in ["\n", "\n"] {
            sender.send(Bytes::from_static(end.as_bytes())).await.unwrap();
            assert_eq!(stream.next().await.unwrap(), end);
        }
        assert_eq!(stream.next().await, Some(COMMENT));
        drop(sender);
        assert_eq!(stream.next().await, None);
    }
}

//! Bodies of requests: read as they come, and to their end even where they are refused.

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use protocol::error::{Refusal, code};
use protocol::jsonrpc::Id;
use protocol::request::{Envelope, Reader};
use std::time::Duration;

/// Most bytes of a refused body that are read. A connection that is closed before all of a body was taken may lose the answer.
const LINGER_BYTES: usize = 64 << 20;
/// How long that may take.
const LINGER: Duration = Duration::from_secs(30);

/// A message that could not be read.
pub(super) struct Unread {
    pub(super) refusal: Refusal,
    /// Its id, if that came before the fault.
    pub(super) id: Option<Id>,
}

/// Reads a message of at most `limit` bytes.
pub(super) async fn read(body: Body, limit: usize) -> Result<(Bytes, Envelope), Unread> {
    let mut chunks = body.into_data_stream();
    let mut reader = Reader::default();
    let read = collect(&mut chunks, &mut reader, limit).await;
    let envelope = reader.envelope();
    match read {
        Ok(body) => Ok((body, envelope.clone())),
        Err(refusal) => {
            let id = envelope.id.clone();
            skip(chunks).await;
            Err(Unread { refusal, id })
        }
    }
}

/// Reads a body that is of no interest.
pub(super) async fn ignore(body: Body) {
    skip(body.into_data_stream()).await;
}

async fn collect(chunks: &mut BodyDataStream, reader: &mut Reader, limit: usize) -> Result<Bytes, Refusal> {
    let mut all = BytesMut::new();
    let mut too_long = false;
    while let Some(chunk) = chunks.next().await {
        let chunk =
            chunk.map_err(|_| Refusal::transport(400, code::PARSE, "The body ended before it was complete."))?;
        reader.push(&chunk)?;
        too_long |= all.len() + chunk.len() > limit;
        if !too_long {
            all.extend_from_slice(&chunk);
        } else if reader.envelope().id.is_some() || reader.position() > LINGER_BYTES as u64 {
            break;
        }
    }
    if too_long {
        let message = format!(
            "The message is larger than the {limit} bytes that the gateway holds: send less, or raise limits.heldBody."
        );
        return Err(Refusal::transport(413, code::TRANSPORT, message));
    }
    reader.finish()?;
    Ok(all.freeze())
}

async fn skip(mut chunks: BodyDataStream) {
    let all = async {
        let mut left = LINGER_BYTES;
        while let Some(Ok(chunk)) = chunks.next().await
            && left > 0
        {
            left = left.saturating_sub(chunk.len());
        }
    };
    // Late or not, the answer is sent.
    let _ = tokio::time::timeout(LINGER, all).await;
}

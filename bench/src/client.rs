//! A client that costs little: one connection, prepared bytes out, a parsed answer in.

use bytes::{Buf, BytesMut};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MAX_HEADERS: usize = 64;
const READ_BYTES: usize = 16 << 10;

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What was read and not used yet.
    input: BytesMut,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `Mcp-Session-Id`
    pub(crate) session: Option<String>,
    pub(crate) body: BytesMut,
}

enum Framing {
    Length(usize),
    Chunked,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| format!("cannot connect: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self { stream, input: BytesMut::with_capacity(READ_BYTES) })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// If the connection breaks, or the answer is no HTTP.
    pub(crate) async fn exchange(&mut self, head: &[u8], body: &[u8]) -> Result<Answer, String> {
        let sent = self.stream.write_all_buf(&mut Buf::chain(head, body)).await;
        // A request that is refused early may break while it is sent: the answer says more.
        self.receive().await.map_err(|error| match sent {
            Err(sent) => format!("the request could not be sent: {sent}"),
            Ok(()) => error,
        })
    }

    async fn receive(&mut self) -> Result<Answer, String> {
        let (mut answer, framing) = loop {
            if let Some(head) = parse_head(&mut self.input)? {
                break head;
            }
            self.read().await?;
        };
        match framing {
            Framing::Length(length) => answer.body = self.take(length).await?,
            Framing::Chunked => loop {
                let length = self.chunk_size().await?;
                answer.body.extend_from_slice(&self.take(length).await?);
                if self.take(2).await? != b"\r\n"[..] {
                    return Err("a chunk has no end".to_owned());
                }
                if length == 0 {
                    break;
                }
            },
        }
        if self.input.is_empty() { Ok(answer) } else { Err("more came than was asked for".to_owned()) }
    }

    async fn chunk_size(&mut self) -> Result<usize, String> {
        loop {
            match httparse::parse_chunk_size(&self.input) {
                Ok(httparse::Status::Complete((used, size))) => {
                    self.input.advance(used);
                    return usize::try_from(size).map_err(|error| error.to_string());
                }
                Ok(httparse::Status::Partial) => self.read().await?,
                Err(_) => return Err("a chunk has no size".to_owned()),
            }
        }
    }

    async fn take(&mut self, length: usize) -> Result<BytesMut, String> {
        while self.input.len() < length {
            self.read().await?;
        }
        Ok(self.input.split_to(length))
    }

    async fn read(&mut self) -> Result<(), String> {
        self.input.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.input).await {
            Ok(0) => Err("the connection was closed before the answer was complete".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(format!("the answer cannot be read: {error}")),
        }
    }
}

fn parse_head(input: &mut BytesMut) -> Result<Option<(Answer, Framing)>, String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(input).map_err(|error| format!("the answer is no HTTP: {error}"))?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let of = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    let framing = match (of("content-length"), of("transfer-encoding")) {
        (Some(length), _) => Framing::Length(length.parse().map_err(|_| "the answer's length is no number")?),
        (None, Some(_)) => Framing::Chunked,
        (None, None) => Framing::Length(0),
    };
    let session = of("mcp-session-id").map(str::to_owned);
    let answer = Answer { status: response.code.unwrap_or_default(), session, body: BytesMut::new() };
    input.advance(length);
    Ok(Some((answer, framing)))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn receive(bytes: &'static [u8]) -> Result<Answer, String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut connection = Connection::open(listener.local_addr().unwrap()).await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        // Byte by byte: wherever the network cuts, the answer is the same.
        let sender = async {
            for byte in bytes {
                peer.write_all(&[*byte]).await.unwrap();
            }
            peer.shutdown().await.unwrap();
        };
        tokio::join!(connection.receive(), sender).0
    }

    #[tokio::test]
    async fn answers_of_both_framings_are_read() {
        let answer = receive(b"HTTP/1.1 200 OK\r\nMcp-Session-Id: s\r\ncontent-length: 3\r\n\r\nabc").await.unwrap();
        assert_eq!((answer.status, answer.session.as_deref(), &answer.body[..]), (200, Some("s"), &b"abc"[..]));
        let answer =
            receive(b"HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n").await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (400, &b"abc"[..]));
    }

    #[tokio::test]
    async fn an_answer_that_is_cut_is_an_error() {
        assert!(receive(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc").await.is_err());
        assert!(receive(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabc").await.is_err());
    }
}

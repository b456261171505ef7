//! Bytes on a connection, for what no HTTP library would send.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An open connection.
#[derive(Debug)]
pub struct Raw(TcpStream);

impl Raw {
    /// Connects to a host and port.
    ///
    /// # Panics
    ///
    /// When nobody listens there.
    pub async fn open(authority: &str) -> Self {
        Self(TcpStream::connect(authority).await.expect("connecting"))
    }

    /// Sends bytes.
    ///
    /// # Panics
    ///
    /// When the connection fails.
    pub async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("sending");
    }

    /// All that comes until the connection is closed. One that is closed before all of a request was read ends with a reset.
    ///
    /// # Panics
    ///
    /// When it is not closed in time.
    pub async fn rest(mut self) -> String {
        crate::within("a connection to be closed", async {
            let mut answer = Vec::new();
            let _ = self.0.read_to_end(&mut answer).await;
            String::from_utf8_lossy(&answer).into_owned()
        })
        .await
    }
}

/// Sends bytes and gives all that comes back until the connection is closed.
///
/// # Panics
///
/// When the connection fails, or is not closed in time.
pub async fn raw(authority: &str, bytes: &[u8]) -> String {
    let mut connection = Raw::open(authority).await;
    connection.write(bytes).await;
    connection.rest().await
}

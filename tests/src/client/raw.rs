//! Bytes on a connection, for what no HTTP library would send.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends bytes and gives all that comes back until the connection is closed.
///
/// # Panics
///
/// When the connection fails, or is not closed in time.
pub async fn raw(authority: &str, bytes: &[u8]) -> String {
    crate::within("a connection to be closed", async {
        let mut connection = TcpStream::connect(authority).await.expect("connecting");
        connection.write_all(bytes).await.expect("sending");
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.expect("receiving");
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
}

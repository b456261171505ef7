//! The sample server of the first revision.

use std::{io, net::SocketAddr};

use clap::Parser;
use mcp_gateway_samples::classic::{ClassicServer, serve};

/// An MCP server (2024-11-05, HTTP+SSE) that counts, and asks the client's model.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address to serve on; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9003")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    serve(ClassicServer::default(), Args::parse().listen).await
}

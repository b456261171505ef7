//! The sample server of plain tools.

use std::{io, net::SocketAddr};

use clap::Parser;
use mcp_gateway_samples::{
    serve::{ServeArgs, serve},
    tools::ToolsServer,
};

/// An MCP server (Streamable HTTP) with tools that encode, hash and validate.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address to serve on; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9001")]
    listen: SocketAddr,

    #[command(flatten)]
    serve: ServeArgs,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let args = Args::parse();
    let server = ToolsServer::new(args.serve.era);
    serve(move || server.clone(), args.listen, args.serve).await
}

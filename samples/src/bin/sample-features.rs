//! The sample server that uses what MCP has beside tools.

use std::{io, net::SocketAddr, num::NonZeroUsize};

use clap::Parser;
use mcp_gateway_samples::{
    features::Features,
    serve::{ServeArgs, serve},
};

/// An MCP server (Streamable HTTP) with progress, elicitation, prompts, resources, log messages and tools that come and go.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address to serve on; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9002")]
    listen: SocketAddr,

    /// Longest page of a list; lists come whole when absent.
    #[arg(long, value_name = "ITEMS")]
    page_size: Option<NonZeroUsize>,

    #[command(flatten)]
    serve: ServeArgs,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let args = Args::parse();
    let features = Features::new(args.serve.era, args.page_size);
    serve(move || features.session(), args.listen, args.serve).await
}

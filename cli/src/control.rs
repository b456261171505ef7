//! `mcp-gateway controller`.

use crate::args::ControllerArgs;
use crate::broker_alone::{address, bind};
use crate::signals::Signals;
use crate::{Failure, console};
use controller::model::Cluster;
use controller::oci::Registries;
use controller::run::Options;
use controller::source::kubernetes::Defaults;
use tokio_util::sync::CancellationToken;

pub(crate) async fn run(args: ControllerArgs) -> Result<(), Failure> {
    let mut signals = Signals::catch()?;
    let config = kube::Config::infer().await.map_err(|error| format!("error: no way to the API server: {error}"))?;
    let client =
        kube::Client::try_from(config).map_err(|error| format!("error: the API server cannot be asked: {error}"))?;
    let listener = bind(args.listen)?;
    let identity = match args.identity {
        Some(identity) => identity,
        None => {
            let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
            format!("{name}-{}", std::process::id())
        }
    };
    console::say(&format!("Controller {identity}: http://{}/metrics", address(&listener)?));
    let ending = CancellationToken::new();
    let cluster = Cluster { domain: args.cluster_domain, controller_namespace: args.namespace };
    let options = Options {
        defaults: Defaults { cluster, image: args.image, module: args.wasm },
        registries: Registries::new(args.insecure_registry),
        identity,
        listener,
    };
    let running = controller::run::run(client, options, ending.clone());
    let told_to_end = async {
        signals.next().await;
        ending.cancel();
    };
    tokio::join!(running, told_to_end);
    Ok(())
}

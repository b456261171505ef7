//! Whether a `Gateway` is in force.

use super::routes::Said;
use crate::model::ObjectName;
use crate::source::kubernetes::{Kind, World};

/// What Istio says of a `Gateway`, or why it says nothing.
pub(super) fn said(world: &World, name: &ObjectName) -> Said {
    let Some(gateway) = world.get(Kind::Gateway, name) else { return Said::Nothing };
    let conditions = gateway.data["status"]["conditions"].as_array();
    let conditions = || conditions.into_iter().flatten();
    if conditions().any(|condition| condition["type"] == "Programmed" && condition["status"] == "True") {
        return Said::Accepted;
    }
    let class = gateway.data["spec"]["gatewayClassName"].as_str().unwrap_or_default();
    let of_class = ObjectName { namespace: String::new(), name: class.to_owned() };
    if world.get(Kind::GatewayClass, &of_class).is_none() {
        return Said::Refused(format!(
            "there is no GatewayClass {class}; correct its gatewayClassName, or install Istio"
        ));
    }
    let refused = conditions().find(|condition| condition["status"] == "False");
    refused.map_or(Said::Nothing, |condition| {
        let text = |field: &str| condition[field].as_str().unwrap_or_default();
        Said::Refused(format!("{}: {}", text("reason"), text("message")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cluster;
    use crate::source::kubernetes::Defaults;
    use serde_json::{Value, json};

    fn said_with(classes: &[&str], conditions: Value) -> Said {
        let cluster = Cluster { domain: "cluster.local".to_owned(), controller_namespace: "mcp-system".to_owned() };
        let mut world = World::new(Defaults { cluster, image: String::new(), module: String::new() });
        let gateway = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": { "namespace": "team", "name": "front" },
            "spec": { "gatewayClassName": "istoi", "listeners": [] },
            "status": { "conditions": conditions },
        });
        world.insert(Kind::Gateway, serde_json::from_value(gateway).unwrap());
        for class in classes {
            let class = json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
                "metadata": { "name": class }, "spec": { "controllerName": "istio.io/gateway-controller" },
            });
            world.insert(Kind::GatewayClass, serde_json::from_value(class).unwrap());
        }
        said(&world, &ObjectName { namespace: "team".to_owned(), name: "front".to_owned() })
    }

    #[test]
    fn a_gateway_that_is_not_programmed_says_why() {
        let waiting = json!([{ "type": "Programmed", "status": "Unknown", "reason": "Pending", "message": "Waiting for controller" }]);
        let Said::Refused(why) = said_with(&["istio"], waiting.clone()) else { panic!("a class that nobody has made") };
        assert!(why.contains("GatewayClass istoi") && why.contains("gatewayClassName"), "{why}");
        assert_eq!(said_with(&["istio", "istoi"], waiting), Said::Nothing);
        let refused = json!([
            { "type": "Accepted", "status": "True" },
            { "type": "Programmed", "status": "False", "reason": "AddressNotAssigned", "message": "address pending" },
        ]);
        assert_eq!(said_with(&["istoi"], refused), Said::Refused("AddressNotAssigned: address pending".to_owned()));
        assert_eq!(said_with(&["istoi"], json!([{ "type": "Programmed", "status": "True" }])), Said::Accepted);
    }
}

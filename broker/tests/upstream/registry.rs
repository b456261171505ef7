//! What the registry comes to know, and how it follows changes.

use crate::manners::{dual, legacy, modern, tool};
use crate::support::{names, rig};
use broker::catalog::{Group, Kind};
use broker::status::State;
use protocol::config::EraChoice;
use protocol::era::Era;
use serde_json::json;

#[tokio::test]
async fn all_pages_of_all_lists_are_merged_in_order() {
    let a = legacy().tools(&["t1", "t2", "t3"]).prompts(&["p1", "p2"]).resources(&["file:///r"]).pages_of(1).start();
    let b = legacy().tools(&["u"]).in_events().start();
    let rig = rig(vec![a.config("a", "a_"), b.config("b", "")]);
    rig.is("a", State::Ready).await;
    let view = rig.sees_tools(Era::Legacy, &["a_t1", "a_t2", "a_t3", "u"]).await;
    assert_eq!(names(&view, Era::Legacy, Kind::Prompts), ["a_p1", "a_p2"]);
    assert_eq!(names(&view, Era::Legacy, Kind::Resources), ["a+file:///r"]);
    assert_eq!(view.catalog.owner(Era::Legacy, Kind::Tools, "u").as_deref(), Some("b"));
    let status = rig.registry.status().borrow().clone();
    assert_eq!((status.servers[0].tools, status.servers[0].prompts, status.servers[0].resources), (3, 2, 1));
    assert_eq!(status.servers[0].eras, [Era::Legacy]);
    assert_eq!(
        view.get("a").unwrap().spoken(Era::Legacy).unwrap().instructions.as_deref(),
        Some("legacy instructions")
    );
    // Only what was declared was asked for.
    assert_eq!(b.count("prompts/list"), 0);
    assert_eq!((a.faults(), b.faults()), (vec![], vec![]));
}

#[tokio::test]
async fn a_modern_server_is_known_by_what_it_says() {
    let a = modern().tools(&["x"]).ttl_ms(60_000).start();
    let rig = rig(vec![a.config("a", "a_")]);
    let status = rig.is("a", State::Ready).await;
    assert_eq!((status.eras, status.tools, status.error), (vec![Era::Modern], 1, None));
    let view = rig.sees_tools(Era::Modern, &["a_x"]).await;
    assert_eq!(names(&view, Era::Legacy, Kind::Tools), ["a_x"]);
    let freshness =
        view.catalog.freshness(Era::Modern, Kind::Tools, &std::collections::HashMap::new(), std::time::Instant::now());
    assert!(!freshness.private && freshness.ttl.as_secs() > 30, "{freshness:?}");
    let spoken = view.get("a").unwrap().spoken(Era::Modern).unwrap();
    assert!(spoken.server_info.as_ref().unwrap().get().contains("fake"));
    // The session that came with the refusal was ended.
    a.wait_until("the session is ended", |a| a.ended_sessions() == 1 && a.open_sessions() == 0).await;
    assert_eq!(a.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_of_both_eras_is_kept_per_era() {
    let a = dual().tools(&["x"]).start();
    let rig = rig(vec![a.config("a", "")]);
    rig.sees_tools(Era::Legacy, &["x"]).await;
    let view = rig.sees_tools(Era::Modern, &["x"]).await;
    let server = view.get("a").unwrap();
    assert_eq!(server.spoken(Era::Legacy).unwrap().instructions.as_deref(), Some("legacy instructions"));
    assert_eq!(server.spoken(Era::Modern).unwrap().instructions.as_deref(), Some("modern instructions"));
    assert!(server.spoken(Era::Legacy).unwrap().has_sessions());

    let mut only_modern = a.config("a", "");
    only_modern.era = EraChoice::Modern;
    rig.configure(vec![only_modern]);
    rig.sees_tools(Era::Legacy, &[]).await;
    rig.sees_tools(Era::Modern, &["x"]).await;
    assert_eq!(rig.is("a", State::Ready).await.eras, [Era::Modern]);
}

#[tokio::test]
async fn list_changed_is_followed_in_both_eras() {
    for (server, era) in [(legacy(), Era::Legacy), (modern(), Era::Modern)] {
        let a = server.tools(&["x"]).prompts(&["p"]).start();
        let rig = rig(vec![a.config("a", "a_")]);
        let before = rig.sees_tools(era, &["a_x"]).await;
        let stream = if era == Era::Legacy { "GET" } else { "subscriptions/listen" };
        // The lists are asked for again once the stream is open.
        a.wait_until("the stream is open", |a| a.count(stream) == 1 && a.count("tools/list") == 2).await;
        let mut changed = tool("x");
        changed["description"] = json!("another one");
        a.set_tools(vec![changed]);
        a.tell(Group::Tools);
        let described = rig
            .sees("the new description", |v| {
                v.catalog.list(era, Kind::Tools).iter().any(|i| i.json.get().contains("another"))
            })
            .await;
        assert_eq!(described.epoch, before.epoch);
        assert_ne!(described.catalog.version(era, Group::Tools), before.catalog.version(era, Group::Tools));
        assert_eq!(described.catalog.version(era, Group::Prompts), before.catalog.version(era, Group::Prompts));
        assert_eq!(a.faults(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn servers_that_tell_nothing_are_asked_on_demand() {
    for (server, era) in [(legacy(), Era::Legacy), (modern(), Era::Modern)] {
        let a = server.stateless().tools(&["x"]).start();
        let rig = rig(vec![a.config("a", "")]);
        rig.sees_tools(era, &["x"]).await;
        a.set_tools(vec![tool("x"), tool("y")]);
        let wait = async {
            while names(&*rig.refreshed().await, era, Kind::Tools) != ["x", "y"] {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::support::PATIENCE, wait).await.unwrap();
        // Not more often than once a second, however often somebody asks.
        assert!(a.count("tools/list") <= 3, "{}", a.count("tools/list"));
    }
}

#[tokio::test]
async fn changes_of_the_configuration_touch_only_their_server() {
    let (a, b) = (legacy().tools(&["x"]).start(), legacy().tools(&["y"]).start());
    let rig = rig(vec![a.config("a", "a_")]);
    let first = rig.sees_tools(Era::Legacy, &["a_x"]).await;

    rig.configure(vec![b.config("b", "b_"), a.config("a", "a_")]);
    let second = rig.sees_tools(Era::Legacy, &["b_y", "a_x"]).await;
    assert_ne!(second.epoch, first.epoch);
    assert_eq!(a.count("initialize"), 1);

    rig.configure(vec![b.config("b", "other_"), a.config("a", "a_")]);
    let third = rig.sees_tools(Era::Legacy, &["other_y", "a_x"]).await;
    assert_ne!(third.epoch, second.epoch);
    assert_eq!((a.count("initialize"), b.count("initialize")), (1, 2));

    rig.configure(vec![a.config("a", "a_")]);
    rig.sees_tools(Era::Legacy, &["a_x"]).await;
    assert!(rig.registry.get("b").is_none());
    b.wait_until("both sessions are ended", |b| b.ended_sessions() == 2).await;
    assert_eq!((a.count("initialize"), a.ended_sessions()), (1, 0));

    rig.registry.shutdown().await;
    assert_eq!((a.ended_sessions(), a.open_sessions()), (1, 0));
}

#[tokio::test]
async fn a_server_that_is_removed_while_it_is_asked_keeps_no_session() {
    let a = legacy().tools(&["x"]).never_lists().start();
    let mut config = a.config("a", "");
    config.timeout_ms = 60_000;
    let rig = rig(vec![config]);
    a.wait_until("the list is asked for", |a| a.count("tools/list") == 1).await;
    rig.configure(vec![]);
    a.wait_until("the session is ended", |a| a.ended_sessions() == 1 && a.open_sessions() == 0).await;
}

#[tokio::test]
async fn a_name_of_two_servers_is_reported_by_both() {
    let (a, b) = (legacy().tools(&["same", "x"]).start(), legacy().tools(&["same"]).start());
    let rig = rig(vec![a.config("a", ""), b.config("b", "")]);
    rig.sees_tools(Era::Legacy, &["x"]).await;
    rig.is("b", State::Ready).await;
    rig.sees("a's conflict", |view| !view.catalog.conflicts("a").is_empty()).await;
    let status = rig.registry.status().borrow().clone();
    assert!(status.servers.iter().all(|s| s.conflicts.len() == 1), "{status:?}");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_reported() {
    let a = legacy().tools(&["x"]).start();
    let mut broken = a.config("b", "b_");
    broken.ca = Some("no certificate".to_owned());
    let rig = rig(vec![broken, a.config("a", "a_")]);
    let status = rig.is("b", State::Down).await;
    assert!(status.error.unwrap().starts_with("its certificate authorities"));
    rig.sees_tools(Era::Legacy, &["a_x"]).await;
}

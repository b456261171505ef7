use super::*;
use protocol::answer::Rules;
use serde_json::value::RawValue;

/// A server with tools and resources by name, templates by what has a brace in it.
fn source(name: &str, prefix: &str, tools: &[&str], uris: &[&str]) -> Source {
    let rules = Rules::new(name, prefix, &[]).for_list();
    let list = |kind: Kind, member: &str, names: Vec<&str>| {
        let items = names.iter().map(|n| {
            let raw = RawValue::from_string(format!("{{\"{member}\":\"{n}\"}}")).unwrap();
            Item::present(kind, &raw, &rules).unwrap()
        });
        List { items: items.collect(), ttl: Duration::from_secs(60), ..List::empty() }
    };
    let mut offer = Offer::empty(!uris.is_empty());
    let (templates, resources) = uris.iter().partition(|u| u.contains('{'));
    offer.set(Kind::Tools, list(Kind::Tools, "name", tools.to_vec()));
    offer.set(Kind::Resources, list(Kind::Resources, "uri", resources));
    offer.set(Kind::Templates, list(Kind::Templates, "uriTemplate", templates));
    Source { name: name.into(), prefix: prefix.into(), visible: true, legacy: Some(offer.into()), modern: None }
}

fn merge(sources: Vec<Source>) -> Catalog {
    Catalog::merge(sources, &Catalog::default())
}

fn names(catalog: &Catalog, kind: Kind) -> Vec<String> {
    catalog.list(Era::Legacy, kind).iter().map(|i| i.name.to_string()).collect()
}

fn owner(catalog: &Catalog, kind: Kind, name: &str) -> Option<String> {
    catalog.owner(Era::Legacy, kind, name).map(|o| o.to_string())
}

#[test]
fn the_order_is_that_of_the_configuration() {
    let catalog = merge(vec![source("b", "b_", &["y", "x"], &[]), source("a", "", &["z"], &[])]);
    assert_eq!(names(&catalog, Kind::Tools), ["b_y", "b_x", "z"]);
    assert!(catalog.list(Era::Modern, Kind::Tools).is_empty());
    assert_eq!(owner(&catalog, Kind::Tools, "z").as_deref(), Some("a"));
    assert_eq!(catalog.count("b", Kind::Tools), 2);
}

#[test]
fn a_name_that_two_claim_is_nobodys() {
    let catalog = merge(vec![
        source("a", "", &["one", "same", "p_x"], &[]),
        source("b", "", &["same", "two"], &[]),
        source("c", "p_", &["x", "y"], &[]),
    ]);
    assert_eq!(names(&catalog, Kind::Tools), ["one", "two", "p_y"]);
    assert_eq!(owner(&catalog, Kind::Tools, "same"), None);
    let of_a = catalog.conflicts("a");
    let told = |name: &str| {
        let conflict = of_a.iter().find(|conflict| conflict.name == name).unwrap();
        assert!(conflict.kind == "tool" && conflict.message.contains("give"), "{conflict:?}");
        (conflict.reason, conflict.servers.join(","))
    };
    assert_eq!(told("same"), (Reason::NameCollision, "b".to_owned()));
    assert_eq!(told("p_x"), (Reason::PrefixOfOther, "c".to_owned()));
    assert_eq!(catalog.conflicts("b").len(), 1);
    assert_eq!(catalog.conflicts("c").len(), 1);
}

#[test]
fn a_name_that_nobody_lists_goes_to_the_only_server_without_prefix() {
    let (a, b, p) = (source("a", "", &["x"], &[]), source("b", "", &["y"], &[]), source("p", "p_", &["z"], &[]));
    let alone = merge(vec![p.clone(), a.clone()]);
    assert_eq!(owner(&alone, Kind::Tools, "for-some-clients").as_deref(), Some("a"));
    // It has no prompts.
    assert_eq!(owner(&alone, Kind::Prompts, "x"), None);
    assert_eq!(owner(&merge(vec![a, b]), Kind::Tools, "for-some-clients"), None);
    assert_eq!(owner(&merge(vec![p]), Kind::Tools, "z"), None);
}

#[test]
fn the_longer_prefix_takes_the_name() {
    let catalog = merge(vec![source("a", "a", &["bx", "x"], &[]), source("ab", "ab", &["x"], &[])]);
    assert_eq!(names(&catalog, Kind::Tools), ["ax", "abx"]);
    assert_eq!(catalog.conflicts("a").len(), 1);
}

#[test]
fn a_server_that_lists_a_name_twice_is_told_so() {
    let catalog = merge(vec![source("a", "a_", &["x", "x"], &[])]);
    assert_eq!(names(&catalog, Kind::Tools), ["a_x"]);
    assert_eq!(catalog.conflicts("a").len(), 1);
}

#[test]
fn unlisted_uris_follow_templates_then_the_only_server() {
    let catalog = merge(vec![
        source("a", "", &[], &["file:///a", "db://{t}", "http+x:y", "same:1"]),
        source("b", "", &[], &["db://rows/{id}", "same:1", "eq:{x}{y}"]),
        source("h", "http_", &[], &["https://h/{id}", "https://h/list", "file:///h"]),
    ]);
    for (uri, server) in [
        ("file:///a", Some("a")),
        ("db://rows", Some("a")),
        ("db://rows/5", Some("b")),
        ("db://{t}", Some("a")),
        ("file:///unknown", None),
        ("same:1", None),
        ("http+x:y", None),
    ] {
        assert_eq!(owner(&catalog, Kind::Resources, uri).as_deref(), server, "{uri}");
    }
    assert_eq!(names(&catalog, Kind::Resources), ["file:///a", "http+https://h/list", "http+file:///h"]);
    assert_eq!(catalog.web_uris("h"), ["https://h/*", "https://h/list"]);
    let alone = merge(vec![source("a", "", &[], &["file:///a"])]);
    assert_eq!(owner(&alone, Kind::Resources, "file:///unknown").as_deref(), Some("a"));
}

#[test]
fn templates_that_match_equally_well_are_nobodys() {
    let catalog = merge(vec![source("a", "", &[], &["x:{a}"]), source("b", "", &[], &["x:{b}"])]);
    assert_eq!(owner(&catalog, Kind::Resources, "x:1"), None);
}

#[test]
fn a_server_that_is_down_loses_its_items_but_not_its_names() {
    let mut down = source("a", "", &["x"], &[]);
    let up = merge(vec![down.clone(), source("b", "b_", &["y"], &[])]);
    down.visible = false;
    let catalog = Catalog::merge(vec![down, source("b", "b_", &["y"], &[])], &up);
    assert_eq!(names(&catalog, Kind::Tools), ["b_y"]);
    assert_eq!(owner(&catalog, Kind::Tools, "x").as_deref(), Some("a"));
    assert!(catalog.routes_as(&up));
    assert_ne!(catalog.version(Era::Legacy, Group::Tools), up.version(Era::Legacy, Group::Tools));
    assert_eq!(catalog.version(Era::Legacy, Group::Prompts), up.version(Era::Legacy, Group::Prompts));
}

#[test]
fn a_clients_own_list_stands_in_for_the_shared_one() {
    let catalog = merge(vec![source("a", "a_", &["x"], &[]), source("b", "b_", &["y"], &[])]);
    let own = source("a", "a_", &["x", "more"], &[]).legacy.unwrap().list(Kind::Tools).clone();
    let seen = catalog.list_for(Era::Legacy, Kind::Tools, &HashMap::from([("a".to_owned(), own)]));
    assert_eq!(seen.iter().map(|i| &*i.name).collect::<Vec<_>>(), ["a_x", "a_more", "b_y"]);
}

#[test]
fn freshness_is_the_shortest_that_is_left() {
    let catalog = merge(vec![source("a", "", &["x"], &[])]);
    let later = Instant::now() + Duration::from_secs(10);
    let fresh = catalog.freshness(Era::Legacy, Kind::Tools, &HashMap::new(), later);
    assert!(fresh.ttl <= Duration::from_secs(50) && fresh.ttl > Duration::from_secs(40), "{fresh:?}");
    assert!(!fresh.private);
    assert_eq!(catalog.freshness(Era::Modern, Kind::Tools, &HashMap::new(), later).ttl, MAX_AGE);
}

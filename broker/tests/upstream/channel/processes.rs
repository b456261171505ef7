//! Processes: when they run, and that nothing of them is left.

use super::*;
use crate::support::rig;
use broker::status::State;
use protocol::era::Era;

#[tokio::test]
async fn each_session_has_its_process_and_its_capabilities() {
    let client = Client::new(&process(&[], Sharing::Session)).unwrap();
    let (a, b) = (open(&client, json!({})).await.unwrap(), open(&client, json!({"roots": {}})).await.unwrap());
    let (pid_a, pid_b) = (text_of(&client, &a, "pid").await, text_of(&client, &b, "pid").await);
    assert_ne!(pid_a, pid_b);
    let (Leg::Legacy(a), Leg::Legacy(session)) = (&a, &b) else { panic!() };
    assert_eq!(session.instructions.as_deref(), Some(r#"{"roots": {}}"#));
    client.end_session(a).await;
    until("its process ends with the session", async || (!runs(&pid_a)).then_some(())).await;
    assert_eq!(text_of(&client, &b, "pid").await, pid_b);
    drop(client);
    until("all end with the last who may use them", async || (!runs(&pid_b)).then_some(())).await;
}

#[tokio::test]
async fn a_process_that_dies_fails_its_calls_and_loses_its_session() {
    for sharing in [Sharing::Session, Sharing::Shared] {
        let client = Client::new(&process(&[], sharing)).unwrap();
        let leg = open(&client, json!({})).await.unwrap();
        let mut listening = client.listen(&leg).await.unwrap().unwrap();
        let held = post(&client, &leg, &call_of("1", "hold", "")).await.unwrap();
        let died = post(&client, &leg, &call_of("2", "die", "")).await.unwrap();
        for reply in [held, died] {
            let ended: Vec<_> = reply.body.events(1000).collect().await;
            assert!(matches!(&ended[..], [Err(UpstreamError::Exited(_, 3))]), "{ended:?}");
        }
        assert!(listening.next().await.is_none());
        assert_eq!(client.request(&leg, "ping", None).await.unwrap_err(), UpstreamError::SessionLost);
        let leg = open(&client, json!({})).await.unwrap();
        assert!(runs(&text_of(&client, &leg, "pid").await));
    }
}

#[tokio::test]
async fn an_idle_process_rests_and_its_session_goes_on() {
    for sharing in [Sharing::Session, Sharing::Shared] {
        let mut server = process(&[], sharing);
        of(&mut server).idle_seconds = 1;
        let rig = rig(vec![server]);
        let view = rig.sees_tools(Era::Legacy, &["s_echo0"]).await;
        let client = view.servers[0].client().clone();
        let leg = open(&client, json!({})).await.unwrap();
        let mut listening = client.listen(&leg).await.unwrap().unwrap();
        let pid = text_of(&client, &leg, "pid").await;
        until("it is ended", async || (!runs(&pid)).then_some(())).await;
        // Nobody is told, and nothing is forgotten.
        assert_eq!(rig.is("s", State::Ready).await.tools, 1);
        rig.refreshed().await;
        rig.sees_tools(Era::Legacy, &["s_echo0"]).await;
        assert!(futures::poll!(listening.next()).is_pending());
        // A notification does not start it, a request does.
        let roots = r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
        assert_eq!(post(&client, &leg, roots).await.unwrap().status, 202);
        assert!(futures::poll!(listening.next()).is_pending());
        let again = text_of(&client, &leg, "pid").await;
        assert_ne!(again, pid);
        call(&client, &leg, "1", "change", "").await;
        assert!(listening.next().await.unwrap().unwrap().data.contains("list_changed"));
        rig.registry.shutdown().await;
        assert!(!runs(&again), "nothing is left behind");
    }
}

#[tokio::test]
async fn a_change_of_a_restarted_process_is_noticed() {
    let mut server = process(&[], Sharing::Shared);
    of(&mut server).idle_seconds = 1;
    let rig = rig(vec![server]);
    let view = rig.sees_tools(Era::Legacy, &["s_echo0"]).await;
    let client = view.servers[0].client().clone();
    let leg = open(&client, json!({})).await.unwrap();
    let pid = text_of(&client, &leg, "pid").await;
    call(&client, &leg, "1", "change", "").await;
    rig.sees_tools(Era::Legacy, &["s_echo1"]).await;
    until("it is ended", async || (!runs(&pid)).then_some(())).await;
    // The list is the first one again, in the new process.
    text_of(&client, &leg, "pid").await;
    rig.sees_tools(Era::Legacy, &["s_echo0"]).await;
    rig.registry.shutdown().await;
}

#[tokio::test]
async fn processes_are_bounded_and_the_one_that_nobody_uses_makes_room() {
    let mut server = process(&[], Sharing::Session);
    of(&mut server).max_processes = 2;
    let client = Client::new(&server).unwrap();
    let (a, b) = (open(&client, json!({})).await.unwrap(), open(&client, json!({})).await.unwrap());
    let (held_a, held_b) = (
        post(&client, &a, &call_of("1", "hold", "")).await.unwrap(),
        post(&client, &b, &call_of("1", "hold", "")).await.unwrap(),
    );
    let error = open(&client, json!({})).await.unwrap_err();
    assert_eq!(error, UpstreamError::Busy("processes in use (maxProcesses)", 2));
    drop(held_a);
    let c = until("the one that waits for nothing makes room", async || open(&client, json!({})).await.ok()).await;
    assert!(runs(&text_of(&client, &c, "pid").await));
    drop(held_b);
    // It is started again when there is room again.
    until("there is room again", async || {
        let reply = post(&client, &a, &call_of("1", "pid", "")).await.ok()?;
        Some(all(reply).await)
    })
    .await;
}

#[tokio::test]
async fn processes_are_bounded_while_they_are_started_too() {
    let mut server = process(&[], Sharing::Session);
    of(&mut server).max_processes = 2;
    let client = Client::new(&server).unwrap();
    let opened = futures::future::join_all((0..5).map(async |_| open(&client, json!({})).await)).await;
    let refused = opened.iter().filter(|opened| opened.is_err()).count();
    assert_eq!(refused, 3, "{opened:?}");
    let busy = UpstreamError::Busy("processes in use (maxProcesses)", 2);
    assert!(opened.iter().all(|opened| opened.as_ref().err().is_none_or(|error| *error == busy)), "{opened:?}");
}

#[tokio::test]
async fn a_process_that_ends_at_once_is_started_ever_more_seldom() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut server = process(&[], Sharing::Session);
    of(&mut server).program = "sh".to_owned();
    of(&mut server).args = vec!["-c".to_owned(), format!("date +%s%3N >>'{}'; exit 7", log.path().display())];
    let client = Client::new(&server).unwrap();
    let leg = Leg::Modern(broker::upstream::Envelope::gateway());
    let starts = until("it was started again and again", async || {
        let _ = client.request(&leg, "server/discover", None).await;
        let error = open(&client, json!({})).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Exited(_, 7)), "{error:?}");
        let starts = std::fs::read_to_string(log.path()).unwrap();
        let starts: Vec<u64> = starts.lines().map(|milliseconds| milliseconds.parse().unwrap()).collect();
        (starts.len() >= 7).then_some(starts)
    })
    .await;
    // At most once in either era after each pause: seven starts have three pauses between them, of 250 ms, 500 ms and 1 s.
    assert!(starts[6] - starts[0] >= 1750, "{starts:?}");
}

#[tokio::test]
async fn what_cannot_be_started_is_told_and_tried_again_later() {
    let mut server = process(&[], Sharing::Session);
    of(&mut server).program = "no-such-program".to_owned();
    let client = Client::new(&server).unwrap();
    for _ in 0..3 {
        let error = open(&client, json!({})).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Start(why) if why.contains("no such program")), "{error:?}");
    }
    let rig = rig(vec![process(&["refuse"], Sharing::Session)]);
    let status = rig.is("s", State::Down).await;
    assert_eq!(status.error.as_deref(), Some("the server ended its process with exit code 7"));
    rig.registry.shutdown().await;
}

#[tokio::test]
async fn stubborn_processes_and_their_children_end_too() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut server = process(&["stubborn", "family"], Sharing::Session);
    let args: Vec<_> = of(&mut server).args.iter().map(|arg| format!("'{arg}'")).collect();
    // A shell between, as npx is.
    of(&mut server).program = "sh".to_owned();
    of(&mut server).args =
        vec!["-c".to_owned(), format!("python3 {} 2>'{}'; true", args.join(" "), log.path().display())];
    let rig = rig(vec![server]);
    rig.is("s", State::Ready).await;
    let text = std::fs::read_to_string(log.path()).unwrap();
    let child = text.lines().find_map(|line| line.strip_prefix("child ")).unwrap().to_owned();
    assert!(runs(&child));
    rig.registry.shutdown().await;
    until("the child of the child is gone", async || (!runs(&child)).then_some(())).await;
}

#[tokio::test]
async fn eras_are_found_out_with_one_process_where_that_can_be() {
    for (flags, eras) in
        [(&[][..], &[Era::Legacy][..]), (&["modern"], &[Era::Modern]), (&["both"], &[Era::Legacy, Era::Modern])]
    {
        for sharing in [Sharing::Session, Sharing::Shared] {
            let rig = rig(vec![process(flags, sharing)]);
            assert_eq!(rig.is("s", State::Ready).await.eras, eras, "{flags:?}");
            rig.registry.shutdown().await;
        }
    }
}

#[tokio::test]
async fn a_modern_process_is_shared_and_listened_to() {
    let mut server = process(&["modern"], Sharing::Session);
    of(&mut server).idle_seconds = 1;
    let rig = rig(vec![server]);
    let view = rig.sees_tools(Era::Modern, &["s_echo0"]).await;
    let client = view.servers[0].client().clone();
    let leg = Leg::Modern(broker::upstream::Envelope::gateway());
    let held = post(&client, &leg, &call_of("1", "hold", "")).await.unwrap();
    let pid = text_of(&client, &leg, "pid").await;
    assert_eq!(call(&client, &leg, "1", "progress", r#","_meta":{"progressToken":"p"}"#).await.len(), 3);
    drop(held);
    until("the server hears of the end", async || {
        let seen = seen(&client, &leg).await;
        (seen["cancelled"] == seen["calls"]["hold"]).then_some(())
    })
    .await;
    until("it is ended", async || (!runs(&pid)).then_some(())).await;
    assert_eq!(rig.is("s", State::Ready).await.tools, 1);
    assert_ne!(text_of(&client, &leg, "pid").await, pid);
    rig.registry.shutdown().await;
}

#[tokio::test]
async fn secrets_of_the_gateway_stay_with_it() {
    let mut server = process(&[], Sharing::Session);
    of(&mut server).env.insert("TOLD".to_owned(), "yes".to_owned());
    let program = std::mem::replace(&mut of(&mut server).program, "sh".to_owned());
    let file = tempfile::NamedTempFile::new().unwrap();
    let args = of(&mut server).args.join(" ");
    of(&mut server).args = vec!["-c".to_owned(), format!("env >'{}'; exec {program} {args}", file.path().display())];
    let client = Client::new(&server).unwrap();
    open(&client, json!({})).await.unwrap();
    let env = std::fs::read_to_string(file.path()).unwrap();
    assert!(env.contains("TOLD=yes") && env.contains("PATH="), "{env}");
    assert!(!env.contains("CARGO"), "{env}");
}

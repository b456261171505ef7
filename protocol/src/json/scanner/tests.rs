use super::*;
use crate::json::check;
use proptest::prelude::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

static LEAF: Node = Node::leaf(Mark::Name);
static INNER: Node = Node { unique: true, ..Node::object(&[("name", &LEAF)]) };
static ITEMS: Node = Node::array(&INNER);
static ROOT: Node =
    Node { mark: Some(Mark::Message), unique: true, ..Node::object(&[("params", &INNER), ("list", &ITEMS)]) };

type Reported = (Mark, Range<u64>, Vec<u8>);

/// Everything reported for `json` when it comes in pieces of `size` bytes.
fn scan(json: &[u8], size: usize) -> Result<Vec<Reported>, ScanError> {
    let mut scanner = Scanner::new(&ROOT);
    let mut all = Vec::new();
    for chunk in json.chunks(size.max(1)) {
        scanner.push(chunk, &mut |f| all.push((f.mark, f.span, f.raw.to_vec())))?;
    }
    scanner.finish()?;
    Ok(all)
}

#[test]
fn reports_values_at_any_cut() {
    let json = br#" {"x":[{"name":1},{"params":{"name":2}}], "par\u0061ms" : {"a":{"name":3},"name":"v\"\u00e9" },"list":[{"name":-1.5e3},[],{"name":true}]} "#;
    for size in 1..json.len() {
        let found = scan(json, size).unwrap();
        let raws: Vec<_> = found.iter().skip(1).map(|f| String::from_utf8(f.2.clone()).unwrap()).collect();
        assert_eq!(raws, [r#""v\"\u00e9""#, "-1.5e3", "true"], "cut at {size}");
        for (_, span, raw) in found.iter().skip(1) {
            assert_eq!(&json[span.start as usize..span.end as usize], raw);
        }
    }
}

#[test]
fn refuses_a_second_reading() {
    for json in [
        r#"{"params":{},"params":{}}"#,
        r#"{"params":{"name":1,"n\u0061me":2}}"#,
        r#"{"params":{"name":1,"Name":2}}"#,
        r#"{"a":1,"b":2,"a":3}"#,
        r#"{"list":[{"z":1,"z":1}]}"#,
    ] {
        assert_eq!(scan(json.as_bytes(), 3), Err(ScanError::Duplicate), "{json}");
    }
    assert!(scan(br#"{"a":{"b":1,"b":2},"list":[{"z":1},{"z":1}]}"#, 2).is_ok());
    assert_eq!(scan(br#"{"params":{"\ud800":1}}"#, 9), Err(ScanError::Syntax));
}

#[test]
fn refuses_what_is_not_json() {
    for json in [
        "",
        " ",
        "{",
        "{]",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "01",
        "1.",
        "-",
        "1e",
        "\"\n\"",
        "\"\\x\"",
        "nul",
        "tru e",
        "{} {}",
        "\u{feff}{}",
        "[1 2]",
        "\"\\u12g4\"",
        "{\"a\" 1}",
    ] {
        assert_eq!(scan(json.as_bytes(), 64).err(), Some(ScanError::Syntax), "{json}");
    }
    assert_eq!(scan(b"\"\xc0\x80\"", 1).err(), Some(ScanError::Syntax));
    assert!(scan(b"1", 1).is_ok());
}

#[test]
fn is_bounded() {
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert!(scan(deep(MAX_DEPTH).as_bytes(), 100).is_ok());
    assert_eq!(scan(deep(MAX_DEPTH + 1).as_bytes(), 100), Err(ScanError::Depth));
    assert_eq!(check(deep(MAX_DEPTH).as_bytes()), Ok(()));
    assert_eq!(check(deep(MAX_DEPTH + 1).as_bytes()), Err(ScanError::Depth));
    assert_eq!(check(b"[1"), Err(ScanError::Syntax));
    let members = |n: usize| format!("{{{}}}", (0..n).map(|i| format!("\"k{i}\":0")).collect::<Vec<_>>().join(","));
    assert!(scan(members(MAX_MEMBERS).as_bytes(), 100).is_ok());
    assert_eq!(scan(members(MAX_MEMBERS + 1).as_bytes(), 100), Err(ScanError::Members));
    for size in [100, 1 << 20] {
        let long = format!(r#"{{"{}":1}}"#, "k".repeat(MAX_CAPTURE));
        assert_eq!(scan(long.as_bytes(), size), Err(ScanError::Members));
        let below = format!(r#"{{"x":{{"{}":1}}}}"#, "k".repeat(MAX_CAPTURE));
        assert!(scan(below.as_bytes(), size).is_ok());
    }
}

/// JSON text in which white space, escapes and numbers vary as senders' do.
pub(crate) fn any_json() -> impl Strategy<Value = String> {
    let space = || prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\r\n\t")];
    let string = || {
        prop_oneof![
            "[a-z]{0,4}".prop_map(|s| format!("\"{s}\"")),
            any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
            Just(r#""\u0061\ud83d\ude00\/""#.to_owned()),
        ]
    };
    let leaf = prop_oneof![
        string(),
        Just("9007199254740993".to_owned()),
        Just("1.0".to_owned()),
        Just("1e400".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| f.to_string()),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            (proptest::collection::vec(inner.clone(), 0..6), space())
                .prop_map(|(items, s)| format!("[{s}{}{s}]", items.join(&format!("{s},")))),
            (proptest::collection::vec((string(), inner), 0..6), space()).prop_map(|(members, s)| {
                let members: Vec<_> = members.iter().map(|(k, v)| format!("{k}{s}:{s}{v}")).collect();
                format!("{{{s}{}{s}}}", members.join(","))
            }),
        ]
    })
}

fn is_json(bytes: &[u8]) -> bool {
    // RawValue checks the grammar without limits on numbers.
    serde_json::from_slice::<&serde_json::value::RawValue>(bytes).is_ok()
}

static PLAIN: Node = Node::NONE;

fn accepts(bytes: &[u8], size: usize) -> bool {
    let mut scanner = Scanner::new(&PLAIN);
    bytes.chunks(size).all(|c| scanner.push(c, &mut |_| {}).is_ok()) && scanner.finish().is_ok()
}

proptest! {
    #[test]
    fn takes_all_json(json in any_json(), size in 1usize..40) {
        prop_assert!(accepts(json.as_bytes(), size), "{}", json);
    }

    #[test]
    fn agrees_with_serde_on_damaged_json(json in any_json(), at in any::<prop::sample::Index>(), byte in any::<u8>(), size in 1usize..40) {
        let mut bytes = json.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        // serde_json lets lone surrogates through in raw values only; both are no business of the grammar.
        prop_assert_eq!(accepts(&bytes, size), is_json(&bytes), "{}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1usize..40) {
        let _ = scan(&bytes, size);
    }
}

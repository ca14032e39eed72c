//! Text of a payload is never read as SQL, a format or a parameter: whatever it looks like, it is stored and given out
//! byte for byte.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Outgoing, ReferenceCopy, STRUCTURED, World, small_country, unique};

/// Texts that mean something to SQL, to a format of ClickHouse, to the HTTP interface, to its client, or to a terminal.
const HOSTILE: [&str; 24] = [
    "'); DROP TABLE event_log; --",
    "\\'); DROP TABLE event_log; --",
    "' OR 1=1 --",
    "\\",
    "\\\\",
    "\"`'´",
    "{x:String} {generation:UInt32}",
    "? ?? ?fields",
    "%s %n {} {0} $1",
    "\\N",
    "ᴺᵁᴸᴸ NULL",
    "\t\n\r\u{8}\u{c}\u{7f}\u{1b}[31m",
    "\0 before and after \0",
    "1) FORMAT Values (2",
    "/* comment */ SELECT 1; --",
    "$$heredoc$$ $a$b$a$",
    "x'41' b'1' 0x41 \\x41 \\u0041",
    "=1+cmd|' /C calc'!A0",
    "a,b\"c\"\r\nd;e",
    "{\"a\":[1,'b']}",
    "' UNION ALL SELECT password FROM system.users --",
    "&database=system&query=SELECT%201#",
    "\u{feff}\u{202e}\u{0}漢字 ế \u{1F600}",
    "-1",
];

/// A table of texts: one line a row, hexadecimal fields separated by blanks.
fn hex(text: impl AsRef<[u8]>) -> String {
    text.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

fn event(source: &str, id: &str, record: &str, dimension: &str) -> String {
    json!({
        "specversion": "1.0", "id": id, "source": source, "type": "vn.chiso.indicator.updated.v1",
        "time": "2025-08-01T10:00:00+07:00",
        "data": {
            "indicator": "dossiers-received", "ward": "00101", "date": "2025-08-01", "value": 2, "record": record,
            "dimensions": {"field": dimension},
        },
    })
    .to_string()
}

/// The small country with a source, and a ward, whose names look like SQL.
fn hostile_country() -> (ReferenceCopy, String, String) {
    let reference = ReferenceCopy::of(&small_country());
    let (source, name) = ("urn:x:'); DROP TABLE cells; --\\{x:String}?", "O'Hà \\ \"x\"; DROP TABLE cells -- {x:String}?");
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    reference.append("sources.csv", &format!("{},{},77,*,*,*\n", quoted(source), quoted(name)));
    let units = std::fs::read_to_string(reference.path().join("admin-units/units.csv")).unwrap();
    let ward = units.lines().find(|line| line.starts_with("W00101@2025-07-01,")).unwrap();
    let mut fields = ward.split(',').map(str::to_owned).collect::<Vec<_>>();
    fields[3] = quoted(name);
    reference.replace("admin-units/units.csv", ward, &fields.join(","));
    (reference, source.to_owned(), name.to_owned())
}

#[test]
fn accepted_text_comes_out_as_it_came_in() {
    let (reference, source, name) = hostile_country();
    let mut world = World::with_reference("hostile", 1, reference.path());
    world.set("KAFKA__GROUP", format!("{} '; DROP TABLE ledger; -- \\ {{x:String}} ?", world.group));
    let long = "'\\".repeat(15_000);
    let mut events = Vec::new();
    let mut expected = Vec::new();
    let dimensions = HOSTILE.into_iter().chain([long.as_str(), ""]);
    for (number, text) in dimensions.enumerate() {
        let (id, record) = (format!("{number} {text}"), format!("{text} {number}"));
        let (id, record) = if text.len() > 100 { ("long".to_owned(), "'".repeat(128)) } else { (id, record) };
        events.push(Outgoing::structured(event(&source, &id, &record, text)));
        expected.push(format!("{} {} {} {}", hex(&source), hex(&id), hex(&record), hex(text)));
    }
    world.produce(&events);
    let summary = world.catch_up();
    assert_eq!(summary["stored"], events.len(), "{summary}");
    expected.sort();
    for table in ["event_log", "events"] {
        let mut rows = world
            .sql(&format!("SELECT hex(source), hex(id), hex(record), hex(dimensions['field']) FROM {table}"))
            .lines()
            .map(|line| line.replace('\t', " "))
            .collect::<Vec<_>>();
        rows.sort();
        assert_eq!(rows, expected, "{table}");
    }
    assert!(world.sql("SELECT DISTINCT hex(group_id) FROM ledger").contains(&hex("'; DROP TABLE ledger; -- \\ {x:String} ?")));
    assert_eq!(world.sql("SELECT DISTINCT hex(source) FROM event_log"), hex(&source));

    world.roll_up("2026-02-10");
    let csv = world.export("civil", &["2025-Q3"], &["--level", "ward", "--indicator", "dossiers-received"]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    let field = |column: &str| &row[header.iter().position(|name| name == column).unwrap()];
    let count = events.len();
    assert_eq!((field("area_name"), field("value")), (name.as_str(), (2 * count).to_string().as_str()), "{csv}");
    let json = world.export("civil", &["2025-Q3"], &["--level", "ward", "--indicator", "dossiers-received", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()[0]["area_name"], name.as_str());
    let view = world.sql("SELECT DISTINCT hex(area_name) FROM rollups WHERE level = 'ward' AND period = '2025-Q3'");
    assert_eq!(view, hex(&name));
    // What the operator names is a text, too.
    for argument in ["--area", "--indicator"] {
        for text in HOSTILE.iter().filter(|text| !text.contains('\0')) {
            let option = format!("{argument}={text}");
            let ended = world.rollup(&["export", "--calendar", "civil", "--period", "2025-Q3", &option]);
            assert!(!ended.stderr.contains("Code: "), "{option}: {}", ended.stderr);
            assert!(ended.stdout.lines().count() <= 1, "{option}: {}", ended.stdout);
        }
    }
    assert_eq!(world.number("SELECT count() FROM event_log FINAL"), i64::try_from(count).unwrap());
}

#[test]
fn refused_messages_are_kept_byte_for_byte() {
    let world = World::with_reference("hostile_rejects", 1, &small_country());
    let long = "'\\\u{0}".repeat(30_000);
    let broken = b"\xff\xfe'); DROP TABLE rejected_log; -- \x00\x80\\N".to_vec();
    let texts = HOSTILE.iter().map(|text| text.as_bytes().to_vec()).chain([long.into_bytes(), broken, Vec::new()]);
    let messages = texts.map(|text| Outgoing {
        partition: Some(0),
        key: Some(text.clone()),
        headers: vec![
            (STRUCTURED.0.to_owned(), Some(STRUCTURED.1.to_vec())),
            ("'); DROP TABLE rejected_log; -- \\ {x:String} ?".to_owned(), Some(text.clone())),
            (String::from_utf8_lossy(&text).replace('\0', "").chars().take(5_000).collect(), None),
        ],
        value: Some([b"{", text.as_slice()].concat()),
    });
    let messages = messages.collect::<Vec<_>>();
    world.produce(&messages);
    let summary = world.catch_up();
    assert_eq!(summary["rejected"], messages.len(), "{summary}");
    let sql = "SELECT hex(key), arrayStringConcat(arrayMap(h -> hex(h.name) || '=' || ifNull(hex(h.value), 'none'), headers), ','), hex(raw) FROM rejected_events ORDER BY offset";
    let shown =
        |header: &(String, Option<Vec<u8>>)| format!("{}={}", hex(&header.0), header.1.as_ref().map_or("none".to_owned(), hex));
    let rows = world.sql(sql);
    let rows = rows.lines().collect::<Vec<_>>();
    for (row, message) in rows.iter().zip(&messages) {
        let headers = message.headers.iter().map(shown).collect::<Vec<_>>().join(",");
        let expected = [hex(message.key.as_ref().unwrap()), headers, hex(message.value.as_ref().unwrap())].join("\t");
        assert_eq!(*row, expected);
    }
    assert_eq!(rows.len(), messages.len());
}

#[test]
fn what_a_refusal_quotes_is_text() {
    let world = World::with_reference("hostile_quotes", 1, &small_country());
    let messages = HOSTILE.map(|text| Outgoing::structured(event(&format!("urn:{text}"), &format!("id {text}"), "r", "x")));
    world.produce(&messages);
    let summary = world.catch_up();
    assert_eq!(summary["rejected"], messages.len(), "{summary}");
    let rows = world.sql("SELECT hex(source), hex(id) FROM rejected_events WHERE reason IN ('unknown_source', 'not_cloudevent')");
    let mut rows = rows.lines().map(str::to_owned).collect::<Vec<_>>();
    let mut expected = HOSTILE.map(|text| format!("{}\t{}", hex(format!("urn:{text}")), hex(format!("id {text}"))));
    rows.sort();
    expected.sort();
    assert_eq!(rows, expected);
}

#[test]
fn header_names_that_are_no_text_are_kept() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let world = World::with_reference("hostile_headers", 1, &small_country());
    let header = b"na'\xff\\me=va'\xfe\\lue";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "no event").unwrap();
    let mut command = Command::new("kcat");
    command.args(["-P", "-b", &world.engines.brokers, "-t", &world.topic, "-H"]).arg(OsStr::from_bytes(header)).arg(file.path());
    assert!(command.status().unwrap().success());
    assert_eq!(world.catch_up()["rejected"], 1);
    let stored = world.sql("SELECT hex(headers[1].name), hex(headers[1].value) FROM rejected_events");
    assert_eq!(stored, format!("{}\t{}", hex(b"na'\xff\\me"), hex(b"va'\xfe\\lue")));
    // Names that reach Kafka or SQL from the command line are refused, or sent as they are.
    for name in ["x'; DROP TABLE event_log", "a b", "`", &unique("no such topic")] {
        let ended = world.chiso_ingest(&["publish", file.path().to_str().unwrap(), "--topic", name]);
        assert!(matches!(ended.code, Some(2 | 3)), "{ended:?}");
    }
}

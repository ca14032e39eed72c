//! Every reason, with cases on both sides of its border.

use super::*;
use Reason::*;

/// The reason for a plain event with these data fields.
fn data(changes: &[(&str, &str)]) -> Option<Reason> {
    reason(event(&[], changes))
}

/// The reason for a plain event with these attributes.
fn attributes(changes: &[(&str, &str)]) -> Option<Reason> {
    reason(event(changes, &[]))
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

#[test]
fn a_plain_event_is_accepted_whole() {
    let text = event(
        &[("subject", "[1]"), ("datacontenttype", "\"application/json\"")],
        &[("qualifier", "\"at_least\""), ("revision", "7"), ("record", "\"r\""), ("dimensions", r#"{"operator":"x"}"#)],
    );
    let got = decode_structured(text.as_bytes()).unwrap();
    assert_eq!((got.id.as_ref(), got.source, got.record.as_ref()), ("a", "urn:vn:one-stop", "r"));
    assert_eq!((got.indicator, got.ward, got.date.to_string().as_str()), ("bts-stations", "11413", "2025-08-01"));
    assert_eq!(got.numbers, Numbers { value: Some(Amount::from_micros(1_000_000)), ..Numbers::default() });
    assert_eq!((got.revision, got.retracted, got.qualifier), (7, false, Qualifier::AtLeast));
    assert_eq!((got.time_ms, got.dimensions), (1_754_017_200_000, vec![("operator", "x".into())]));
}

#[test]
fn defaults_stand_for_optional_fields() {
    let text = event(&[], &[]);
    let got = decode_structured(text.as_bytes()).unwrap();
    assert_eq!((got.record.as_ref(), got.revision, got.retracted), ("a", 0, false));
    assert_eq!((got.qualifier, got.dimensions.len()), (Qualifier::Exact, 0));
    assert!(matches!(got.id, Cow::Borrowed(_)));
}

#[test]
fn size_is_counted_in_bytes_of_the_value() {
    let text = event(&[], &[]);
    let padded = |length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    assert_eq!(reason(padded(65_536)), None);
    assert_eq!(reason(padded(65_537)), Some(TooLarge));
    assert_eq!(reason("x".repeat(65_537)), Some(TooLarge));
}

#[test]
fn text_that_is_no_json() {
    let good = event(&[], &[]);
    for text in ["", " ", "{not json", "{", &good[..good.len() - 1], &format!("{good}x"), &format!("\u{feff}{good}"), "nul"] {
        assert_eq!(reason(text), Some(MalformedJson), "{text}");
    }
    assert_eq!(reason(b"{\"specversion\":\"\xff\"}"), Some(MalformedJson));
    assert_eq!(reason(b"\xff\xfe"), Some(MalformedJson));
    for text in ["01", "NaN", "-Infinity", "1.", ".5", "+1", "1e", "0x1", "'1'", "[1,]", "\"\t\"", "\"\\x\"", "tru", ""] {
        let text = format!("{{\"ext\":{text}}}");
        assert_eq!(reason(&text), Some(MalformedJson), "{text}");
    }
}

#[test]
fn repeated_fields_count_where_the_contract_says() {
    let good = event(&[], &[]);
    let and = |more: &str| format!("{},{more}}}", &good[..good.len() - 1]);
    assert_eq!(reason(and(r#""id":"b""#)), Some(MalformedJson));
    assert_eq!(reason(and(r#""\u0069d":"a""#)), Some(MalformedJson));
    assert_eq!(reason(and(r#""d\u0061ta":1"#)), Some(MalformedJson));
    assert_eq!(reason(and(r#""ext":1,"other":2,"e\u0078t":1"#)), Some(MalformedJson));
    assert_eq!(reason(and(r#""ext":{"a":1,"a":2}"#)), None);
    assert_eq!(reason(and(r#""ID":"b""#)), None);
    assert_eq!(data(&[("value", r#"1,"value":1"#)]), Some(MalformedJson));
    assert_eq!(data(&[("x", r#"1,"y":2,"x":1"#)]), Some(MalformedJson));
    assert_eq!(data(&[("value", r#"{"a":1,"a":1}"#)]), Some(BadType));
    assert_eq!(data(&[("x", r#"{"a":1,"a":1}"#)]), Some(UnknownField));
    assert_eq!(data(&[("dimensions", r#"{"operator":"x","\u006fperator":"x"}"#)]), Some(MalformedJson));
    assert_eq!(data(&[("dimensions", r#"{"b":1,"a":{},"b":{}}"#)]), Some(MalformedJson));
    assert_eq!(data(&[("dimensions", r#"[{"a":1,"a":1}]"#)]), Some(BadType));
}

#[test]
fn lone_surrogates_count_where_the_contract_says() {
    const LONE: &str = r#""\ud800""#;
    for name in ["specversion", "id", "source", "type", "time"] {
        assert_eq!(attributes(&[(name, LONE)]), Some(MalformedJson), "{name}");
    }
    assert_eq!(attributes(&[("id", r#"["\ud800"]"#)]), Some(NotCloudevent));
    assert_eq!(attributes(&[("ext", LONE)]), None);
    assert_eq!(attributes(&[("ext", r#"{"\udfff":1}"#)]), None);
    assert_eq!(attributes(&[(r"\ud800", "1")]), Some(MalformedJson));
    assert_eq!(attributes(&[("data", LONE)]), Some(MalformedJson));
    assert_eq!(attributes(&[("data", r#"[[{"\ud800":1}]]"#)]), Some(MalformedJson));
    for name in ["ward", "record", "qualifier", "unknown"] {
        assert_eq!(data(&[(name, LONE)]), Some(MalformedJson), "{name}");
    }
    assert_eq!(data(&[(r"\udc00", "1")]), Some(MalformedJson));
    assert_eq!(data(&[("unknown", r#"[{"a":["\ude00\ud83d"]}]"#)]), Some(MalformedJson));
    assert_eq!(data(&[("dimensions", r#"{"operator":"\ud83d"}"#)]), Some(MalformedJson));
    assert_eq!(data(&[("dimensions", r#"{"\ud83d":"x"}"#)]), Some(MalformedJson));
    assert_eq!(data(&[("dimensions", r#"{"operator":"\ud83d\ude00\\ud800"}"#)]), None);
}

#[test]
fn nesting_is_limited_by_size_alone() {
    // A thread of the size that async runtimes and Rust give by default.
    let on_small_stack = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let deep = |open: &str, close: &str, times: usize| format!("{}1{}", open.repeat(times), close.repeat(times));
        let arrays = deep("[", "]", 32_000);
        let objects = deep("{\"a\":", "}", 10_000);
        for nested in [&arrays, &objects] {
            assert_eq!(reason(nested), Some(NotCloudevent));
            assert_eq!(attributes(&[("ext", nested)]), None);
            assert_eq!(attributes(&[("id", nested)]), Some(NotCloudevent));
            assert_eq!(data(&[("value", nested)]), Some(BadType));
            assert_eq!(data(&[("ward", nested)]), Some(BadType));
            assert_eq!(data(&[("unknown", nested)]), Some(UnknownField));
            assert_eq!(data(&[("dimensions", &format!("{{\"operator\":{nested}}}"))]), Some(BadType));
        }
        assert_eq!(attributes(&[("data", &arrays)]), Some(NotCloudevent));
        assert_eq!(attributes(&[("data", &objects)]), Some(UnknownField));
        assert_eq!(data(&[("dimensions", &objects)]), Some(BadType));
        assert_eq!(reason("[".repeat(65_536)), Some(MalformedJson));
        assert_eq!(reason("{\"a\":".repeat(13_000)), Some(MalformedJson));
        assert_eq!(data(&[("x", &"[".repeat(60_000))]), Some(MalformedJson));
    });
    on_small_stack.unwrap().join().expect("no overflow");
}

#[test]
fn many_names_take_no_quadratic_time() {
    let names: Vec<String> = (0..6_000).map(|n| format!("\"x{n}\":1")).collect();
    let many = format!("{{{}}}", names.join(","));
    assert_eq!(reason(&many), Some(NotCloudevent));
    assert_eq!(attributes(&[("data", &many)]), Some(UnknownField));
    assert_eq!(data(&[("dimensions", &many)]), Some(BadType));
}

#[test]
fn what_is_no_cloudevent() {
    for text in ["[]", "1", "null", "\"x\"", "[{}]", "{}"] {
        assert_eq!(reason(text), Some(NotCloudevent), "{text}");
    }
    for name in ["specversion", "id", "source", "type", "time"] {
        for value in ["", "null", "1", "[]", "{}", "true", "\"\""] {
            assert_eq!(attributes(&[(name, value)]), Some(NotCloudevent), "{name} {value}");
        }
    }
    for value in ["", "null", "1", "[]", "\"{}\"", "true"] {
        let data = if value.is_empty() { ("other", "1") } else { ("data", value) };
        let text = object(&with(&ATTRIBUTES, &[data]));
        assert_eq!(reason(text), Some(NotCloudevent), "{value}");
    }
    assert_eq!(attributes(&[("specversion", "\"0.3\"")]), Some(NotCloudevent));
    assert_eq!(attributes(&[("specversion", "\"1.0.2\"")]), Some(NotCloudevent));
}

#[test]
fn lengths_of_attributes_are_counted_in_unescaped_bytes() {
    let id = |text: &str| attributes(&[("id", &quoted(text))]);
    assert_eq!(id(&"a".repeat(128)), None);
    assert_eq!(id(&"a".repeat(129)), Some(NotCloudevent));
    assert_eq!(id(&"ệ".repeat(42)), None);
    assert_eq!(id(&"ệ".repeat(43)), Some(NotCloudevent));
    assert_eq!(id(&r"\u1ec7".repeat(42)), None);
    assert_eq!(attributes(&[("source", &quoted(&"s".repeat(256)))]), Some(UnknownSource));
    assert_eq!(attributes(&[("source", &quoted(&"s".repeat(257)))]), Some(NotCloudevent));
    assert_eq!(attributes(&[("type", &quoted(&"t".repeat(256)))]), Some(UnsupportedType));
    assert_eq!(attributes(&[("type", &quoted(&"t".repeat(257)))]), Some(NotCloudevent));
    let time = |digits: usize| attributes(&[("time", &format!("\"2025-08-01T10:00:00.{}Z\"", "1".repeat(digits)))]);
    assert_eq!(time(43), None);
    assert_eq!(time(44), Some(NotCloudevent));
}

#[test]
fn times_are_rfc_3339_within_bounds() {
    for (time, want) in [
        ("2025-08-01T10:00:00.123456789z", None),
        ("2025-08-01t10:00:00+07:00", None),
        ("2025-08-01 10:00:00Z", Some(NotCloudevent)),
        ("2025-08-01T10:00:60Z", Some(NotCloudevent)),
        ("2025-08-01T10:00:00+07:60", Some(NotCloudevent)),
        ("2025-01-01T00:00:00", Some(NotCloudevent)),
        ("1970-01-01T06:59:59+07:00", Some(NotCloudevent)),
        ("1970-01-01T07:00:00+07:00", Some(FutureDate)),
        ("2300-01-01T00:00:00+07:00", Some(NotCloudevent)),
        ("2299-12-31T23:59:59.999+07:00", None),
    ] {
        assert_eq!(attributes(&[("time", &quoted(time))]), want, "{time}");
    }
}

#[test]
fn types_other_than_ours_come_before_their_data() {
    let other = [("type", "\"vn.chiso.indicator.updated.v2\""), ("data", "1")];
    assert_eq!(attributes(&other), Some(UnsupportedType));
    assert_eq!(attributes(&[other[0], ("id", "")]), Some(NotCloudevent));
}

#[test]
fn fields_are_those_of_the_contract() {
    assert_eq!(data(&[("extra", "null")]), Some(UnknownField));
    assert_eq!(data(&[("Value", "1")]), Some(UnknownField));
    assert_eq!(data(&[("", "1")]), Some(UnknownField));
    for name in ["indicator", "ward", "date"] {
        assert_eq!(data(&[(name, "")]), Some(MissingField), "{name}");
        assert_eq!(data(&[(name, "null")]), Some(BadType), "{name}");
    }
}

#[test]
fn types_of_fields() {
    for name in ["indicator", "ward", "date", "record", "qualifier"] {
        for value in ["null", "1", "true", "[]", "{}"] {
            assert_eq!(data(&[(name, value)]), Some(BadType), "{name} {value}");
        }
    }
    for name in ["value", "numerator", "denominator", "percent"] {
        for value in ["null", "\"1\"", "true", "[]", "{}", "[1]"] {
            assert_eq!(data(&[(name, value)]), Some(BadType), "{name} {value}");
        }
    }
    for value in ["null", "0", "\"true\"", "[]"] {
        assert_eq!(data(&[("retracted", value)]), Some(BadType), "{value}");
    }
    for value in ["null", "\"x\"", "[]", "{\"operator\":1}", "{\"operator\":null}", "{\"operator\":[\"x\"]}"] {
        assert_eq!(data(&[("dimensions", value)]), Some(BadType), "{value}");
    }
    assert_eq!(data(&[("qualifier", "\"Exact\"")]), Some(BadType));
    assert_eq!(data(&[("qualifier", "\"\"")]), Some(BadType));
    assert_eq!(data(&[("qualifier", "\"\\u0065xact\"")]), None);
}

#[test]
fn revisions_are_digits_only() {
    for value in ["0", "1", "4294967295"] {
        assert_eq!(data(&[("revision", value)]), None, "{value}");
    }
    for value in ["1.0", "-0", "-1", "1e0", "1E0", "4294967296", "99999999999999999999", "\"1\"", "null", "true"] {
        assert_eq!(data(&[("revision", value)]), Some(BadType), "{value}");
    }
}

#[test]
fn records_have_1_to_128_bytes() {
    assert_eq!(data(&[("record", "\"\"")]), Some(BadType));
    assert_eq!(data(&[("record", &quoted(&"a".repeat(128)))]), None);
    assert_eq!(data(&[("record", &quoted(&"a".repeat(129)))]), Some(BadType));
    assert_eq!(data(&[("record", &quoted(&"ệ".repeat(43)))]), Some(BadType));
}

#[test]
fn sources_and_indicators_are_registered() {
    assert_eq!(attributes(&[("source", "\"urn:vn:nobody\"")]), Some(UnknownSource));
    assert_eq!(attributes(&[("source", "\"URN:vn:one-stop\"")]), Some(UnknownSource));
    assert_eq!(attributes(&[("source", "\"urn:vn:one\\u002dstop\"")]), None);
    assert_eq!(data(&[("indicator", "\"no-such-indicator\"")]), Some(UnknownIndicator));
    assert_eq!(data(&[("indicator", "\"\"")]), Some(UnknownIndicator));
}

#[test]
fn numbers_are_exactly_those_of_the_kind() {
    const RATIO: (&str, &str) = ("indicator", "\"satisfaction-rate\"");
    let flow = |changes: &[(&str, &str)]| data(&[&[("value", "")], changes].concat());
    let ratio = |changes: &[(&str, &str)]| data(&[&[RATIO, ("value", "")], changes].concat());
    assert_eq!(flow(&[]), Some(WrongMeasure));
    assert_eq!(flow(&[("percent", "1")]), Some(WrongMeasure));
    assert_eq!(flow(&[("numerator", "1"), ("denominator", "2")]), Some(WrongMeasure));
    assert_eq!(data(&[("percent", "1")]), Some(WrongMeasure));
    assert_eq!(ratio(&[("numerator", "1"), ("denominator", "2")]), None);
    assert_eq!(ratio(&[("percent", "50")]), None);
    assert_eq!(ratio(&[]), Some(WrongMeasure));
    assert_eq!(ratio(&[("numerator", "1")]), Some(WrongMeasure));
    assert_eq!(ratio(&[("denominator", "1")]), Some(WrongMeasure));
    assert_eq!(ratio(&[("numerator", "1"), ("denominator", "2"), ("percent", "50")]), Some(WrongMeasure));
    assert_eq!(data(&[RATIO]), Some(WrongMeasure));
    assert_eq!(flow(&[("retracted", "true")]), None);
    assert_eq!(ratio(&[("retracted", "true")]), None);
    assert_eq!(data(&[("retracted", "true")]), Some(WrongMeasure));
    assert_eq!(data(&[("retracted", "false")]), None);
}

#[test]
fn numbers_by_value_not_by_spelling() {
    let nines = "9".repeat(18);
    let long = format!("1{}", "0".repeat(5_000));
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    for (text, want) in [
        ("1.0000000", None),
        ("1000000e-12", None),
        ("-0", None),
        ("-0.0e5", None),
        ("0e-99999999999999999999", None),
        ("1e2", None),
        (nines.as_str(), None),
        ("999999999999999999.999999", None),
        ("1e-7", Some(TooPrecise)),
        ("0.1234567", Some(TooPrecise)),
        ("999999999999999999.9999999", Some(TooPrecise)),
        ("1e99999999999999999999", Some(OutOfRange)),
        ("1e18", Some(OutOfRange)),
        ("1000000000000000000.0000001", Some(OutOfRange)),
        (long.as_str(), Some(OutOfRange)),
        ("-1e99999999999999999999", Some(Negative)),
        ("-1e-99999999999999999999", Some(Negative)),
        ("-0.0000001", Some(Negative)),
        ("null", Some(BadType)),
        ("\"1\"", Some(BadType)),
        ("01", Some(MalformedJson)),
        ("NaN", Some(MalformedJson)),
        (deep.as_str(), Some(BadType)),
    ] {
        assert_eq!(data(&[("value", text)]), want, "{}", &text[..text.len().min(30)]);
    }
}

#[test]
fn percents_end_at_100() {
    let percent = |text| data(&[("indicator", "\"satisfaction-rate\""), ("value", ""), ("percent", text)]);
    assert_eq!(percent("100"), None);
    assert_eq!(percent("100.000000"), None);
    assert_eq!(percent("100.000001"), Some(OutOfRange));
    assert_eq!(percent("100.0000001"), Some(OutOfRange));
    assert_eq!(percent("99.9999999"), Some(TooPrecise));
    assert_eq!(percent("-1"), Some(Negative));
}

#[test]
fn parts_do_not_exceed_the_whole() {
    let parts = |numerator, denominator| {
        let ratio = ("indicator", "\"satisfaction-rate\"");
        data(&[ratio, ("value", ""), ("numerator", numerator), ("denominator", denominator)])
    };
    assert_eq!(parts("2", "2.000000"), None);
    assert_eq!(parts("0", "0"), None);
    assert_eq!(parts("5", "3"), Some(NumeratorExceedsDenominator));
    assert_eq!(parts("0.000001", "0"), Some(NumeratorExceedsDenominator));
    assert_eq!(parts("1", "-1"), Some(Negative));
    assert_eq!(parts("0.0000001", "1e18"), Some(OutOfRange));
}

#[test]
fn the_catalogue_may_let_them_exceed() {
    use crate::reference::File;
    let mut files = Files::embedded();
    let line = |line: &str| match line.starts_with("satisfaction-rate,") {
        true => line.replace(",400,false,", ",400,true,"),
        false => line.to_owned(),
    };
    let indicators: Vec<String> = files.text(File::Indicators).lines().map(line).collect();
    files.set(File::Indicators, indicators.join("\n"));
    let reference = Reference::parse(&files).unwrap();
    let decoded = |numbers: &[(&str, &str)]| {
        let text = event(&[], &[&[("indicator", "\"satisfaction-rate\""), ("value", "")], numbers].concat());
        let message = Message { topic: TOPIC, headers: STRUCTURED, value: Some(text.as_bytes()) };
        decode(&message, &reference).map(|event| event.numbers).map_err(|refusal| refusal.reason)
    };
    assert_eq!(decoded(&[("percent", "250.5")]).unwrap().percent, Some(Amount::from_micros(250_500_000)));
    assert!(decoded(&[("numerator", "5"), ("denominator", "3")]).is_ok());
    assert_eq!(decoded(&[("percent", "1e18")]), Err(OutOfRange));
}

#[test]
fn dimensions_are_those_of_the_catalogue() {
    let of = |indicator: &str, dimensions| data(&[("indicator", &quoted(indicator)), ("dimensions", dimensions)]);
    assert_eq!(of("bts-stations", "{}"), None);
    assert_eq!(of("public-wifi-points", "{}"), None);
    assert_eq!(of("public-wifi-points", r#"{"operator":"x"}"#), Some(BadDimension));
    assert_eq!(of("bts-stations", r#"{"operator":""}"#), None);
    assert_eq!(of("bts-stations", r#"{"no":"such"}"#), Some(BadDimension));
    assert_eq!(of("dossiers-received", r#"{"field":"đất đai","channel":"online"}"#), None);
    assert_eq!(of("dossiers-received", r#"{"channel":"fax"}"#), Some(BadDimension));
    assert_eq!(of("dossiers-received", r#"{"channel":""}"#), Some(BadDimension));
}

#[test]
fn dates_are_days_of_1900_to_2299() {
    for text in
        ["2025-02-30", "1899-12-31", "2300-01-01", "2025-7-01", "2025-07-01T00:00", "", "01/07/2025", "٢٠٢٥-07-01", "hôm nay"]
    {
        assert_eq!(data(&[("date", &quoted(text))]), Some(BadDate), "{text}");
    }
    assert_eq!(data(&[("date", "\"1900-01-01\"")]), None);
    assert_eq!(data(&[("date", "\"2024-02-29\"")]), None);
}

#[test]
fn dates_reach_the_local_day_after_the_statement() {
    let at = |time: &str, date: &str| reason(event(&[("time", &quoted(time))], &[("date", &quoted(date))]));
    assert_eq!(at("2025-08-01T23:00:00+07:00", "2025-08-02"), None);
    assert_eq!(at("2025-08-01T23:00:00+07:00", "2025-08-03"), Some(FutureDate));
    assert_eq!(at("2025-08-01T17:00:00Z", "2025-08-03"), None);
    assert_eq!(at("2025-08-01T16:59:59.999Z", "2025-08-03"), Some(FutureDate));
    assert_eq!(at("2299-12-31T16:59:59.999Z", "2299-12-31"), None);
}

#[test]
fn wards_are_judged_on_the_date() {
    let ward = |code: &str, date: &str| data(&[("ward", &quoted(code)), ("date", &quoted(date))]);
    assert_eq!(ward("99999", "2025-07-01"), Some(UnknownWard));
    assert_eq!(ward("", "2025-07-01"), Some(UnknownWard));
    assert_eq!(ward("31", "2025-07-01"), Some(UnknownWard), "a province is no ward");
    assert_eq!(ward("11414", "2025-06-30"), None);
    assert_eq!(ward("11414", "2025-07-01"), Some(WardAbolished));
    assert_eq!(ward("11413", "2025-06-30"), None);
    assert_eq!(ward("11413", "2025-07-01"), None);
    assert_eq!(ward("11948", "2025-06-30"), Some(WardAbolished), "an island ward that began with the merger");
}

#[test]
fn the_registry_limits_sources() {
    let vneid = [("source", "\"urn:vn:vneid\"")];
    let hai_an = [("source", "\"urn:vn:report:hai-an\"")];
    assert_eq!(reason(event(&vneid, &[])), Some(IndicatorNotAllowed));
    let percent = [("indicator", "\"vneid-registered-rate\""), ("value", ""), ("percent", "1")];
    assert_eq!(reason(event(&vneid, &percent)), None);
    assert_eq!(reason(event(&hai_an, &[])), None);
    assert_eq!(reason(event(&hai_an, &[("date", "\"2025-06-30\"")])), Some(WardNotAllowed), "then 11413 was Đằng Lâm");
    assert_eq!(reason(event(&hai_an, &[("ward", "\"11411\"")])), Some(WardNotAllowed));
}

#[test]
fn the_registry_limits_topics() {
    use crate::reference::File;
    let mut files = Files::embedded();
    let registry = "source,name,priority,indicators,wards,topics\nurn:vn:one-stop,x,1,*,*,one;two\n";
    files.set(File::Sources, registry.to_owned());
    let reference = Reference::parse(&files).unwrap();
    let text = event(&[], &[]);
    let by = |topic| {
        let message = Message { topic, headers: STRUCTURED, value: Some(text.as_bytes()) };
        decode(&message, &reference).err().map(|refusal| refusal.reason)
    };
    assert_eq!([by("one"), by("two")], [None, None]);
    assert_eq!([by("three"), by("")], [Some(SourceNotAllowed), Some(SourceNotAllowed)]);
}

#[test]
fn details_name_field_and_value() {
    let value = |text: &str| detail(&event(&[], &[("value", text)]));
    assert_eq!(value("-1"), "data.value -1 is below zero");
    assert_eq!(value("null"), "data.value is null, not a number");
    assert_eq!(value("1e18"), "data.value 1e18 is not below 10^18");
    let long = value(&format!("[{}]", "\"ệ\",".repeat(500) + "1"));
    assert!(long.chars().count() < 150 && long.contains('…'), "{long}");
    assert_eq!(value("[\n\t1]"), "data.value is [  1], not a number");
    let wrong = detail(&event(&[], &[("percent", "1")]));
    assert_eq!(wrong, "data gives value, percent, but bts-stations is of kind stock and takes value alone");
    assert_eq!(detail(&event(&[("id", "5")], &[])), "the attribute id is 5, not a string");
    let control = detail(&event(&[], &[("ward", r#""a\nb""#)]));
    assert!(control.contains(r#"data.ward "a\nb""#), "{control}");
}

#[test]
fn an_abolished_ward_names_what_it_became() {
    let gone = detail(&event(&[], &[("ward", "\"11414\"")]));
    for part in ["11414", "2025-08-01", "2025-06-30", "Thành Tô", "W11414@1900-01-01", "Hải An", "W11413@2025-07-01"] {
        assert!(gone.contains(part), "{part}: {gone}");
    }
    let split = detail(&event(&[], &[("ward", "\"00019\"")]));
    for part in ["Điện Biên", "Ba Đình (W00004@2025-07-01)", "Hoàn Kiếm", "Ô Chợ Dừa", "Văn Miếu - Quốc Tử Giám"]
    {
        assert!(split.contains(part), "{part}: {split}");
    }
}

#[test]
fn a_ward_before_its_time_says_when_it_begins() {
    let early = detail(&event(&[], &[("ward", "\"11948\""), ("date", "\"2025-06-30\"")]));
    for part in ["11948", "2025-07-01", "Bạch Long Vĩ", "W11948@2025-07-01"] {
        assert!(early.contains(part), "{part}: {early}");
    }
}

#[test]
fn refusals_carry_source_and_id_where_they_could_be_read() {
    let refused = |text: &str| {
        let refusal = decode_structured(text.as_bytes()).expect_err("a refusal");
        (refusal.source, refusal.id)
    };
    let both = (Some("urn:vn:one-stop".to_owned()), Some("a".to_owned()));
    assert_eq!(refused(&event(&[], &[("value", "-1")])), both);
    assert_eq!(refused(&event(&[("time", "")], &[])), both);
    let good = event(&[], &[]);
    assert_eq!(refused(&good[..good.len() - 2]), both, "cut off after them");
    assert_eq!(refused(&event(&[("id", "5")], &[])), (both.0.clone(), None));
    assert_eq!(refused("{"), (None, None));
}

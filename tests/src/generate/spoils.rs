//! Spoilt events: every rule of the contract is broken in the ways in which senders break it. Some spoils break nothing, for
//! what is only strange must be accepted.

use super::event::{Attribute, Data, Event, Look, Name};
use super::facts::{at, draw, indicator, midnight, moved};
use super::maker::{Maker, Spec};
use super::spelling::{plain_number, plain_text, plain_time};
use crate::model::{Source, Unit};
use chrono::{Days, NaiveDate};

type Spoil = for<'a> fn(&mut Maker<'a>, &mut Event, &Spec<'a>);

/// Share of spoilt events that are spoilt a second time, so that the order of the rules matters.
const TWICE: f64 = 0.2;

/// Spoils an event in any way.
pub(crate) fn spoil<'a>(maker: &mut Maker<'a>, event: &mut Event, spec: &Spec<'a>) {
    let all: Vec<Spoil> = ALL.concat();
    maker.dice.pick(&all)(maker, event, spec);
    if maker.dice.chance(TWICE) {
        maker.dice.pick(&all)(maker, event, spec);
    }
}

/// Events that are each spoilt in another way, all ways included.
pub(crate) fn one_of_each(maker: &mut Maker<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    for spoil in ALL.concat() {
        let spec = draw(maker);
        let mut event = maker.event(&spec);
        spoil(maker, &mut event, &spec);
        events.push(event);
    }
    events
}

const ALL: [&[Spoil]; 4] = [TEXT, ENVELOPE, FIELDS, REGISTRIES];

/// The value as a whole: too long, no JSON, repeated names, broken text.
const TEXT: &[Spoil] = &[
    |_, e, _| e.padded_to = 65_536,
    |_, e, _| e.padded_to = 65_537,
    |_, e, _| e.text("subject", &"x".repeat(70_000)),
    |_, e, _| e.raw = Some(b"{not json".to_vec()),
    |_, e, _| e.raw = Some(br#"{"id":"a","id":"b"}"#.to_vec()),
    |_, e, _| e.raw = Some("\u{feff}{}".into()),
    |_, e, _| e.raw = Some(b"{}{}".to_vec()),
    |_, e, _| e.raw = Some(b"[".repeat(65_536)),
    |_, e, _| e.raw = Some([b"[".repeat(32_768), b"]".repeat(32_768)].concat()),
    |m, e, _| cut_short(m, e),
    |m, e, _| add_member(m, e, r#""id":"b""#),
    |m, e, _| add_member(m, e, r#""\u0069d":"b""#),
    |m, e, _| add_member(m, e, r#""\ud800":1"#),
    |m, e, _| add_member(m, e, r#""extension":{"a":1,"a":"\udfff"}"#),
    |m, e, _| add_member(m, e, r#""extension":[[["#),
    |_, e, _| e.attribute("id", Some(Attribute::Json(r#""\ud83d""#.to_owned()))),
    |_, e, _| e.attribute("subject", Some(Attribute::Json(r#""\ud83d""#.to_owned()))),
    |_, e, _| e.attribute("subject", Some(Attribute::Bytes(b"\xff\xed\xa0\x80".to_vec()))),
    |_, e, _| e.attribute("id", Some(Attribute::Bytes(b"\xc3".to_vec()))),
    |_, e, _| e.repeat(Name::Plain("ward"), "\"00001\""),
    |_, e, _| e.repeat(Name::Json(r#""\u0077ard""#), "\"00001\""),
    |_, e, _| e.set("dimensions", r#"{"a":"1","\u0061":"1"}"#),
    |_, e, _| e.set("record", r#""a\udc00""#),
    |_, e, _| e.set("dimensions", r#"{"\ud800":"1"}"#),
    |_, e, _| e.set("extra", r#"[{"deep":["\udbff\ud800"]}]"#),
    |_, e, _| set_each_number(e, "01"),
    |_, e, _| set_each_number(e, "NaN"),
    |_, e, _| set_each_number(e, "1."),
    |_, e, _| set_each_number(e, "+1"),
];

/// The attributes.
const ENVELOPE: &[Spoil] = &[
    |_, e, _| e.raw = Some(b"[1]".to_vec()),
    |_, e, _| e.raw = Some(b"null".to_vec()),
    |m, e, _| take_away_any(m, e),
    |m, e, _| take_away_any(m, e),
    |_, e, _| e.text("id", ""),
    |_, e, _| e.text("id", &"ế".repeat(43)),
    |_, e, _| e.text("source", &"s".repeat(257)),
    |_, e, _| e.text("type", &"t".repeat(257)),
    |_, e, _| e.text("type", &"t".repeat(256)),
    |_, e, _| e.text("specversion", "0.3"),
    |_, e, _| e.attribute("specversion", Some(Attribute::Json("1.0".to_owned()))),
    |_, e, _| e.attribute("id", Some(Attribute::Json("[7]".to_owned()))),
    |_, e, _| e.attribute("time", Some(Attribute::Json("null".to_owned()))),
    |m, e, _| strange_time(m, e),
    |m, e, _| strange_time(m, e),
    |_, e, _| e.text("type", "other"),
    |_, e, _| e.text("type", "VN.chiso.indicator.updated.v1"),
    |_, e, _| {
        e.text("type", "other");
        e.data = Data::Json("[]".to_owned());
    },
    |_, e, _| e.data = Data::Absent,
    |_, e, _| e.data = Data::Json("[{}]".to_owned()),
    |_, e, _| e.data = Data::Json("\"text\"".to_owned()),
    |_, e, _| e.data = Data::Json("{}".to_owned()),
];

/// The fields of the data.
const FIELDS: &[Spoil] = &[
    |_, e, _| e.set("extra", "1"),
    |_, e, _| e.set("Value", "1"),
    |_, e, _| e.remove("indicator"),
    |_, e, _| e.remove("ward"),
    |_, e, _| e.remove("date"),
    |_, e, _| set_each_number(e, "\"12\""),
    |_, e, _| set_each_number(e, "null"),
    |_, e, _| set_each_number(e, r#"{"a":1,"a":1}"#),
    |_, e, _| set_each_number(e, &("[".repeat(5000) + &"]".repeat(5000))),
    |_, e, _| e.set("ward", "11413"),
    |_, e, _| e.set("indicator", "null"),
    |_, e, _| e.set("date", "20250801"),
    |m, e, _| set_any(m, e, "revision", &["1.0", "1e0", "-0", "-1", "4294967296", "null", "\"1\"", "99999999999999999999999999"]),
    |_, e, _| e.set("revision", "4294967295"),
    |m, e, _| set_any(m, e, "retracted", &["\"true\"", "null", "1"]),
    |m, e, _| set_any(m, e, "qualifier", &["\"\"", "\"Exact\"", "null", "\"more than\""]),
    |m, e, _| set_any(m, e, "record", &["\"\"", "null", "7"]),
    |_, e, _| e.set("record", plain_text(&"ế".repeat(43))),
    |m, e, _| set_any(m, e, "dimensions", &["null", "[]", r#"{"channel":1}"#, r#"{"operator":null}"#]),
    |m, e, _| set_any(m, e, "dimensions", &[r#"{"no":"such"}"#, r#"{"channel":"by-drone"}"#, r#"{"operator":"x","":""}"#]),
    |_, e, _| e.set("value", "1"),
    |_, e, _| e.set("percent", "1"),
    |_, e, _| e.set("retracted", "true"),
    |_, e, _| e.remove("denominator"),
    |_, e, _| ["value", "numerator", "denominator", "percent"].iter().for_each(|name| e.remove(name)),
    |m, e, _| strange_number(m, e, &["-1", "-0.0000001", "-1e-99999999999999999999", "-1e99999999999999999999"]),
    |m, e, _| strange_number(m, e, &["1e18", "1000000000000000000", "1e99999999999999999999", "1000000000000000000.0000001"]),
    |m, e, _| {
        strange_number(m, e, &["0.1234567", "1e-7", "999999999999999999.9999999", "1e-99999999999999999999", "5.00000001e-2"])
    },
    |_, e, _| set_each_number(e, &("1".to_owned() + &"0".repeat(5000))),
    |_, e, _| set_each_number(e, &format!("0.{}", "0".repeat(5000))),
    |m, e, s| strange_percent(m, e, s),
    |m, e, s| more_than_all(m, e, s),
];

/// What the registries, the units and the calendar say.
const REGISTRIES: &[Spoil] = &[
    |_, e, _| e.text("source", "urn:vn:nobody"),
    |_, e, _| e.text("source", "URN:VN:ONE-STOP"),
    |_, e, _| e.set("indicator", "\"no-such-indicator\""),
    |m, e, _| {
        set_any(m, e, "date", &["\"2025-02-30\"", "\"1899-12-31\"", "\"2300-01-01\"", "\"2025-2-3\"", "\"\"", "\"20250801\""])
    },
    |m, e, _| {
        set_any(m, e, "date", &["\"２０２５-08-01\"", "\"2025-08-01 \"", "\"2025-13-01\"", "\"2025-08-00\"", "\"01-08-2025\""])
    },
    |_, e, _| e.set("date", "\"2099-01-01\""),
    |_, e, _| e.text("time", "2020-01-01T00:00:00Z"),
    |m, e, s| too_early(m, e, s),
    |m, e, s| too_early(m, e, s),
    |m, e, _| set_any(m, e, "ward", &["\"99999\"", "\"\"", "\"1141\"", "\" 11413\"", "\"W11413@2025-07-01\"", "\"VN\""]),
    |m, e, _| gone_ward(m, e),
    |m, e, _| gone_ward(m, e),
    |m, e, s| other_indicator(m, e, s),
    |m, e, _| other_ward(m, e),
    |m, e, _| any_source(m, e),
    |m, e, _| any_source(m, e),
];

/// Writes the event out and puts something before its last bracket.
fn add_member(maker: &mut Maker<'_>, event: &mut Event, member: &str) {
    let mut value = written(maker, event);
    value.truncate(value.len().saturating_sub(1));
    value.extend(format!(",{member}}}").bytes());
    event.raw = Some(value);
}

fn cut_short(maker: &mut Maker<'_>, event: &mut Event) {
    let mut value = written(maker, event);
    value.truncate(maker.dice.index(value.len().max(2)).max(1));
    event.raw = Some(value);
}

fn written(maker: &mut Maker<'_>, event: &Event) -> Vec<u8> {
    let look = Look { structured: true, fancy: false };
    event.message("", look, &mut maker.dice).value.unwrap_or_default()
}

pub(crate) fn set_each_number(event: &mut Event, json: &str) {
    for name in ["value", "numerator", "denominator", "percent"] {
        if event.field(name).is_some() {
            event.set(name, json);
        }
    }
}

fn set_any(maker: &mut Maker<'_>, event: &mut Event, name: &'static str, values: &[&str]) {
    let json = maker.dice.pick(values);
    event.set(name, json);
}

/// One of the numbers given.
fn strange_number(maker: &mut Maker<'_>, event: &mut Event, numbers: &[&str]) {
    let given: Vec<&'static str> =
        ["value", "numerator", "denominator", "percent"].into_iter().filter(|name| event.field(name).is_some()).collect();
    if !given.is_empty() {
        let name = maker.dice.pick(&given);
        set_any(maker, event, name, numbers);
    }
}

/// Says something about a ratio that may not exceed 100 %.
fn be_a_ratio<'a>(maker: &mut Maker<'a>, event: &mut Event, spec: &Spec<'a>) {
    let ratio = indicator(maker, |indicator| indicator.kind.is_ratio() && !indicator.may_exceed);
    let spec = at(maker, ratio, spec.unit, spec.date);
    *event = maker.event(&spec);
    ["value", "numerator", "denominator", "percent"].iter().for_each(|name| event.remove(name));
}

/// A percent alone, around 100.
fn strange_percent<'a>(maker: &mut Maker<'a>, event: &mut Event, spec: &Spec<'a>) {
    be_a_ratio(maker, event, spec);
    set_any(maker, event, "percent", &["100.0000001", "100.000001", "101", "100.0000000", "1e2", "99.9999999"]);
}

/// A numerator just above its denominator.
fn more_than_all<'a>(maker: &mut Maker<'a>, event: &mut Event, spec: &Spec<'a>) {
    be_a_ratio(maker, event, spec);
    let all = maker.dice.up_to(1_000_000_000);
    event.set("numerator", plain_number(all + 1));
    event.set("denominator", plain_number(all));
}

fn take_away_any(maker: &mut Maker<'_>, event: &mut Event) {
    let name = maker.dice.pick(&["specversion", "id", "source", "type", "time"]);
    event.attribute(name, None);
}

fn strange_time(maker: &mut Maker<'_>, event: &mut Event) {
    let times = [
        "2025-01-01T00:00:00",
        "2025-08-01 10:00:00Z",
        "2025-08-01T10:00:60Z",
        "2025-08-01T24:00:00Z",
        "2025-08-01T10:00:00+07:60",
        "2025-08-01T10:00:00+24:00",
        "2025-08-01T10:00:00+0700",
        "2025-08-01T10:00Z",
        "2025-08-01T10:00:00.Z",
        "2025-02-29T10:00:00Z",
        "1970-01-01T06:59:59.999+07:00",
        "2300-01-01T00:00:00+07:00",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "1754042400",
        "",
        "2025-08-01T10:00:00.1111111111111111111111111111111111111111111111Z",
    ];
    event.text("time", maker.dice.pick(&times));
}

/// The day is the second after the local day of the statement, or the statement one ms before that day is allowed.
fn too_early<'a>(maker: &mut Maker<'a>, event: &mut Event, spec: &Spec<'a>) {
    let allowed_since = midnight(moved(spec.date, -1));
    let early = maker.dice.pick(&[0, 1, 1000, 86_400_000]);
    event.text("time", &plain_time((allowed_since - early).max(0)));
}

/// A code that some ward bore until the day before, and none does now.
fn gone_ward(maker: &mut Maker<'_>, event: &mut Event) {
    let units = &maker.pool.reference.units;
    let gone = |unit: &Unit| {
        let next = unit.to.checked_add_days(Days::new(1)).filter(|_| units.steps_from(&unit.id).next().is_some())?;
        let reused = units.wards_coded(&unit.code).any(|other| other.valid_on(next));
        (!reused).then(|| (unit.code.clone(), next))
    };
    let wards: Vec<(String, NaiveDate)> = units.all().filter_map(gone).collect();
    if !wards.is_empty() {
        let (code, day) = &wards[maker.dice.index(wards.len())];
        event.set("ward", plain_text(code));
        event.set("date", format!("\"{day}\""));
        event.text("time", &plain_time(midnight(*day)));
    }
}

/// A source states an indicator that it may not state, at a ward for which it may speak.
fn other_indicator<'a>(maker: &mut Maker<'a>, event: &mut Event, spec: &Spec<'a>) {
    let Some(source) = limited(maker, |source| source.indicators.is_some()) else { return };
    let allowed = source.indicators.clone().unwrap_or_default();
    let other = indicator(maker, |indicator| !allowed.contains(&indicator.code));
    let spec = at(maker, other, spec.unit, spec.date);
    *event = maker.event(&Spec { source, ..spec });
}

/// A source speaks for a ward that is not its own, of something that it may state.
fn other_ward(maker: &mut Maker<'_>, event: &mut Event) {
    let limited = limited(maker, |source| source.wards.as_ref().is_some_and(|roots| !roots.contains("VN")));
    if let Some(spec) = limited.and_then(|source| statement_of(maker, source, false)) {
        *event = maker.event(&spec);
    }
}

/// What a source may state, at a ward for which it may speak, or at another one.
fn statement_of<'a>(maker: &mut Maker<'a>, source: &'a Source, own_ward: bool) -> Option<Spec<'a>> {
    let reference = maker.pool.reference;
    let may_state = indicator(maker, |indicator| source.indicators.as_ref().is_none_or(|codes| codes.contains(&indicator.code)));
    let owns = |unit: &Unit| {
        source.wards.as_ref().is_none_or(|roots| reference.units.chain(&unit.id).iter().any(|id| roots.contains(*id)))
    };
    let units = maker.pool.families.iter().flat_map(|family| family.units.iter().copied());
    let units: Vec<&'a Unit> = units.filter(|unit| owns(unit) == own_ward).collect();
    if units.is_empty() {
        return None;
    }
    let unit = maker.dice.pick(&units);
    let day = draw(maker).date;
    Some(Spec { source, ..at(maker, may_state, unit, day) })
}

fn limited<'a>(maker: &mut Maker<'a>, how: fn(&Source) -> bool) -> Option<&'a Source> {
    let limited: Vec<&Source> = maker.pool.reference.sources.values().filter(|source| how(source)).collect();
    (!limited.is_empty()).then(|| maker.dice.pick(&limited))
}

/// A source that exists, whatever it may state.
fn any_source(maker: &mut Maker<'_>, event: &mut Event) {
    let sources: Vec<&Source> = maker.pool.reference.sources.values().collect();
    event.text("source", &maker.dice.pick(&sources).id);
}

/// A sound event of a source that may not arrive by the topic of the log, if the registry has one.
pub(crate) fn by_the_wrong_topic(maker: &mut Maker<'_>) -> Option<Event> {
    let topic = &maker.options.topic;
    let mut sources = maker.pool.reference.sources.values();
    let source = sources.find(|source| source.topics.as_ref().is_some_and(|topics| !topics.contains(topic)))?;
    let spec = statement_of(maker, source, true)?;
    Some(maker.event(&spec))
}

//! When a message breaks two rules, the first in the order of the contract is the reason.

use super::*;
use crate::reference::File;
use std::collections::BTreeSet;

type Changes = &'static [(&'static str, &'static str)];

/// One way to break one rule, alone, on the event that [`decoded`] starts from.
struct Break {
    reason: Reason,
    attributes: Changes,
    data: Changes,
    topic: Option<&'static str>,
    /// Cut off the end of the value.
    cut: bool,
    /// Lengthen the value to this size.
    pad: usize,
}

const NOTHING: Break = Break { reason: Reason::NotStorable, attributes: &[], data: &[], topic: None, cut: false, pad: 0 };

const fn attribute(reason: Reason, attributes: Changes) -> Break {
    Break { reason, attributes, ..NOTHING }
}

const fn data(reason: Reason, data: Changes) -> Break {
    Break { reason, data, ..NOTHING }
}

/// Several ways for one reason touch different fields, so that each reason meets every other that it can.
const BREAKS: [Break; 36] = [
    Break { reason: Reason::TooLarge, pad: MAX_VALUE_BYTES + 1, ..NOTHING },
    Break { reason: Reason::MalformedJson, cut: true, ..NOTHING },
    attribute(Reason::MalformedJson, &[("ext", "1,\"ext\":1")]),
    data(Reason::MalformedJson, &[("record", r#""\ud800""#)]),
    attribute(Reason::NotCloudevent, &[("time", "")]),
    attribute(Reason::NotCloudevent, &[("id", "5")]),
    attribute(Reason::UnsupportedType, &[("type", "\"other\"")]),
    data(Reason::UnknownField, &[("extra", "1")]),
    data(Reason::MissingField, &[("indicator", "")]),
    data(Reason::MissingField, &[("ward", "")]),
    data(Reason::MissingField, &[("date", "")]),
    data(Reason::BadType, &[("revision", "1.5")]),
    data(Reason::BadType, &[("numerator", "null")]),
    data(Reason::BadType, &[("dimensions", "[]")]),
    attribute(Reason::UnknownSource, &[("source", "\"urn:vn:nobody\"")]),
    data(Reason::UnknownIndicator, &[("indicator", "\"no-such\"")]),
    data(Reason::WrongMeasure, &[("percent", "1")]),
    data(Reason::WrongMeasure, &[("retracted", "true")]),
    data(Reason::WrongMeasure, &[("denominator", "")]),
    data(Reason::Negative, &[("numerator", "-1")]),
    data(Reason::Negative, &[("denominator", "-1e400")]),
    data(Reason::OutOfRange, &[("numerator", "1e18")]),
    data(Reason::OutOfRange, &[("denominator", "1e18")]),
    data(Reason::TooPrecise, &[("numerator", "0.1234567")]),
    data(Reason::TooPrecise, &[("denominator", "2.0000001")]),
    data(Reason::NumeratorExceedsDenominator, &[("numerator", "5")]),
    data(Reason::NumeratorExceedsDenominator, &[("denominator", "0")]),
    data(Reason::BadDimension, &[("dimensions", r#"{"no":"such"}"#)]),
    data(Reason::BadDate, &[("date", "\"2025-02-30\"")]),
    data(Reason::FutureDate, &[("date", "\"2099-01-01\"")]),
    attribute(Reason::FutureDate, &[("time", "\"2020-01-01T00:00:00Z\"")]),
    data(Reason::UnknownWard, &[("ward", "\"99999\"")]),
    data(Reason::WardAbolished, &[("ward", "\"11414\"")]),
    data(Reason::IndicatorNotAllowed, &[("indicator", "\"cashless-payment-rate\"")]),
    data(Reason::WardNotAllowed, &[("ward", "\"11411\"")]),
    Break { reason: Reason::SourceNotAllowed, topic: Some("another-topic"), ..NOTHING },
];

impl Break {
    /// What it touches; two that touch the same thing cannot be made at once.
    fn touches(&self) -> BTreeSet<String> {
        let attributes = self.attributes.iter().map(|(name, _)| (*name).to_owned());
        let data = self.data.iter().map(|(name, _)| format!("data.{name}"));
        attributes.chain(data).chain(self.topic.map(|_| "topic".to_owned())).collect()
    }
}

/// A ratio of a source that may state this indicator, for this ward, by this topic, and nothing else.
fn limited_registry() -> Reference {
    let mut files = Files::embedded();
    let registry = "source,name,priority,indicators,wards,topics\n\
                    urn:vn:limited,x,1,satisfaction-rate,W11413@2025-07-01,chiso.indicator-events.v1\n";
    files.set(File::Sources, registry.to_owned());
    Reference::parse(&files).unwrap()
}

fn decoded(breaks: &[&Break], reference: &Reference) -> Option<Reason> {
    let plain_data = [("indicator", "\"satisfaction-rate\""), ("value", ""), ("numerator", "1"), ("denominator", "2")];
    let fields = breaks.iter().flat_map(|b| b.data).copied();
    let attributes = breaks.iter().flat_map(|b| b.attributes).copied();
    let fields = with(&plain_data, &fields.collect::<Vec<_>>());
    let attributes = with(&[("source", "\"urn:vn:limited\"")], &attributes.collect::<Vec<_>>());
    // `with` drops what is empty, but the plain event must still lose those members.
    let gone = |changes: Vec<(&'static str, &'static str)>| changes.into_iter().filter(|(_, value)| value.is_empty());
    let lost_fields = gone(breaks.iter().flat_map(|b| b.data).copied().collect()).chain([("value", "")]);
    let lost_attributes = gone(breaks.iter().flat_map(|b| b.attributes).copied().collect());
    let fields: Vec<_> = fields.into_iter().chain(lost_fields).collect();
    let attributes: Vec<_> = attributes.into_iter().chain(lost_attributes).collect();
    let mut value = event(&attributes, &fields);
    if breaks.iter().any(|b| b.cut) {
        value.pop();
    }
    let pad = breaks.iter().map(|b| b.pad).max().unwrap_or(0);
    value += &" ".repeat(pad.saturating_sub(value.len()));
    let topic = breaks.iter().find_map(|b| b.topic).unwrap_or(TOPIC);
    let message = Message { topic, headers: STRUCTURED, value: Some(value.as_bytes()) };
    decode(&message, reference).err().map(|refusal| refusal.reason)
}

#[test]
fn of_two_broken_rules_the_first_in_order_wins() {
    let reference = limited_registry();
    assert_eq!(decoded(&[], &reference), None);
    let mut met = BTreeSet::new();
    for (place, one) in BREAKS.iter().enumerate() {
        assert_eq!(decoded(&[one], &reference), Some(one.reason), "{} alone", one.reason);
        for other in &BREAKS[place + 1..] {
            if !one.touches().is_disjoint(&other.touches()) {
                continue;
            }
            let first = one.reason.min(other.reason);
            let got = decoded(&[one, other], &reference);
            assert_eq!(got, Some(first), "{} {:?} and {} {:?}", one.reason, one.data, other.reason, other.data);
            met.insert((first, one.reason.max(other.reason)));
        }
    }
    assert!(met.len() >= 200, "{} pairs of reasons met", met.len());
}

#[test]
fn every_reason_of_the_order_is_broken_here() {
    let broken: BTreeSet<Reason> = BREAKS.iter().map(|b| b.reason).collect();
    let ordered: BTreeSet<Reason> = Reason::ALL.into_iter().filter(|reason| *reason != Reason::NotStorable).collect();
    assert_eq!(broken, ordered);
}

#[test]
fn reasons_compare_and_list_in_the_order_of_the_contract() {
    assert!(Reason::ALL.is_sorted());
    let codes = Reason::ALL.map(Reason::as_str).join(" ");
    assert_eq!(
        codes,
        "too_large malformed_json not_cloudevent unsupported_type unknown_field missing_field bad_type unknown_source \
         unknown_indicator wrong_measure negative out_of_range too_precise numerator_exceeds_denominator bad_dimension \
         bad_date future_date unknown_ward ward_abolished indicator_not_allowed ward_not_allowed source_not_allowed \
         not_storable"
    );
}

/// Three numbers broken in three ways, out of order in the text: the order of rules counts, not the one of fields.
#[test]
fn rules_are_applied_across_all_numbers_before_the_next_rule() {
    let numbers = |numerator, denominator| {
        let ratio =
            [("indicator", "\"satisfaction-rate\""), ("value", ""), ("numerator", numerator), ("denominator", denominator)];
        reason(event(&[], &ratio))
    };
    assert_eq!(numbers("1e-7", "-1"), Some(Reason::Negative));
    assert_eq!(numbers("1e-7", "1e18"), Some(Reason::OutOfRange));
    assert_eq!(numbers("1e18", "-1e-7"), Some(Reason::Negative));
    assert_eq!(numbers("1e18", "1e-7"), Some(Reason::OutOfRange));
}

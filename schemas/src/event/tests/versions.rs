//! Versions: figures from the reference implementation, and what they must tell apart.

use super::*;

const RATIO: [(&str, &str); 2] = [("indicator", "\"satisfaction-rate\""), ("value", "")];

fn version(attributes: &[(&str, &str)], data: &[(&str, &str)]) -> u128 {
    decode_structured(event(attributes, data).as_bytes()).unwrap().version
}

fn assembled(revision: u32, ms: u64, tie: u64) -> u128 {
    u128::from(revision) << 96 | u128::from(ms) << 48 | u128::from(tie)
}

#[test]
fn versions_are_those_of_the_reference_implementation() {
    assert_eq!(version(&[], &[]), assembled(0, 1_754_017_200_000, 0x8c1d_e78a_7288));
    let dimensions = [
        ("indicator", "\"dossiers-received\""),
        ("value", "0.1"),
        ("dimensions", r#"{"field":"","channel":"online"}"#),
        ("qualifier", "\"more_than\""),
    ];
    assert_eq!(version(&[("id", "\"ệ\"")], &dimensions), assembled(0, 1_754_017_200_000, 0x6343_ef9a_6ae3));
    let greatest =
        [&RATIO[..], &[("numerator", "0"), ("denominator", "999999999999999999"), ("revision", "4294967295")]].concat();
    let last = [("time", "\"2299-12-31T16:59:59.999Z\"")];
    assert_eq!(version(&last, &greatest), assembled(u32::MAX, 10_413_766_799_999, 0xb423_6245_7e48));
    let percent = [&RATIO[..], &[("percent", "87.79"), ("revision", "3"), ("date", "\"1970-01-01\"")]].concat();
    assert_eq!(version(&[("time", "\"1970-01-01T00:00:00Z\"")], &percent), assembled(3, 0, 0xb8a0_cbcd_efe7));
    let retraction = [("value", ""), ("retracted", "true"), ("record", "\"x\""), ("revision", "1")];
    assert_eq!(version(&[], &retraction), assembled(1, 1_754_017_200_000, 0xd52f_3868_7939));
}

#[test]
fn spelling_makes_no_other_version() {
    let plain = version(&[], &[]);
    assert_eq!(version(&[("time", "\"2025-08-01T03:00:00.0009z\"")], &[]), plain);
    assert_eq!(version(&[("id", r#""\u0061""#)], &[("value", "10.0e-1"), ("qualifier", "\"exact\"")]), plain);
    assert_eq!(version(&[("subject", "1")], &[("dimensions", "{}"), ("record", "\"another\"")]), plain);
}

#[test]
fn content_makes_another_version() {
    let plain = version(&[], &[]);
    for other in [
        version(&[("id", "\"b\"")], &[]),
        version(&[("time", "\"2025-08-01T10:00:00.001+07:00\"")], &[]),
        version(&[], &[("value", "1.000001")]),
        version(&[], &[("revision", "1")]),
        version(&[], &[("value", ""), ("retracted", "true")]),
        version(&[], &[("qualifier", "\"at_least\"")]),
        version(&[], &[("dimensions", r#"{"operator":""}"#)]),
    ] {
        assert_ne!(other, plain);
    }
}

//! Every kind of fault, with its text, and many at once.

use super::world::{changed, files};
use super::*;
use File::{Calendars, Indicators, Lineage, Renames, Sources, Targets, Units};

fn faults_of(files: &Files) -> Vec<String> {
    match Reference::parse(files) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.to_string().lines().map(str::to_owned).collect(),
    }
}

/// Each line: a file, what is replaced in it, and the faults that follow.
fn check(cases: &[(File, &str, &str, &[&str])]) {
    for (file, from, to, expected) in cases {
        assert_eq!(faults_of(&changed(&[(*file, from, to)])), *expected, "{file}: {from:?} -> {to:?}");
    }
}

#[test]
fn the_form_of_a_file() {
    check(&[
        (
            Sources,
            "wards,topics",
            "wards,topic",
            &[
                "sources.csv:1: column topic: unknown; remove or correct it, the columns are source,name,priority,indicators,wards,topics",
            ],
        ),
        (
            Sources,
            "source,name,priority",
            "source,name,name,priority",
            &["sources.csv:1: column name: stands there twice; remove one"],
        ),
        (Targets, "comparison,number", "comparison", &["targets.csv:1: column number: missing; add it"]),
        (Targets, "legal,*,VN", "legal, * ,VN", &["targets.csv:2: period \" * \": has white space around it; remove that"]),
        (
            Sources,
            "urn:one,Một,10",
            "urn:one,\"Mộ\nt\",10",
            &["sources.csv:2: name \"Mộ\\nt\": holds a line break or control character; close the quote or remove it"],
        ),
        (Targets, "wards,>=,80", "wards,>=", &["targets.csv:2: has 6 fields, the header has 7; add or remove commas or quotes"]),
    ]);
    let mut empty = files();
    empty.set(Targets, String::new());
    assert_eq!(
        faults_of(&empty),
        ["targets.csv:1: is empty: the first line must be indicator,calendar,period,area_id,scope,comparison,number"]
    );
}

#[test]
fn a_sheet_saved_with_a_byte_order_mark_and_crlf_is_read() {
    let mut sheet = files();
    for file in File::ALL {
        sheet.set(file, format!("\u{feff}{}", sheet.text(file).replace('\n', "\r\n")));
    }
    assert_eq!(Reference::parse(&sheet).map(|reference| reference.units.len()), Ok(10));
}

#[test]
fn topics_may_be_absent() {
    let files = changed(&[(Sources, ",topics", ""), (Sources, ",*,*,*", ",*,*"), (Sources, ",chiso.a;chiso.b", "")]);
    let reference = Reference::parse(&files).unwrap();
    assert!(reference.sources.iter().all(|source| source.topics == ["*"] && source.may_arrive_by("any")));
}

#[test]
fn calendars() {
    check(&[
        (
            Calendars,
            "civil,D",
            "lunar,D",
            &[
                "calendars.csv:1: calendar civil: missing; add a line for it",
                "calendars.csv:2: calendar lunar: unknown; the calendars are civil and legal",
            ],
        ),
        (
            Calendars,
            "Legal,14\n",
            "Legal,14\nlegal,Báo cáo,Legal,15\n",
            &["calendars.csv:4: calendar legal: stands there twice; remove one line"],
        ),
        (
            Calendars,
            "Legal,14",
            "Legal,29",
            &["calendars.csv:3: cut_off_day 29: must be 1 to 28, or empty for the end of the month"],
        ),
        (
            Calendars,
            "Legal,14",
            "Legal,x",
            &["calendars.csv:3: cut_off_day x: must be 1 to 28, or empty for the end of the month"],
        ),
        (Calendars, "Báo cáo", "", &["calendars.csv:3: name_vi: is empty; fill it in"]),
    ]);
}

#[test]
fn indicators() {
    let dimensions = |given: &str, why: &str| {
        format!(
            "indicators.csv:3: dimensions {given:?}: {why}; must be a JSON object such as {{\"channel\": [\"online\", \"postal\"], \"field\": \"*\"}}, or {{}}"
        )
    };
    check(&[(
        Indicators,
        "vneid-rate,extended",
        "dossiers,extended",
        &[
            "indicators.csv:3: code dossiers: stands in line 2 already; remove or rename one",
            "sources.csv:3: indicators vneid-rate: no such indicator; correct the code or add it to indicators.csv",
            "targets.csv:2: indicator vneid-rate: no such indicator; correct the code or add it to indicators.csv",
            "targets.csv:3: indicator vneid-rate: no such indicator; correct the code or add it to indicators.csv",
        ],
    )]);
    check(&[
        (Indicators, ",extended,", ",extra,", &["indicators.csv:3: tier \"extra\": must be one of core, extended"]),
        (
            Indicators,
            ",stock_ratio,",
            ",ratio,",
            &["indicators.csv:3: kind \"ratio\": must be one of flow, flow_ratio, stock, stock_ratio"],
        ),
        (Indicators, "higher", "up", &["indicators.csv:3: direction \"up\": must be one of higher, lower, neutral"]),
        (Indicators, ",true,", ",yes,", &["indicators.csv:3: may_exceed \"yes\": must be one of true, false"]),
        (
            Indicators,
            ",400,",
            ",0,",
            &["indicators.csv:2: carry_days \"0\": must be a whole number from 1 to 36525, or empty for 400"],
        ),
        (
            Indicators,
            ",400,",
            ",-1,",
            &["indicators.csv:2: carry_days \"-1\": must be a whole number from 1 to 36525, or empty for 400"],
        ),
        (
            Indicators,
            "người,dân số",
            "người,",
            &["indicators.csv:3: denominator_meaning \"\": a stock_ratio needs a denominator; say what it counts"],
        ),
        (
            Indicators,
            "flow,hồ sơ,,",
            "flow,hồ sơ,tổng,",
            &["indicators.csv:2: denominator_meaning \"tổng\": a flow has no denominator; leave it empty"],
        ),
        (
            Indicators,
            "VNeID,VNeID,số",
            "VNeID,,",
            &["indicators.csv:3: name_en: is empty; fill it in", "indicators.csv:3: pillar: is empty; fill it in"],
        ),
        (Indicators, "{}", "{a}", &[&dimensions("{a}", "key must be a string at line 1 column 2")]),
        (
            Indicators,
            "{}",
            "\"{\"\"a\"\": []}\"",
            &[&dimensions("{\"a\": []}", "\"a\" must be \"*\" or a list of different strings at line 1 column 9")],
        ),
        (
            Indicators,
            "{}",
            "\"{\"\"a\"\": \"\"x\"\"}\"",
            &[&dimensions("{\"a\": \"x\"}", "\"a\" must be \"*\" or a list of different strings at line 1 column 10")],
        ),
        (
            Indicators,
            "{}",
            "\"{\"\"a\"\": [\"\"x\"\", \"\"x\"\"]}\"",
            &[&dimensions("{\"a\": [\"x\", \"x\"]}", "\"a\" must be \"*\" or a list of different strings at line 1 column 17")],
        ),
        (
            Indicators,
            "{}",
            "\"{\"\"a\"\": \"\"*\"\", \"\"a\"\": \"\"*\"\"}\"",
            &[&dimensions("{\"a\": \"*\", \"a\": \"*\"}", "\"a\" stands there twice at line 1 column 20")],
        ),
        (
            Indicators,
            "{}",
            "[]",
            &[&dimensions("[]", "invalid type: sequence, expected an object of dimensions at line 1 column 0")],
        ),
    ]);
    let files = changed(&[
        (Indicators, "dossiers,core", "Dossiers Received,core"),
        (Sources, "dossiers;", ""),
        (Targets, "dossiers,civil,M", "vneid-rate,civil,M"),
        (Targets, "dossiers", "vneid-rate"),
    ]);
    assert_eq!(
        faults_of(&files),
        ["indicators.csv:2: code \"Dossiers Received\": must be words of a-z and 0-9 with - between them, as in shops-qr-rate"]
    );
}

#[test]
fn units() {
    check(&[
        (
            Units,
            "W00002@1900-01-01,00002",
            "W00002@1900-01-01,0002",
            &[
                "admin-units/units.csv:8: code \"0002\": the code of a ward has 5 digits; keep leading zeros",
                "admin-units/units.csv:8: unit_id \"W00002@1900-01-01\": must be W0002@1900-01-01 by level, code and valid_from; correct one of them",
            ],
        ),
        (
            Units,
            "xã,D001@1900-01-01,1900-01-01,2025-06-30",
            "xã,D001@1900-01-01,1900-01-32,2025-06-30",
            &[
                "admin-units/units.csv:7: valid_from \"1900-01-32\": must be a day from 1900-01-01 to 2299-12-31",
                "admin-units/units.csv:7: unit_id \"W00001@1900-01-01\": must be W00001@1900-01-32 by level, code and valid_from; correct one of them",
            ],
        ),
        (Units, "ward,Xã Ba", "xã,Xã Ba", &["admin-units/units.csv:9: level \"xã\": must be one of province, district, ward"]),
        (
            Units,
            "ward,Xã Ba",
            "country,Xã Ba",
            &["admin-units/units.csv:9: level \"country\": must be one of province, district, ward"],
        ),
        (
            Units,
            "Xã Ba,xã",
            ",",
            &["admin-units/units.csv:9: name: is empty; fill it in", "admin-units/units.csv:9: type: is empty; fill it in"],
        ),
        (
            Units,
            "Xã Ba,xã,D002@1900-01-01",
            "Xã Ba,xã,D009@1900-01-01",
            &[
                "admin-units/units.csv:9: parent_unit_id D009@1900-01-01: no such unit; correct the id or add the unit to admin-units/units.csv",
            ],
        ),
        (
            Units,
            "Xã Ba,xã,D002@1900-01-01",
            "Xã Ba,xã,",
            &[
                "admin-units/units.csv:9: parent_unit_id \"\" of ward W00003@1900-01-01: a province has none, a district a province, a ward a district or province",
            ],
        ),
        (
            Units,
            "Tỉnh Hai,tỉnh,",
            "Tỉnh Hai,tỉnh,P01@1900-01-01",
            &[
                "admin-units/units.csv:3: parent_unit_id \"P01@1900-01-01\" of province P02@1900-01-01: a province has none, a district a province, a ward a district or province",
            ],
        ),
        (
            Units,
            "Xã Hai,xã,D001@1900-01-01",
            "Xã Hai,xã,W00001@1900-01-01",
            &[
                "admin-units/units.csv:8: parent_unit_id W00001@1900-01-01: a ward cannot be above a ward; give a unit of a higher level",
            ],
        ),
        (
            Units,
            "Xã Hai,xã,D001@1900-01-01",
            "Xã Hai,xã,P01@2025-07-01",
            &[
                "admin-units/units.csv:8: parent_unit_id P01@2025-07-01: is valid from 2025-07-01 to 9999-12-31, but W00002@1900-01-01 from 1900-01-01 to 2025-06-30; a parent must be valid as long as its child",
            ],
        ),
        (
            Units,
            "W00003@2025-07-01,00003",
            "W00001@2025-07-01,00001",
            &[
                "admin-units/units.csv:11: unit_id W00001@2025-07-01: stands in line 10 already; remove or correct one",
                "admin-units/lineage.csv:6: new_unit_id W00003@2025-07-01: no such unit; correct the id or add the unit to admin-units/units.csv",
                "admin-units/lineage.csv:7: new_unit_id W00003@2025-07-01: no such unit; correct the id or add the unit to admin-units/units.csv",
                "admin-units/lineage.csv:8: old_unit_id W00003@2025-07-01: no such unit; correct the id or add the unit to admin-units/units.csv",
                "sources.csv:3: wards W00003@2025-07-01: no such unit; correct the id or add the unit to admin-units/units.csv",
            ],
        ),
    ]);
    let reversed = "unit_id,code,level,name,type,parent_unit_id,valid_from,valid_to\nP03@2025-01-02,03,province,Tỉnh Ba,tỉnh,,2025-01-02,2025-01-01\n";
    check(&[(
        Units,
        "unit_id,code,level,name,type,parent_unit_id,valid_from,valid_to\n",
        reversed,
        &["admin-units/units.csv:2: valid_to 2025-01-01: is before valid_from 2025-01-02; correct one of them"],
    )]);
    let overlap = "P01@2025-06-30,01,province,Tỉnh Bốn,tỉnh,,2025-06-30,2025-07-01\nP02@1900-01-01";
    check(&[(
        Units,
        "P02@1900-01-01",
        overlap,
        &[
            "admin-units/units.csv:3: valid_from 2025-06-30: P01@1900-01-01 of line 2 bears code 01 until 2025-06-30; let one end before the other begins",
            "admin-units/units.csv:5: valid_from 2025-07-01: P01@2025-06-30 of line 3 bears code 01 until 2025-07-01; let one end before the other begins",
        ],
    )]);
}

#[test]
fn lineage() {
    check(&[
        (
            Lineage,
            "W00001@1900-01-01,W00001@2025-07-01,whole",
            "W00009@1900-01-01,W00001@2025-07-01,whole",
            &[
                "admin-units/units.csv:7: unit_id W00001@1900-01-01: ended on 2025-06-30 without a successor; add what became of it to admin-units/lineage.csv",
                "admin-units/lineage.csv:4: old_unit_id W00009@1900-01-01: no such unit; correct the id or add the unit to admin-units/units.csv",
            ],
        ),
        (
            Lineage,
            "W00001@1900-01-01,W00001@2025-07-01,whole",
            "W00001@1900-01-01,W00009@2025-07-01,whole",
            &[
                "admin-units/lineage.csv:4: new_unit_id W00009@2025-07-01: no such unit; correct the id or add the unit to admin-units/units.csv",
            ],
        ),
        (
            Lineage,
            "W00001@1900-01-01,W00001@2025-07-01,whole",
            "W00001@1900-01-01,P01@2025-07-01,whole",
            &[
                "admin-units/lineage.csv:4: new_unit_id P01@2025-07-01: is a province, but W00001@1900-01-01 is a ward; both must be of one level",
            ],
        ),
        (Lineage, "whole", "all", &["admin-units/lineage.csv:2: relation \"all\": must be one of whole, part-default, part"]),
        (
            Lineage,
            "2025-07-01\nW00002",
            "1.7.2025\nW00002",
            &["admin-units/lineage.csv:4: effective_from \"1.7.2025\": must be a day from 1900-01-01 to 2299-12-31"],
        ),
        (
            Lineage,
            "2025-07-01\nW00002",
            "2025-07-02\nW00002",
            &[
                "admin-units/lineage.csv:4: effective_from 2025-07-02: W00001@1900-01-01 is valid until 2025-06-30; it must be the day after, correct one of them",
            ],
        ),
        (
            Lineage,
            "whole,2027-01-01",
            "whole,2025-06-30",
            &[
                "admin-units/lineage.csv:8: effective_from 2025-06-30: W00003@2025-07-01 is valid until 2026-12-31; it must be the day after, correct one of them",
                "admin-units/lineage.csv:8: effective_from 2025-06-30: W00001@2025-07-01 is valid from 2025-07-01 to 9999-12-31; it must be valid on that day",
            ],
        ),
        (
            Lineage,
            "part,",
            "part-default,",
            &[
                "admin-units/lineage.csv:5: old_unit_id W00002@1900-01-01: has 0 whole, 2 part-default and 0 part successors; give it one whole, or one part-default and at least one part",
            ],
        ),
        (
            Lineage,
            "part-default,",
            "part,",
            &[
                "admin-units/lineage.csv:5: old_unit_id W00002@1900-01-01: has 0 whole, 0 part-default and 2 part successors; give it one whole, or one part-default and at least one part",
            ],
        ),
        (
            Lineage,
            "part-default,",
            "whole,",
            &[
                "admin-units/lineage.csv:5: old_unit_id W00002@1900-01-01: has 1 whole, 0 part-default and 1 part successors; give it one whole, or one part-default and at least one part",
            ],
        ),
        (
            Lineage,
            "W00002@1900-01-01,W00001@2025-07-01,part,2025-07-01\n",
            "",
            &[
                "admin-units/lineage.csv:5: old_unit_id W00002@1900-01-01: has 0 whole, 1 part-default and 0 part successors; give it one whole, or one part-default and at least one part",
            ],
        ),
        (
            Lineage,
            "W00003@2025-07-01,W00001@2025-07-01,whole,2027-01-01\n",
            "",
            &[
                "admin-units/units.csv:11: unit_id W00003@2025-07-01: ended on 2026-12-31 without a successor; add what became of it to admin-units/lineage.csv",
            ],
        ),
        (
            Lineage,
            "W00001@1900-01-01,W00001@2025-07-01,whole,2025-07-01\n",
            "W00001@1900-01-01,W00001@2025-07-01,whole,2025-07-01\nW00001@1900-01-01,W00001@2025-07-01,part,2025-07-01\n",
            &[
                "admin-units/lineage.csv:4: old_unit_id W00001@1900-01-01: has 1 whole, 0 part-default and 1 part successors; give it one whole, or one part-default and at least one part",
                "admin-units/lineage.csv:5: new_unit_id W00001@2025-07-01: is a successor of W00001@1900-01-01 already; remove one line",
            ],
        ),
    ]);
}

#[test]
fn a_circle_of_lineage_is_named() {
    let back = "W00003@2025-07-01,W00002@1900-01-01,whole,2027-01-01\n";
    check(&[(
        Lineage,
        "W00003@2025-07-01,W00001@2025-07-01,whole,2027-01-01\n",
        back,
        &[
            "admin-units/lineage.csv:5: old_unit_id W00002@1900-01-01: its successors lead back to it: W00002@1900-01-01 -> W00003@2025-07-01 -> W00002@1900-01-01; remove one of these steps",
            "admin-units/lineage.csv:8: effective_from 2027-01-01: W00002@1900-01-01 is valid from 1900-01-01 to 2025-06-30; it must be valid on that day",
        ],
    )]);
    let to_itself = "W00003@2025-07-01,W00003@2025-07-01,whole,2027-01-01\n";
    check(&[(
        Lineage,
        "W00003@2025-07-01,W00001@2025-07-01,whole,2027-01-01\n",
        to_itself,
        &[
            "admin-units/lineage.csv:8: effective_from 2027-01-01: W00003@2025-07-01 is valid from 2025-07-01 to 2026-12-31; it must be valid on that day",
            "admin-units/lineage.csv:8: old_unit_id W00003@2025-07-01: its successors lead back to it: W00003@2025-07-01 -> W00003@2025-07-01; remove one of these steps",
        ],
    )]);
}

#[test]
fn renames() {
    check(&[
        (
            Renames,
            "W00001@2025-07-01",
            "W00008@2025-07-01",
            &[
                "admin-units/renames.csv:2: unit_id W00008@2025-07-01: no such unit; correct the id or add the unit to admin-units/units.csv",
            ],
        ),
        (
            Renames,
            "2025-09-01",
            "2025-07-01",
            &[
                "admin-units/renames.csv:2: since 2025-07-01: W00001@2025-07-01 is valid from 2025-07-01 to 9999-12-31; a rename falls after the first day and not after the last",
            ],
        ),
        (
            Renames,
            "2025-09-01",
            "",
            &["admin-units/renames.csv:2: since \"\": must be the first day of the new name, YYYY-MM-DD"],
        ),
        (
            Renames,
            "2025-09-01",
            "2026-04-30",
            &["admin-units/renames.csv:3: since 2026-04-30: W00001@2025-07-01 is renamed twice on that day; remove one line"],
        ),
        (
            Renames,
            "Xã Nhất,xã,2025-09-01",
            "Xã Hai,xã,2025-09-01",
            &[
                "admin-units/renames.csv:2: new_name \"Xã Hai\" (xã): the next rename, of 2026-04-30, starts from \"Xã Nhất\" (xã); make them agree",
            ],
        ),
        (
            Renames,
            "Phường Một,phường",
            "Phường Hai,phường",
            &[
                "admin-units/renames.csv:3: new_name \"Phường Hai\" (phường): admin-units/units.csv has \"Phường Một\" (phường); make them agree",
            ],
        ),
        (
            Renames,
            "Xã Một,xã",
            "Xã Nhất,xã",
            &["admin-units/renames.csv:2: new_name \"Xã Nhất\": name and type stay the same; remove the line"],
        ),
        (
            Renames,
            "Xã Một,xã",
            ",",
            &[
                "admin-units/renames.csv:2: old_name: is empty; fill it in",
                "admin-units/renames.csv:2: old_type: is empty; fill it in",
            ],
        ),
    ]);
}

#[test]
fn sources() {
    let long = "u".repeat(257);
    check(&[
        (Sources, "urn:two", "urn:one", &["sources.csv:3: source urn:one: stands in line 2 already; remove or rename one"]),
        (
            Sources,
            "Hai,20",
            "Hai,10",
            &[
                "sources.csv:3: priority 10: urn:one of line 2 has it too; give every source another priority, the smallest is the authority",
            ],
        ),
        (Sources, "Hai,20", "Hai,2.5", &["sources.csv:3: priority \"2.5\": must be a whole number from 0 to 4294967295"]),
        (
            Sources,
            "urn:two,Hai",
            ",",
            &["sources.csv:3: source: is empty; fill it in", "sources.csv:3: name: is empty; fill it in"],
        ),
        (Sources, "urn:two", &long, &[&format!("sources.csv:3: source {long}: is longer than 256 bytes; shorten it")]),
        (
            Sources,
            "dossiers;vneid-rate",
            "dossiers;vneid",
            &["sources.csv:3: indicators vneid: no such indicator; correct the code or add it to indicators.csv"],
        ),
        (
            Sources,
            "dossiers;vneid-rate",
            "",
            &["sources.csv:3: indicators \"\": has an empty part; write * for all, or the parts with ; between them"],
        ),
        (
            Sources,
            "dossiers;vneid-rate",
            "dossiers;*",
            &["sources.csv:3: indicators \"dossiers;*\": has * beside other parts; keep one of them"],
        ),
        (
            Sources,
            "dossiers;vneid-rate",
            "dossiers;dossiers",
            &["sources.csv:3: indicators \"dossiers;dossiers\": names a part twice; remove one"],
        ),
        (
            Sources,
            "D001@1900-01-01;",
            "D001@1900-01-02;",
            &["sources.csv:3: wards D001@1900-01-02: no such unit; correct the id or add the unit to admin-units/units.csv"],
        ),
        (
            Sources,
            "chiso.a;chiso.b",
            "chiso.a;",
            &["sources.csv:3: topics \"chiso.a;\": has an empty part; write * for all, or the parts with ; between them"],
        ),
        (
            Sources,
            "chiso.a;chiso.b",
            "",
            &["sources.csv:3: topics \"\": has an empty part; write * for all, or the parts with ; between them"],
        ),
        (
            Sources,
            "chiso.a;chiso.b",
            "chiso/a",
            &[
                "sources.csv:3: topics \"chiso/a\": a Kafka topic has at most 249 letters, digits, dots, underscores and hyphens; correct it",
            ],
        ),
    ]);
}

#[test]
fn targets() {
    let period = |given: &str| {
        format!(
            "targets.csv:4: period {given:?}: must be an id such as 2025-H2, 2025-10-09 or 2025-07-01..2025-10-09, a type M01..M12, M, Q1..Q4, Q, H1, H2, 9M or Y, or *"
        )
    };
    let number = |given: &str| {
        format!(
            "targets.csv:4: number {given:?}: must be a plain decimal such as 80 or 99.5, not negative, below 10^18, with at most 6 decimals"
        )
    };
    check(&[
        (
            Targets,
            "dossiers,civil",
            "dossier,civil",
            &["targets.csv:4: indicator dossier: no such indicator; correct the code or add it to indicators.csv"],
        ),
        (Targets, "civil,M,", "*,M,", &["targets.csv:4: calendar \"*\": must be one of civil, legal"]),
        (
            Targets,
            "M,VN",
            "M,W00002@2025-07-01",
            &["targets.csv:4: area_id W00002@2025-07-01: no such unit; correct the id or add the unit to admin-units/units.csv"],
        ),
        (Targets, "VN,self", "VN,own", &["targets.csv:4: scope \"own\": must be one of self, wards"]),
        (Targets, "<=", "<", &["targets.csv:4: comparison \"<\": must be one of >=, <=, ="]),
        (Targets, "<=,5", "<=,5.1234567", &[&number("5.1234567")]),
        (Targets, "<=,5", "<=,-5", &[&number("-5")]),
        (Targets, "<=,5", "<=,1000000000000000000", &[&number("1000000000000000000")]),
        (Targets, "<=,5", "<=,80%", &[&number("80%")]),
        (
            Targets,
            "dossiers,civil,M,VN,self",
            "vneid-rate,legal,2025-H2,P01@2025-07-01,self",
            &["targets.csv:4: target vneid-rate, legal, 2025-H2, P01@2025-07-01, self: stands in line 3 already; remove one"],
        ),
    ]);
    for wrong in [
        "",
        "H",
        "M13",
        "M1",
        "2025",
        "2025-M00",
        "07-01",
        "07-01..2025-10-09",
        "2025-02-30",
        "2025-10-09..2025-07-01",
        "m",
        "**",
    ] {
        check(&[(Targets, "civil,M,", &format!("civil,{wrong},"), &[&period(wrong)])]);
    }
    for right in ["M01", "M12", "Q", "Q4", "H1", "9M", "Y", "*", "2025-M01", "2025-10-09", "2025-07-01..2025-10-09"] {
        check(&[(Targets, "civil,M,", &format!("civil,{right},"), &[])]);
    }
}

#[test]
fn faults_of_all_files_come_at_once_and_in_order() {
    let files = changed(&[
        (Targets, "VN,wards", "VN,ward"),
        (Targets, "M,VN", "M,VNM"),
        (Sources, "Hai,20", "Hai,10"),
        (Renames, "2026-04-30", "2026-4-30"),
        (Lineage, "part-default,", "part,"),
        (Units, "Xã Một,xã,D001@1900-01-01", "Xã Một,xã,D007@1900-01-01"),
        (Indicators, ",400,", ",four,"),
        (Calendars, "Legal,14", "Legal,31"),
    ]);
    let faults = Reference::parse(&files).unwrap_err();
    let places: Vec<String> = faults.iter().map(|fault| format!("{}:{}", fault.place.file, fault.place.line)).collect();
    assert_eq!(
        places,
        [
            "calendars.csv:3",
            "indicators.csv:2",
            "admin-units/units.csv:7",
            "admin-units/lineage.csv:5",
            "admin-units/renames.csv:3",
            "sources.csv:3",
            "targets.csv:2",
            "targets.csv:4",
        ]
    );
    assert_eq!(faults.to_string().lines().count(), faults.len());
}

#[test]
fn one_fault_does_not_look_like_many() {
    for (file, from, to) in [
        (Indicators, "code,tier", "id,tier"),
        (Indicators, "stock_ratio", "stok_ratio"),
        (Indicators, ",higher,", ",higher,,"),
        (Units, "unit_id,code", "unit,code"),
        (Units, "Xã Ba,xã", "Xã Ba ,xã"),
        (Units, "Xã Ba,xã,D002", "Xã Ba,D002"),
        (Lineage, "old_unit_id", "old"),
        (Lineage, "part-default,", "part-default ,"),
        (Lineage, "part-default,", "partly,"),
        (Calendars, "civil,D", "civil ,D"),
        (Renames, "2026-04-30", " 2026-04-30"),
    ] {
        let faults = faults_of(&changed(&[(file, from, to)]));
        let names_only_this = faults.iter().all(|fault| fault.starts_with(file.path()));
        let lines: std::collections::BTreeSet<_> = faults.iter().map(|fault| fault.split(':').nth(1)).collect();
        assert!(!faults.is_empty() && names_only_this && lines.len() == 1, "{from:?} -> {to:?}: {faults:#?}");
    }
}

//! `export --format xlsx`, opened by LibreOffice: it shows what the CSV holds, as people read it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::{fact, small_world_with};
use crate::harness::{Ended, World};

const EXPORT: [&str; 7] = ["export", "--calendar", "civil", "--period", "2025-Y", "--period", "2025-M08"];
/// Separator, quote, UTF-8, first line; numbers as shown; every sheet into a file of its own.
const CSV_OF_ALL_SHEETS: &str = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,true,false,false,-1";
const SHEETS: [(&str, &str); 4] =
    [("ward", "Cấp xã"), ("district", "Cấp huyện"), ("province", "Cấp tỉnh"), ("country", "Cả nước")];

fn world() -> World {
    let ratio = json!({"numerator": 2, "denominator": 3});
    small_world_with(
        "sheets",
        &[
            fact("a", "dossiers-received", "00101", "2025-08-01", json!({"value": 1234567.25, "qualifier": "more_than"})),
            fact("b", "dossiers-online-rate", "00303", "2025-08-01", ratio),
            fact("c", "smartphone-rate", "00303", "2025-08-01", json!({"percent": 12.5})),
            fact("d", "bts-stations", "00401", "2025-08-02", json!({"value": 123456789012345678_u64})),
            fact("e", "bts-stations", "00302", "2025-03-02", json!({"value": 12})),
            fact("f", "dossiers-online-rate", "00401", "2025-08-03", json!({"numerator": 0, "denominator": 0})),
        ],
    )
}

/// Lets LibreOffice write the workbook in another form.
fn convert(book: &Path, form: &str) {
    let folder = book.parent().unwrap();
    let mut office = Command::new("soffice");
    office.arg(format!("-env:UserInstallation=file://{}/profile", folder.display()));
    office.args(["--headless", "--convert-to", form, "--outdir"]).args([folder, book]);
    Ended::from(office.output().unwrap()).ok();
}

type Rows = Vec<BTreeMap<String, String>>;

fn rows(text: &str) -> Rows {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| header.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect();
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// `12,345.60` of a cell as the contract writes it.
fn plain(shown: &str) -> String {
    let number = shown.replace(',', "");
    let (number, percent) = number.strip_suffix('%').map_or((number.as_str(), false), |number| (number, true));
    assert!(!percent || number.contains('.') || number.len() > 15, "{shown}");
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.').to_owned() } else { number.to_owned() }
}

/// `31/12/2025` of a cell as the contract writes it.
fn day(shown: &str) -> String {
    shown.split('/').rev().collect::<Vec<_>>().join("-")
}

fn compare(cell: &BTreeMap<String, String>, row: &BTreeMap<String, String>) {
    for (title, column) in [
        ("Kỳ", "period"),
        ("Mã đơn vị", "area_code"),
        ("Định danh đơn vị", "area_id"),
        ("Tên đơn vị", "area_name"),
        ("Mã chỉ tiêu", "indicator"),
    ] {
        assert_eq!(cell[title], row[column], "{title}");
    }
    for (title, column) in [
        ("Giá trị", "value"),
        ("Tử số", "numerator"),
        ("Mẫu số", "denominator"),
        ("Tỷ lệ", "percent"),
        ("Tỷ lệ do nguồn báo cáo", "stated_percent"),
        ("Chỉ tiêu giao", "target"),
        ("Số bản ghi", "records"),
        ("Số nguồn", "sources"),
        ("Số xã có số liệu", "wards_reporting"),
        ("Số xã chỉ có tỷ lệ", "wards_percent_only"),
        ("Tổng số xã", "wards_expected"),
    ] {
        assert_eq!(plain(&cell[title]), row[column], "{title}: {cell:?}");
    }
    for (title, column) in [("Từ ngày", "period_start"), ("Đến ngày", "period_end"), ("Số liệu đến ngày", "as_of")]
    {
        assert_eq!(day(&cell[title]), row[column], "{title}");
    }
    let notes = &cell["Ghi chú"];
    for (begin, column) in [("Số liệu mang sang", "carried"), ("Gần đúng", "approximate"), ("Nguồn ghi", "qualified")] {
        assert_eq!(notes.contains(begin).to_string(), row[column], "{column}: {notes}");
    }
    assert_eq!(notes.contains("Chỉ có tỷ lệ"), !row["stated_percent"].is_empty(), "{notes}");
    assert_eq!(notes.contains("Không phát sinh"), row["denominator"] == "0" && row["numerator"] == "0", "{notes}");
    assert_eq!(notes.contains("Mẫu số bằng 0"), row["denominator"] == "0" && row["numerator"] != "0", "{notes}");
    assert_eq!(notes.contains("quá 15 chữ số"), row["value"].len() > 15, "{notes}");
    assert!(!cell["Tên chỉ tiêu"].is_empty() && cell["Lịch"] == "Dương lịch" && !cell["Cách tính"].is_empty());
    let results = [("met", "Đạt"), ("not_met", "Không đạt"), ("", "")];
    assert!(results.contains(&(&row["status"], &cell["Kết quả"])), "{cell:?}");
}

#[test]
fn libreoffice_opens_a_workbook_and_shows_what_the_csv_holds() {
    let world = world();
    let folder = TempDir::new().unwrap();
    let book = folder.path().join("report.xlsx");
    world.rollup(&[&EXPORT[..], &["--format", "xlsx", "--output", book.to_str().unwrap()]].concat()).ok();
    let expected = rows(&world.rollup(&EXPORT).ok());
    convert(&book, CSV_OF_ALL_SHEETS);
    let sheet = |name: &str| std::fs::read_to_string(folder.path().join(format!("report-{name}.csv")));
    for (level, name) in SHEETS {
        let expected = expected.iter().filter(|row| row["level"] == level).collect::<Vec<_>>();
        let Ok(text) = sheet(name) else {
            assert!(expected.is_empty(), "there is no sheet {name}");
            continue;
        };
        let found = rows(&text);
        assert_eq!(found.len(), expected.len(), "{name}");
        assert!(!found.is_empty());
        for (cell, row) in found.iter().zip(expected) {
            compare(cell, row);
        }
    }
    let wards = rows(&sheet("Cấp xã").unwrap());
    let shows = |title: &str, text: &str| assert!(wards.iter().any(|row| row[title] == text), "{title} {text}: {wards:?}");
    for (title, text) in [
        ("Giá trị", "1,234,567.25"),
        ("Giá trị", "123456789012345678"),
        ("Tỷ lệ", "66.67%"),
        ("Tỷ lệ do nguồn báo cáo", "12.50%"),
        ("Đến ngày", "31/12/2025"),
        ("Tên chỉ tiêu", "Số hồ sơ tiếp nhận"),
    ] {
        shows(title, text);
    }
    let about = sheet("Giải thích").unwrap();
    assert!(about.contains("\"2025-Y, 2025-M08\"") && about.contains("Đầy đủ đến") && about.contains("(UTC+07:00)"), "{about}");

    // Values with their types, and the filters, as LibreOffice has understood them.
    convert(&book, "fods");
    let text = std::fs::read_to_string(folder.path().join("report.fods")).unwrap();
    for piece in [
        r#"office:value-type="percentage" office:value="0.6667""#,
        r#"office:value-type="percentage" office:value="0.125""#,
        r#"office:value-type="float" office:value="1234567.25""#,
        r#"office:value-type="date" office:date-value="2025-12-31""#,
        r#"table:display-filter-buttons="true""#,
    ] {
        assert!(text.contains(piece), "{piece}");
    }

    // It drops what is frozen when it converts.
    let read = "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read('xl/worksheets/sheet1.xml').decode())";
    let sheet = Ended::from(Command::new("python3").args(["-c", read]).arg(&book).output().unwrap()).ok();
    assert!(
        sheet.contains(r#"<pane ySplit="1""#) && sheet.contains(r#"state="frozen""#) && sheet.contains("<autoFilter"),
        "{sheet}"
    );

    // To a pipe as well.
    let mut command = world.command("chiso-rollup", &EXPORT);
    let piped = command.args(["--format", "xlsx", "--level", "country"]).output().unwrap();
    assert!(piped.status.success() && piped.stdout.starts_with(b"PK"));
}

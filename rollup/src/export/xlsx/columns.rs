//! The columns of a sheet: title, width, and what stands there.

use chrono::NaiveDate;

use super::super::row::ExportRow;
use super::about::About;
use super::number::is_exact;

/// What stands in a cell.
pub(super) enum Cell {
    Empty,
    Text(String),
    /// A day as `YYYY-MM-DD`.
    Date(String),
    /// A plain decimal.
    Number(String),
    /// A plain decimal of hundredths.
    Percent(String),
}

/// One column.
pub(super) struct Column {
    pub(super) title: &'static str,
    /// In characters.
    pub(super) width: u32,
    pub(super) cell: fn(&ExportRow, &About) -> Cell,
}

const fn column(title: &'static str, width: u32, cell: fn(&ExportRow, &About) -> Cell) -> Column {
    Column { title, width, cell }
}

/// The columns in order. Level stands in the name of the sheet, the three flags among the notes.
pub(super) const COLUMNS: [Column; 25] = [
    column("Lịch", 12, |row, _| text(calendar(&row.calendar))),
    column("Kỳ", 12, |row, _| text(&row.period)),
    column("Từ ngày", 12, |row, _| Cell::Date(row.period_start.clone())),
    column("Đến ngày", 12, |row, _| Cell::Date(row.period_end.clone())),
    column("Mã đơn vị", 10, |row, _| text(&row.area_code)),
    column("Định danh đơn vị", 20, |row, _| text(&row.area_id)),
    column("Tên đơn vị", 26, |row, _| text(&row.area_name)),
    column("Mã chỉ tiêu", 28, |row, _| text(&row.indicator)),
    column("Tên chỉ tiêu", 46, |row, about| text(about.indicator(&row.indicator).0)),
    column("Đơn vị tính", 12, |row, about| text(about.indicator(&row.indicator).1)),
    column("Cách tính", 24, |row, _| text(kind(&row.kind))),
    column("Giá trị", 16, |row, _| number(&row.value)),
    column("Tử số", 16, |row, _| number(&row.numerator)),
    column("Mẫu số", 16, |row, _| number(&row.denominator)),
    column("Tỷ lệ", 10, |row, _| percent(&row.percent)),
    column("Tỷ lệ do nguồn báo cáo", 12, |row, _| percent(&row.stated_percent)),
    column("Số liệu đến ngày", 12, |row, _| if row.as_of.is_empty() { Cell::Empty } else { Cell::Date(row.as_of.clone()) }),
    column("Chỉ tiêu giao", 14, |row, _| if is_ratio(row) { percent(&row.target) } else { number(&row.target) }),
    column("Kết quả", 11, |row, _| text(status(&row.status))),
    column("Số bản ghi", 10, |row, _| number(&row.records.to_string())),
    column("Số nguồn", 10, |row, _| number(&row.sources.to_string())),
    column("Số xã có số liệu", 11, |row, _| number(&row.wards_reporting.to_string())),
    column("Số xã chỉ có tỷ lệ", 11, |row, _| number(&row.wards_percent_only.to_string())),
    column("Tổng số xã", 11, |row, _| number(&row.wards_expected.to_string())),
    column("Ghi chú", 60, |row, _| text(&notes(row))),
];

/// A column's number as the workbook counts them.
pub(super) fn index(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}

/// A day that programs show alike: they count the first two months of 1900 differently, and none before.
pub(super) fn shown_date(text: &str) -> Option<NaiveDate> {
    text.parse::<NaiveDate>().ok().filter(|date| Some(*date) >= NaiveDate::from_ymd_opt(1900, 3, 1))
}

/// Carried, approximate, qualified, percent-only, and what else a reader must know of the figure.
fn notes(row: &ExportRow) -> String {
    let is_long = [&row.value, &row.numerator, &row.denominator, &row.percent, &row.stated_percent, &row.target];
    let flags = [
        (row.carried, CARRIED.to_owned()),
        (row.approximate, APPROXIMATE.to_owned()),
        (row.qualified, QUALIFIED.to_owned()),
        (!row.stated_percent.is_empty(), PERCENT_ONLY.to_owned()),
        (
            row.level != "ward" && row.wards_percent_only > 0,
            format!("{} xã chỉ có tỷ lệ, không cộng vào tử số và mẫu số", row.wards_percent_only),
        ),
        (row.denominator == "0" && row.numerator == "0", NOTHING_AROSE.to_owned()),
        (row.denominator == "0" && row.numerator != "0", NO_DENOMINATOR.to_owned()),
        (is_long.iter().any(|number| !is_exact(number)), LONG.to_owned()),
    ];
    flags.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note).collect::<Vec<_>>().join("; ")
}

pub(super) const CARRIED: &str = "Số liệu mang sang từ trước kỳ";
pub(super) const APPROXIMATE: &str = "Gần đúng: có đơn vị cũ bị chia tách";
pub(super) const QUALIFIED: &str = "Nguồn ghi khoảng, hơn hoặc ít nhất";
pub(super) const PERCENT_ONLY: &str = "Chỉ có tỷ lệ, không có tử số và mẫu số";
pub(super) const NOTHING_AROSE: &str = "Không phát sinh";
pub(super) const NO_DENOMINATOR: &str = "Mẫu số bằng 0, không tính được tỷ lệ";
pub(super) const LONG: &str = "Số quá 15 chữ số được ghi dạng chữ để không bị làm tròn";

fn text(text: &str) -> Cell {
    if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) }
}

fn number(number: &str) -> Cell {
    if number.is_empty() { Cell::Empty } else { Cell::Number(number.to_owned()) }
}

fn percent(percent: &str) -> Cell {
    if percent.is_empty() { Cell::Empty } else { Cell::Percent(percent.to_owned()) }
}

fn is_ratio(row: &ExportRow) -> bool {
    row.kind.ends_with("_ratio")
}

/// What is not known here stands as it is.
pub(super) fn calendar(code: &str) -> &str {
    match code {
        "civil" => "Dương lịch",
        "legal" => "Lịch báo cáo",
        other => other,
    }
}

fn kind(code: &str) -> &str {
    match code {
        "flow" => "Phát sinh trong kỳ",
        "flow_ratio" => "Tỷ lệ phát sinh trong kỳ",
        "stock" => "Hiện có cuối kỳ",
        "stock_ratio" => "Tỷ lệ hiện có cuối kỳ",
        other => other,
    }
}

fn status(code: &str) -> &str {
    match code {
        "met" => "Đạt",
        "not_met" => "Không đạt",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::row::tests::row;
    use super::*;

    #[test]
    fn notes_say_what_a_reader_must_know() {
        let plain = ExportRow { approximate: false, value: "1".to_owned(), ..row() };
        assert_eq!(notes(&plain), "");
        let all = ExportRow { carried: true, qualified: true, ..row() };
        assert_eq!(notes(&all), format!("{CARRIED}; {APPROXIMATE}; {QUALIFIED}; {LONG}"));
        let stated = ExportRow { stated_percent: "12.5".to_owned(), wards_percent_only: 1, ..plain };
        assert_eq!(notes(&stated), PERCENT_ONLY);
        let (level, denominator) = ("province".to_owned(), "0".to_owned());
        let area = ExportRow { level, stated_percent: String::new(), numerator: "0".to_owned(), denominator, ..stated };
        assert_eq!(notes(&area), format!("1 xã chỉ có tỷ lệ, không cộng vào tử số và mẫu số; {NOTHING_AROSE}"));
        let unclear = ExportRow { numerator: "7".to_owned(), wards_percent_only: 0, ..area };
        assert_eq!(notes(&unclear), NO_DENOMINATOR);
    }

    #[test]
    fn days_that_spreadsheets_count_differently_are_text() {
        assert_eq!(shown_date("1900-02-28"), None);
        assert_eq!(shown_date("1899-12-15"), None);
        assert_eq!(shown_date("1900-03-01"), NaiveDate::from_ymd_opt(1900, 3, 1));
    }
}

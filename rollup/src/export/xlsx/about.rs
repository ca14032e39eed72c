//! The last sheet of a workbook: what its figures are, up to when, and what the notes mean.

use std::collections::HashMap;

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::{Indicator, Reference};
use chrono::{DateTime, FixedOffset, Utc};
use rust_xlsxwriter::{Format, FormatAlign, Worksheet, XlsxError};

use super::super::Selection;
use super::columns::{APPROXIMATE, CARRIED, LONG, NO_DENOMINATOR, NOTHING_AROSE, PERCENT_ONLY, QUALIFIED, calendar};
use crate::LOCAL_OFFSET_SECONDS;

/// What is said of the rows, and names that stand beside their codes.
#[derive(Default)]
pub(crate) struct About {
    facts: Vec<(&'static str, String)>,
    /// Vietnamese name and unit of number by indicator code.
    indicators: HashMap<String, (String, String)>,
}

impl About {
    /// Of an export of rows that are complete up to that moment.
    pub(in super::super) fn new(
        selection: &Selection,
        reference: &Reference,
        generation: u32,
        complete_through: Option<DateTime<Utc>>,
    ) -> Self {
        let all = |list: &[String]| if list.is_empty() { "tất cả".to_owned() } else { list.join(", ") };
        let levels = selection.levels.iter().map(|level| level.as_str().to_owned()).collect::<Vec<_>>();
        let facts = vec![
            ("Lịch", format!("{} ({})", calendar(selection.calendar.as_str()), selection.calendar)),
            ("Kỳ", selection.periods.join(", ")),
            ("Cấp", all(&levels)),
            ("Đơn vị", all(&selection.areas)),
            ("Chỉ tiêu", all(&selection.indicators)),
            ("Đầy đủ đến", complete_through.map_or_else(|| "chưa xác định: còn phần dữ liệu chưa đọc".to_owned(), moment)),
            ("Phiên bản danh mục", generation.to_string()),
            ("Lập lúc", moment(Utc::now())),
        ];
        Self { facts, indicators: names(reference) }
    }

    /// Of closed reports of a period.
    pub(crate) fn of_report(reference: &Reference, period: &Period, areas: &[String], version: String, count: usize) -> Self {
        let areas = if areas.is_empty() { "tất cả đơn vị đã chốt".to_owned() } else { areas.join(", ") };
        let facts = vec![
            ("Báo cáo đã chốt", format!("{count} báo cáo")),
            ("Lịch", format!("{} ({})", calendar(period.calendar.as_str()), period.calendar)),
            ("Kỳ", period.id.clone()),
            ("Đơn vị", areas),
            ("Lần chốt", version),
            ("Lập lúc", moment(Utc::now())),
        ];
        Self { facts, indicators: names(reference) }
    }

    /// Vietnamese name and unit of number; empty if the catalogue has none.
    pub(super) fn indicator(&self, code: &str) -> (&str, &str) {
        self.indicators.get(code).map_or(("", ""), |(name, unit)| (name, unit))
    }

    /// The sheet.
    pub(super) fn sheet(&self, header: &Format) -> Result<Worksheet, XlsxError> {
        let mut sheet = Worksheet::new();
        sheet.set_name("Giải thích")?.set_column_width(0, 42)?.set_column_width(1, 100)?;
        let wrapped = Format::new().set_text_wrap().set_align(FormatAlign::Top);
        let facts = self.facts.iter().map(|(what, value)| (*what, value.as_str()));
        let blocks: [(&str, Vec<(&str, &str)>); 2] = [("Tệp này", facts.collect()), ("Ghi chú trong các bảng", NOTES.to_vec())];
        let mut at = 0;
        for (title, lines) in blocks {
            sheet.write_string_with_format(at, 0, title, header)?;
            for (what, meaning) in lines {
                at += 1;
                sheet.write_string_with_format(at, 0, what, &wrapped)?.write_string_with_format(at, 1, meaning, &wrapped)?;
            }
            at += 2;
        }
        Ok(sheet)
    }
}

/// Vietnamese name and unit of number by indicator code.
fn names(reference: &Reference) -> HashMap<String, (String, String)> {
    let name = |indicator: &Indicator| (indicator.code.clone(), (indicator.name_vi.clone(), indicator.unit.clone()));
    reference.indicators.iter().map(name).collect()
}

const NOTES: [(&str, &str); 7] = [
    (CARRIED, "Trong kỳ không có số mới; dùng số gần nhất trước kỳ, còn trong thời hạn của chỉ tiêu (cột Số liệu đến ngày)."),
    (APPROXIMATE, "Một phần số liệu là của đơn vị cũ đã chia cho nhiều đơn vị mới; toàn bộ được tính cho một đơn vị."),
    (QUALIFIED, "Nguồn không khẳng định con số là chính xác."),
    (PERCENT_ONLY, "Nguồn chỉ báo cáo tỷ lệ. Tỷ lệ này không được cộng hay lấy trung bình ở cấp trên."),
    (NOTHING_AROSE, "Tử số và mẫu số đều bằng 0 nên không có tỷ lệ; khác với 0%."),
    (NO_DENOMINATOR, "Có tử số mà mẫu số bằng 0: cần xem lại số liệu."),
    (LONG, "Bảng tính chỉ giữ được 15 chữ số; số dài hơn được ghi đủ, dạng chữ."),
];

/// In local time, which is UTC+07:00 at every date.
fn moment(moment: DateTime<Utc>) -> String {
    let local =
        FixedOffset::east_opt(LOCAL_OFFSET_SECONDS).map_or_else(|| moment.fixed_offset(), |offset| moment.with_timezone(&offset));
    local.format("%d/%m/%Y %H:%M:%S (UTC%:z)").to_string()
}

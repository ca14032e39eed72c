//! A small sound country: two provinces that merge on 2025-07-01, and a merger of wards in 2027.

use crate::reference::{File, Files, Reference};

const CALENDARS: &str = "\
calendar,name_vi,name_en,cut_off_day
civil,Dương lịch,Civil,
legal,Báo cáo,Legal,14
";
const INDICATORS: &str = "\
code,tier,name_vi,name_en,pillar,kind,numerator_meaning,denominator_meaning,unit,direction,carry_days,may_exceed,dimensions
dossiers,core,Hồ sơ,Dossiers,số,flow,hồ sơ,,hồ sơ,neutral,400,false,\"{\"\"channel\"\": [\"\"online\"\", \"\"postal\"\"], \"\"field\"\": \"\"*\"\"}\"
vneid-rate,extended,VNeID,VNeID,số,stock_ratio,người,dân số,%,higher,,true,{}
";
const UNITS: &str = "\
unit_id,code,level,name,type,parent_unit_id,valid_from,valid_to
P01@1900-01-01,01,province,Tỉnh Một,tỉnh,,1900-01-01,2025-06-30
P02@1900-01-01,02,province,Tỉnh Hai,tỉnh,,1900-01-01,2025-06-30
P01@2025-07-01,01,province,Tỉnh Một Hai,tỉnh,,2025-07-01,9999-12-31
D001@1900-01-01,001,district,Huyện Một,huyện,P01@1900-01-01,1900-01-01,2025-06-30
D002@1900-01-01,002,district,Huyện Hai,huyện,P02@1900-01-01,1900-01-01,2025-06-30
W00001@1900-01-01,00001,ward,Xã Một,xã,D001@1900-01-01,1900-01-01,2025-06-30
W00002@1900-01-01,00002,ward,Xã Hai,xã,D001@1900-01-01,1900-01-01,2025-06-30
W00003@1900-01-01,00003,ward,Xã Ba,xã,D002@1900-01-01,1900-01-01,2025-06-30
W00001@2025-07-01,00001,ward,Phường Một,phường,P01@2025-07-01,2025-07-01,9999-12-31
W00003@2025-07-01,00003,ward,Xã Ba,xã,P01@2025-07-01,2025-07-01,2026-12-31
";
const LINEAGE: &str = "\
old_unit_id,new_unit_id,relation,effective_from
P01@1900-01-01,P01@2025-07-01,whole,2025-07-01
P02@1900-01-01,P01@2025-07-01,whole,2025-07-01
W00001@1900-01-01,W00001@2025-07-01,whole,2025-07-01
W00002@1900-01-01,W00001@2025-07-01,part,2025-07-01
W00002@1900-01-01,W00003@2025-07-01,part-default,2025-07-01
W00003@1900-01-01,W00003@2025-07-01,whole,2025-07-01
W00003@2025-07-01,W00001@2025-07-01,whole,2027-01-01
";
const RENAMES: &str = "\
unit_id,old_name,old_type,new_name,new_type,since,note
W00001@2025-07-01,Xã Một,xã,Xã Nhất,xã,2025-09-01,
W00001@2025-07-01,Xã Nhất,xã,Phường Một,phường,2026-04-30,resolution 1
";
const SOURCES: &str = "\
source,name,priority,indicators,wards,topics
urn:one,Một,10,*,*,*
urn:two,Hai,20,dossiers;vneid-rate,D001@1900-01-01;W00003@2025-07-01,chiso.a;chiso.b
";
const TARGETS: &str = "\
indicator,calendar,period,area_id,scope,comparison,number
vneid-rate,legal,*,VN,wards,>=,80
vneid-rate,legal,2025-H2,P01@2025-07-01,self,>=,90.5
dossiers,civil,M,VN,self,<=,5
dossiers,civil,2025-07-01..2025-10-09,W00001@2025-07-01,self,=,3
";

const HOLIDAYS: &str = "\
day,kind,name_vi,basis
01-01,off,Tết Dương lịch,law
09-02,off,Quốc khánh,law
2026-02-16,off,Tết,law
2026-02-17,off,Tết,law
2026-02-21,working,Làm bù,notice
";
const SCHEDULE: &str = "\
calendar,period,levels,grace,grace_days,time,from,name_vi
legal,M,*,2,working,16:00,2026-01-14,Báo cáo tháng
legal,M02,ward;province,1,calendar,09:30,2026-01-14,Báo cáo tháng Hai
legal,M,*,3,working,17:00,2026-06-14,Báo cáo tháng
legal,2026-M10,country,30,calendar,00:00,2026-01-14,Gia hạn
";

pub(super) fn files() -> Files {
    Files::from_parts(|path| {
        let file = File::ALL.into_iter().find(|file| file.path() == path)?;
        let text = match file {
            File::Calendars => CALENDARS,
            File::Indicators => INDICATORS,
            File::Units => UNITS,
            File::Lineage => LINEAGE,
            File::Renames => RENAMES,
            File::Sources => SOURCES,
            File::Targets => TARGETS,
            File::Holidays => HOLIDAYS,
            File::Schedule => SCHEDULE,
        };
        Some(text.to_owned())
    })
    .unwrap()
}

/// The small country with some text replaced.
pub(super) fn changed(changes: &[(File, &str, &str)]) -> Files {
    let mut files = files();
    for (file, from, to) in changes {
        let text = files.text(*file);
        assert!(text.contains(from), "{file} has no {from:?}");
        files.set(*file, text.replacen(from, to, 1));
    }
    files
}

pub(super) fn reference() -> Reference {
    Reference::parse(&files()).unwrap_or_else(|faults| panic!("the small country is unsound:\n{faults}"))
}

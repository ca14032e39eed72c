//! Kafka's ids of topics, by which a topic that was deleted and made anew is told from the one before. The safe
//! interface of rdkafka does not know them, so `DescribeTopics` is called through the bindings.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_int};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings::*;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;

use crate::place::Topic;

/// How Kafka writes the id of a topic that has none, as brokers before 2.8 made them: sixteen zero bytes.
const NO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// The ids of those topics that exist, as Kafka's tools print them; empty for a topic without one.
///
/// # Errors
/// Kafka does not answer within that time.
pub fn topic_ids<C: ClientContext>(
    client: &Client<C>,
    topics: &[Topic],
    within: Duration,
) -> KafkaResult<BTreeMap<Topic, String>> {
    let names = topics.iter().filter_map(|topic| CString::new(topic.name()).ok()).collect::<Vec<_>>();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut pointers = names.iter().map(|name| name.as_ptr()).collect::<Vec<_>>();
    let timeout_ms = c_int::try_from(within.as_millis()).unwrap_or(c_int::MAX);
    let handle = client.native_ptr();
    // SAFETY: the client is alive, and so are the names while the collection, which copies them, is made. Everything
    // that librdkafka hands out here is destroyed below, once and in the order in which one needs the other; the answer
    // is read before its event is destroyed.
    unsafe {
        let collection = rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let options = rd_kafka_AdminOptions_new(handle, rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, ptr::null_mut(), 0);
        let queue = rd_kafka_queue_new(handle);
        rd_kafka_DescribeTopics(handle, collection, options, queue);
        let event = rd_kafka_queue_poll(queue, timeout_ms);
        let answer = if event.is_null() { Err(RDKafkaRespErr::RD_KAFKA_RESP_ERR__TIMED_OUT) } else { read(event) };
        if !event.is_null() {
            rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_TopicCollection_destroy(collection);
        answer.map_err(|error| KafkaError::AdminOp(error.into()))
    }
}

/// Copies what the answer says.
///
/// # Safety
/// The event is alive and is the answer to `DescribeTopics`.
unsafe fn read(event: *mut rd_kafka_event_t) -> Result<BTreeMap<Topic, String>, RDKafkaRespErr> {
    let mut ids = BTreeMap::new();
    // SAFETY: the descriptions live as long as the event; names and ids are strings that end with a zero byte.
    unsafe {
        let error = rd_kafka_event_error(event);
        if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(error);
        }
        let result = rd_kafka_event_DescribeTopics_result(event);
        let mut count = 0;
        let topics = rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        for at in 0..count {
            let topic = *topics.add(at);
            let name = CStr::from_ptr(rd_kafka_TopicDescription_name(topic)).to_string_lossy();
            match rd_kafka_error_code(rd_kafka_TopicDescription_error(topic)) {
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => {}
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => continue,
                error => return Err(error),
            }
            let id = CStr::from_ptr(rd_kafka_Uuid_base64str(rd_kafka_TopicDescription_topic_id(topic))).to_string_lossy();
            let id = if id == NO_ID { String::new() } else { id.into_owned() };
            ids.insert(Topic::named(&name), id);
        }
    }
    Ok(ids)
}

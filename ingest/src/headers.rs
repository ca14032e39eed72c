//! Headers of a Kafka message, byte for byte: a publisher may write names that are no UTF-8, at which the safe
//! interface of rdkafka panics.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr;

use rdkafka::bindings::{rd_kafka_header_get_all, rd_kafka_headers_t, rd_kafka_message_headers};
use rdkafka::message::BorrowedMessage;
use rdkafka::types::RDKafkaRespErr;
use smallvec::SmallVec;

/// One header: its name and, if it has one, its value.
pub type Header<'m> = (&'m [u8], Option<&'m [u8]>);

/// So many headers of a message take no memory of their own: those of an event in binary mode, and some more.
pub const USUAL_HEADERS: usize = 8;

/// The headers of the message in their order.
pub fn headers<'m>(message: &'m BorrowedMessage<'_>) -> SmallVec<[Header<'m>; USUAL_HEADERS]> {
    let mut list: *mut rd_kafka_headers_t = ptr::null_mut();
    // SAFETY: the message is alive, and librdkafka writes a list that lives as long as the message, or an error.
    let error = unsafe { rd_kafka_message_headers(message.ptr(), &raw mut list) };
    let list = if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR { list } else { ptr::null_mut() };
    Headers { list, at: 0, message: PhantomData }.collect()
}

struct Headers<'m> {
    list: *mut rd_kafka_headers_t,
    at: usize,
    message: PhantomData<&'m [u8]>,
}

impl<'m> Iterator for Headers<'m> {
    type Item = Header<'m>;

    fn next(&mut self) -> Option<Header<'m>> {
        if self.list.is_null() {
            return None;
        }
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the list is the one of a living message ('m); an index beyond its end is answered with an error.
        let error = unsafe { rd_kafka_header_get_all(self.list, self.at, &raw mut name, &raw mut value, &raw mut size) };
        if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        self.at += 1;
        // SAFETY: librdkafka ends names with a zero byte and states the size of values; both live as long as the message.
        let (name, value) = unsafe {
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
            (CStr::from_ptr(name).to_bytes(), value)
        };
        Some((name, value))
    }
}

//! Access control lists of Kafka by the C interface of librdkafka: the crate around it has none.

use std::ffi::{CStr, CString};
use std::ptr;

use rdkafka::bindings::*;
use rdkafka::client::{Client, ClientContext};

/// A right, as `kafka-acls.sh` is given it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acl {
    pub(crate) principal: String,
    pub(crate) operation: String,
    pub(crate) topic: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) prefixed: bool,
}

impl Acl {
    /// From the arguments of `kafka-acls.sh --add`.
    pub(crate) fn from_arguments(arguments: &[&str]) -> Self {
        let mut acl = Self::default();
        let mut rest = arguments.iter();
        while let Some(&name) = rest.next() {
            if name == "--add" {
                continue;
            }
            let value = (*rest.next().unwrap()).to_owned();
            match name {
                "--allow-principal" => acl.principal = value,
                "--operation" => acl.operation = value,
                "--topic" => acl.topic = Some(value),
                "--group" => acl.group = Some(value),
                "--resource-pattern-type" => acl.prefixed = value == "prefixed",
                "--bootstrap-server" | "--command-config" => {}
                other => panic!("what is {other}?"),
            }
        }
        assert!(!acl.principal.is_empty() && acl.topic.is_some() != acl.group.is_some(), "{acl:?}");
        acl
    }

    fn operation(&self) -> rd_kafka_AclOperation_t {
        match self.operation.as_str() {
            "Read" => rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_READ,
            "Write" => rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE,
            other => panic!("what is {other}?"),
        }
    }

    /// The right as librdkafka's own object.
    fn binding(&self) -> *mut rd_kafka_AclBinding_t {
        let (kind, name) = match (&self.topic, &self.group) {
            (Some(topic), _) => (rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC, topic),
            (None, group) => (rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_GROUP, group.as_ref().unwrap()),
        };
        let pattern = if self.prefixed {
            rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_PREFIXED
        } else {
            rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL
        };
        let allow = rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW;
        let (name, principal) = (CString::new(name.as_str()).unwrap(), CString::new(self.principal.as_str()).unwrap());
        // SAFETY: the strings outlive the call, which copies them; without a buffer it writes no error text.
        let binding = unsafe {
            rd_kafka_AclBinding_new(
                kind,
                name.as_ptr(),
                pattern,
                principal.as_ptr(),
                c"*".as_ptr(),
                self.operation(),
                allow,
                ptr::null_mut(),
                0,
            )
        };
        assert!(!binding.is_null(), "{self:?}");
        binding
    }
}

/// Grants rights; waits until Kafka has answered.
pub(crate) fn grant<C: ClientContext>(client: &Client<C>, acls: &[Acl]) {
    let kafka = client.native_ptr();
    let mut bindings = acls.iter().map(Acl::binding).collect::<Vec<_>>();
    // SAFETY: all objects come from librdkafka, live until they are destroyed here, and are destroyed once.
    unsafe {
        let queue = rd_kafka_queue_new(kafka);
        rd_kafka_CreateAcls(kafka, bindings.as_mut_ptr(), bindings.len(), ptr::null(), queue);
        let event = rd_kafka_queue_poll(queue, 30_000);
        assert!(!event.is_null(), "kafka does not answer");
        let text = CStr::from_ptr(rd_kafka_event_error_string(event)).to_string_lossy().into_owned();
        assert_eq!(rd_kafka_event_error(event), rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR, "{text}");
        let mut count = 0;
        let results = rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &raw mut count);
        assert_eq!(count, acls.len());
        for (index, acl) in acls.iter().enumerate() {
            assert!(rd_kafka_acl_result_error(*results.add(index)).is_null(), "{acl:?} is refused");
        }
        rd_kafka_event_destroy(event);
        rd_kafka_queue_destroy(queue);
        bindings.into_iter().for_each(|binding| rd_kafka_AclBinding_destroy(binding));
    }
}

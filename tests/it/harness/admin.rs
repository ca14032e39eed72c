//! What an administrator of Kafka does to a topic or a group while workers rest or run.

use std::time::Duration;

use futures::executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{World, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);

impl World {
    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.engines.brokers).create().unwrap()
    }

    fn options() -> AdminOptions {
        AdminOptions::new().operation_timeout(Some(PATIENCE))
    }

    /// Partitions of the topic, as the brokers know them.
    fn partitions(&self) -> usize {
        let metadata = self.admin().inner().fetch_metadata(Some(&self.topic), PATIENCE).unwrap();
        metadata.topics()[0].partitions().iter().filter(|partition| partition.leader() >= 0).count()
    }

    /// Gives the topic more partitions.
    pub(crate) fn add_partitions(&self, count: usize) {
        let new = NewPartitions::new(&self.topic, count);
        for result in block_on(self.admin().create_partitions([&new], &Self::options())).unwrap() {
            result.unwrap();
        }
        wait_until("the new partitions can be used", PATIENCE, || self.partitions() == count);
    }

    /// Deletes the topic.
    pub(crate) fn delete_topic(&self) {
        for result in block_on(self.admin().delete_topics(&[&self.topic], &Self::options())).unwrap() {
            result.unwrap();
        }
        wait_until("the topic is gone", PATIENCE, || self.partitions() == 0);
    }

    /// Deletes the topic and makes it anew under its name.
    pub(crate) fn remake_topic(&self, partitions: i32) {
        self.delete_topic();
        self.engines.create_topic(&self.topic, partitions);
    }

    /// Lets the messages of partition 0 before an offset expire.
    pub(crate) fn expire(&self, before: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, 0, Offset::Offset(before)).unwrap();
        let deleted = block_on(self.admin().delete_records(&list, &Self::options())).unwrap();
        deleted.elements().iter().for_each(|element| element.error().unwrap());
    }

    /// Deletes the consumer group, which must have no members.
    pub(crate) fn delete_group(&self) {
        wait_until("the group is deleted", PATIENCE, || {
            block_on(self.admin().delete_groups(&[&self.group], &Self::options()))
                .unwrap()
                .into_iter()
                .all(|result| result.is_ok())
        });
    }
}

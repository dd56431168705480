// Package kafka starts a real Apache Kafka for tests, on this machine, without a container.
//
// The jars come from Maven Central by the pom.xml beside this file. They are kept outside the repository, in the user's
// cache directory. The package needs Java 17 and, until the jars are there, Maven.
//
// The broker is a single node in KRaft mode that listens on the loopback interface only. It has replication factors of
// 1 and few internal partitions, so that it is ready in some three seconds. [Options] lists the other differences from
// Kafka's defaults.
//
// Like Kafka by default, it does not fsync what it acknowledges. A kill of the process loses nothing, but a power cut
// does. It is a judge for tests, not a place to keep anything.
package kafka

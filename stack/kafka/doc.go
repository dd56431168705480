// Package kafka starts a real Apache Kafka for tests, on this machine, without a container.
//
// The jars come from Maven Central by the pom.xml beside this file and are kept outside the repository, in the user's
// cache directory. It needs Java 17 and, until the jars are there, Maven. The broker is a single node in KRaft mode
// that listens on the loopback interface only, with replication factors of 1 and few internal partitions, so that it is
// ready in some three seconds; what else differs from Kafka's defaults is said at [Options].
//
// Like Kafka's own default it does not fsync what it acknowledges: a kill of the process loses nothing, a power cut
// does. It is a judge for tests, not a broker to keep anything in.
package kafka

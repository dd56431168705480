package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// member tells which node of a cluster a broker is.
type member struct {
	node           int
	controllerPort int
	voters         string
	cluster        string
	nodes          int
}

// settings returns the settings of a node that is broker and controller. They override those of a single broker. Every
// partition has a replica on each node, and all nodes but one must have what is acknowledged.
func (m *member) settings() map[string]string {
	replicas, inSync := strconv.Itoa(m.nodes), strconv.Itoa(m.nodes-1)
	return map[string]string{
		"node.id":                                          strconv.Itoa(m.node),
		"controller.quorum.voters":                         m.voters,
		"default.replication.factor":                       replicas,
		"min.insync.replicas":                              inSync,
		"offsets.topic.replication.factor":                 replicas,
		"transaction.state.log.replication.factor":         replicas,
		"transaction.state.log.min.isr":                    inSync,
		"share.coordinator.state.topic.replication.factor": replicas,
		"share.coordinator.state.topic.min.isr":            inSync,
	}
}

// Cluster is several brokers on this machine. Each is also a controller.
type Cluster struct{ nodes []*Kafka }

// StartCluster starts a cluster of n nodes, three or more. Each starts as Start does with those options, in its own
// directory below Dir. StartCluster returns when all nodes answer clients.
func StartCluster(ctx context.Context, n int, options Options) (*Cluster, error) {
	if n < 3 || options.Dir == "" || options.Port != 0 {
		return nil, errors.New(
			"start a cluster of Apache Kafka: it needs three nodes or more, a directory, and free ports",
		)
	}
	id := newClusterID()
	var taken []int
	var voters []string
	for node := range n {
		for range 2 { // one for the controller, one for clients
			port, err := freePort(taken...)
			if err != nil {
				return nil, err
			}
			taken = append(taken, port)
		}
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", node+1, taken[2*node]))
	}
	c := &Cluster{nodes: make([]*Kafka, n)}
	errs := make([]error, n)
	var starting sync.WaitGroup
	for i := range n {
		own := options
		own.Dir, own.Port = filepath.Join(options.Dir, strconv.Itoa(i+1)), taken[2*i+1]
		own.member = &member{
			node:           i + 1,
			controllerPort: taken[2*i],
			voters:         strings.Join(voters, ","),
			cluster:        id,
			nodes:          n,
		}
		starting.Go(func() { c.nodes[i], errs[i] = Start(ctx, own) }) // together, because one alone is no quorum
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		c.Kill()
		return nil, err
	}
	return c, nil
}

// ClusterForTest starts a cluster of three, as ForTest starts a broker.
func ClusterForTest(t testing.TB) *Cluster {
	t.Helper()
	Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	c, err := StartCluster(ctx, 3, Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			for _, k := range c.nodes {
				t.Logf("the log of node %d ends:\n%s", k.member.node, k.logTail())
			}
		}
	})
	return c
}

// Addr returns the bootstrap servers for clients: all nodes, separated by commas.
func (c *Cluster) Addr() string {
	var all []string
	for _, k := range c.nodes {
		all = append(all, k.Addr())
	}
	return strings.Join(all, ",")
}

// Kill ends all nodes at once.
func (c *Cluster) Kill() {
	for _, k := range c.nodes {
		if k != nil {
			k.Kill()
		}
	}
}

// client returns a client that asks any node.
func (c *Cluster) client() (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(strings.Split(c.Addr(), ",")...))
}

// node returns the node with that id.
func (c *Cluster) node(id int32) (*Kafka, error) {
	if id < 1 || int(id) > len(c.nodes) {
		return nil, fmt.Errorf("the cluster has no node %d", id)
	}
	return c.nodes[id-1], nil
}

// Leader returns the node that leads a partition.
func (c *Cluster) Leader(ctx context.Context, topic string, partition int32) (*Kafka, error) {
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	partitions, err := partitionsOf(ctx, client, topic)
	if err != nil {
		return nil, err
	}
	for _, p := range partitions {
		if p.Partition == partition {
			return c.node(p.Leader)
		}
	}
	return nil, fmt.Errorf("topic %s has no partition %d", topic, partition)
}

// Controller returns the node that is the active controller.
func (c *Cluster) Controller(ctx context.Context) (*Kafka, error) {
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	request := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("the quorum is not described: error code %d", response.ErrorCode)
	}
	return c.node(response.Topics[0].Partitions[0].LeaderID)
}

// GroupCoordinator returns the node that keeps the offsets of a consumer group.
func (c *Cluster) GroupCoordinator(ctx context.Context, group string) (*Kafka, error) {
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.CoordinatorKeys = []string{group}
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	if len(response.Coordinators) != 1 || response.Coordinators[0].ErrorCode != 0 {
		return nil, fmt.Errorf("group %s has no coordinator: %+v", group, response.Coordinators)
	}
	return c.node(response.Coordinators[0].NodeID)
}

// InSync reports whether every replica of a topic is in sync.
func (c *Cluster) InSync(ctx context.Context, topic string) (bool, error) {
	client, err := c.client()
	if err != nil {
		return false, err
	}
	defer client.Close()
	partitions, err := partitionsOf(ctx, client, topic)
	if err != nil {
		return false, err
	}
	for _, p := range partitions {
		if len(p.ISR) != len(c.nodes) {
			return false, nil
		}
	}
	return len(partitions) > 0, nil
}

func partitionsOf(
	ctx context.Context,
	client *kgo.Client,
	topic string,
) ([]kmsg.MetadataResponseTopicPartition, error) {
	request := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &topic
	request.Topics = append(request.Topics, asked)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	return response.Topics[0].Partitions, nil
}

// settingsOf returns the settings of a broker, those of its cluster included.
func settingsOf(m *member, data string, port, controllerPort int) map[string]string {
	all := settings(data, port, controllerPort)
	if m != nil {
		maps.Copy(all, m.settings())
	}
	return all
}

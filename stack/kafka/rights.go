package kafka

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// AddUser lets a user log in with SCRAM-SHA-512. The broker's settings must have a listener for that.
func (k *Kafka) AddUser(ctx context.Context, name, password string) error {
	const iterations, sha512Mechanism = 4096, 2
	salt := []byte(rand.Text())
	salted, err := pbkdf2.Key(sha512.New, password, salt, iterations, sha512.Size)
	if err != nil {
		return fmt.Errorf("add user %s: %w", name, err)
	}
	user := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
	user.Name, user.Mechanism, user.Iterations, user.Salt, user.SaltedPassword = name, sha512Mechanism, iterations,
		salt, salted
	request := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	request.Upsertions = append(request.Upsertions, user)
	return k.ask(func(client *kgo.Client) error {
		response, err := request.RequestWith(ctx, client)
		if err != nil {
			return fmt.Errorf("add user %s: %w", name, err)
		}
		for _, result := range response.Results {
			if result.ErrorCode != 0 {
				return fmt.Errorf("add user %s: error %d of the broker", name, result.ErrorCode)
			}
		}
		return nil
	})
}

// Right is what a user may do with one resource: a topic, a group or a transactional id. "*" means all of its kind. Any
// other name that ends in "*" means all names with that prefix. Operations have Kafka's names, such as
// DESCRIBE_CONFIGS.
type Right struct {
	Topic, Group, TransactionalID string
	Operations                    []string
}

// Allow gives rights to a user. The broker's settings must have an authorizer.
func (k *Kafka) Allow(ctx context.Context, user string, rights ...Right) error {
	request := kmsg.NewPtrCreateACLsRequest()
	for _, right := range rights {
		acl, pattern := kmsg.NewCreateACLsRequestCreation(), kmsg.ACLResourcePatternTypeLiteral
		acl.ResourceType, acl.ResourceName = kmsg.ACLResourceTypeTopic, right.Topic
		if right.Group != "" {
			acl.ResourceType, acl.ResourceName = kmsg.ACLResourceTypeGroup, right.Group
		}
		if right.TransactionalID != "" {
			acl.ResourceType, acl.ResourceName = kmsg.ACLResourceTypeTransactionalId, right.TransactionalID
		}
		if prefix, prefixed := strings.CutSuffix(acl.ResourceName, "*"); prefixed && prefix != "" {
			acl.ResourceName, pattern = prefix, kmsg.ACLResourcePatternTypePrefixed
		}
		acl.ResourcePatternType, acl.PermissionType = pattern, kmsg.ACLPermissionTypeAllow
		acl.Principal, acl.Host = "User:"+user, "*"
		for _, name := range right.Operations {
			operation, err := kmsg.ParseACLOperation(name)
			if err != nil {
				return fmt.Errorf("allow %s: %w", user, err)
			}
			acl.Operation = operation
			request.Creations = append(request.Creations, acl)
		}
	}
	return k.ask(func(client *kgo.Client) error {
		response, err := request.RequestWith(ctx, client)
		if err != nil {
			return fmt.Errorf("allow %s: %w", user, err)
		}
		for _, result := range response.Results {
			if result.ErrorCode != 0 {
				return fmt.Errorf("allow %s: error %d of the broker", user, result.ErrorCode)
			}
		}
		return nil
	})
}

func (k *Kafka) ask(question func(*kgo.Client) error) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Addr()))
	if err != nil {
		return err
	}
	defer client.Close()
	return question(client)
}

package parked

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb/codec"
)

const (
	// maxAudit is how many audit entries are kept; the oldest go first.
	maxAudit = 100_000
	// maxText is how many bytes are kept of a reason, and of who gave it.
	maxText = 500
)

// AuditEntry is who decided what about one message, when and why.
type AuditEntry struct {
	// When it was decided.
	At time.Time `json:"at"`
	// The list that the message was in.
	// Example: parked
	Ledger string `json:"ledger"`
	// What was decided.
	Verb Verb `json:"verb"`
	// The message's id in that list.
	ID string `json:"id"`
	// The message's own id, its ce_id. Left out when it has none.
	MessageID string `json:"message_id,omitempty"`
	// What the message is about, such as an order's id. Left out when that is not known.
	Subject string `json:"subject,omitempty"`
	// Why the message was parked. Left out when it was not.
	Class string `json:"class,omitempty"`
	// The sequence number that it was parked under. Left out when it had none.
	Slot uint64 `json:"sequence,omitzero"`
	// The sequence number that a retry gave it. Left out when it got none.
	NewSlot uint64 `json:"new_sequence,omitzero"`
	// What became of the message. Left out when the verb says it.
	Outcome Outcome `json:"outcome,omitempty"`
	// The operator's reason. Left out when none was given.
	// Example: the limit was raised
	Reason string `json:"reason,omitempty"`
	// Who decided: key or token, a colon and the name. Left out where nobody needs a credential.
	// Example: key:ops
	By string `json:"by,omitempty"`
}

// PutAudit appends an entry to a bucket, and drops the oldest one beyond 100,000.
func PutAudit(bucket *bbolt.Bucket, e *AuditEntry) error {
	e.Reason, e.By = clip(e.Reason), clip(e.By)
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	number, err := bucket.NextSequence()
	if err != nil {
		return err
	}
	bucket.FillPercent = 0.9 // entries are appended
	key := auditKey(number)
	if err := bucket.Put(key, codec.Seal(key, text)); err != nil {
		return fmt.Errorf("record a decision: %w", err)
	}
	if number <= maxAudit {
		return nil
	}
	return bucket.Delete(auditKey(number - maxAudit))
}

// CheckAudit says what is wrong with the numbers of a bucket of audit entries.
func CheckAudit(bucket *bbolt.Bucket) error {
	newest, _ := bucket.Cursor().Last()
	if !bytes.Equal(newest, auditKey(bucket.Sequence())) && (newest != nil || bucket.Sequence() != 0) {
		return fmt.Errorf("its sequence is %d, and its last entry is %x", bucket.Sequence(), newest)
	}
	return nil
}

func auditKey(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

func clip(text string) string { return text[:min(len(text), maxText)] }

// readAudit reads a sealed entry.
func readAudit(key, sealed []byte) (e AuditEntry, err error) {
	text, err := codec.Unseal(key, sealed)
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	if err != nil {
		return AuditEntry{}, fmt.Errorf("read audit entry %x: %w", key, err)
	}
	return e, nil
}

// historyOf returns the entries of one message, the oldest first.
func historyOf(bucket *bbolt.Bucket, ledger, id string) (history []AuditEntry, err error) {
	name := []byte(id)
	err = bucket.ForEach(func(key, sealed []byte) error {
		if !bytes.Contains(sealed, name) {
			return nil
		}
		e, err := readAudit(key, sealed)
		if err == nil && e.ID == id && e.Ledger == ledger {
			history = append(history, e)
		}
		return err
	})
	return history, err
}

// newest returns the newest entries, the newest first.
func newest(bucket *bbolt.Bucket, limit int) (entries []AuditEntry, err error) {
	cursor := bucket.Cursor()
	for key, sealed := cursor.Last(); key != nil && len(entries) < limit; key, sealed = cursor.Prev() {
		e, err := readAudit(key, sealed)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

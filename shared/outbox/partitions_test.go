package outbox_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// The values come from Kafka's own tests of its murmur2, and from librdkafka.
func TestPartition_IsThatOfOtherClients(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string":                       -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
		"": 275646681,
	} {
		const many = 1<<31 - 1
		if got := outbox.Partition([]byte(key), many); got != want&many%many {
			t.Errorf("%q: %d, want %d", key, got, want&many%many)
		}
	}
}

// headersBySlot returns the headers of the newest record of each slot.
func headersBySlot(t *testing.T, records []outbox.Record) map[uint64]cloudevent.Envelope {
	t.Helper()
	envelopes := map[uint64]cloudevent.Envelope{}
	for _, r := range records {
		envelope, err := cloudevent.Parse(
			append(slices.Clone(r.Headers), cloudevent.Header{Key: cloudevent.HeaderSource, Value: []byte("/test")}))
		if err != nil {
			t.Fatal(err)
		}
		envelopes[r.Slot] = envelope
	}
	return envelopes
}

// chained checks that each record names the slot before it in its partition.
func chained(t *testing.T, records []outbox.Record) {
	t.Helper()
	envelopes := headersBySlot(t, records)
	inSlots := slices.Clone(records)
	slices.SortFunc(inSlots, func(a, b outbox.Record) int { return int(a.Slot) - int(b.Slot) })
	before := map[int32]uint64{}
	for _, r := range inSlots {
		if got := envelopes[r.Slot].PartitionPrevious; got != before[r.Partition] {
			t.Errorf("slot %d in partition %d says %d, want %d", r.Slot, r.Partition, got, before[r.Partition])
		}
		before[r.Partition] = r.Slot
	}
}

func TestRelay_NamesThePartitionByTheFilesCount(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place(names("a", 20)...)
	r.await(20)
	r.publisher.AddPartitions(4) // the outbox does not follow the log's number
	r.place(names("b", 20)...)
	for _, record := range r.await(40) {
		if want := outbox.Partition(record.Key, outboxtest.Partitions); record.Partition != want {
			t.Errorf("%s went to partition %d, want %d", record.Key, record.Partition, want)
		}
	}
	r.restart()
	if n := r.outbox.Partitions(); n != outboxtest.Partitions {
		t.Errorf("after a restart the file counts %d partitions", n)
	}
}

func TestRelay_SpreadsOverMorePartitionsFromTheNextSlotOn(t *testing.T) {
	r := newRig(t)
	if _, err := r.outbox.GrowPartitions(t.Context(), 5); !errors.Is(err, outbox.ErrPartitions) {
		t.Errorf("before the log was reached: %v", err)
	}
	r.start()
	r.place(names("a", 20)...)
	r.await(20)
	r.recorded(20)
	for _, n := range []int{0, 2, 4} {
		if _, err := r.outbox.GrowPartitions(t.Context(), n); !errors.Is(err, outbox.ErrPartitions) {
			t.Errorf("%d partitions instead of 3 of 3: %v", n, err)
		}
	}
	r.publisher.AddPartitions(4)
	var from uint64
	clocktest.Eventually(t, "the count grows", func() bool {
		var err error
		from, err = r.outbox.GrowPartitions(t.Context(), 7)
		return err == nil
	})
	if again, err := r.outbox.GrowPartitions(t.Context(), 7); from != 21 || again != from || err != nil {
		t.Fatalf("the count grows from slot %d on, then %d, %v", from, again, err)
	}
	r.place(names("b", 20)...)
	r.await(40)
	r.recorded(40)
	r.stop()
	r.publisher.Lose(10) // messages that are sent again go to their old partitions
	r.restart()
	records := r.await(40)
	exactlyOnce(t, records)
	for _, record := range records {
		n := int32(outboxtest.Partitions)
		if record.Slot >= from {
			n = 7
		}
		if want := outbox.Partition(record.Key, n); record.Partition != want {
			t.Errorf("slot %d went to partition %d, want %d", record.Slot, record.Partition, want)
		}
	}
}

func TestRelay_SaysWhatToDoAboutALogWithFewerPartitions(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place(names("a", 9)...)
	r.await(9)
	r.publisher.RecreateWith(2)
	r.down()
	report, err := r.recovery.Report(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	const want = "the log has 2 partitions, and this file publishes to 3: nothing is published until partitions are " +
		"added to the log so that it has 3"
	if !strings.Contains(report.Link.Error, want) {
		t.Errorf("the link says %q", report.Link.Error)
	}
	if n := len(report.Incidents); n != 1 || report.Incidents[0].Kind != outbox.IncidentPartitionsMissing ||
		report.Incidents[0].Text != want {
		t.Errorf("incidents: %+v", report.Incidents)
	}
	r.publisher.AddPartitions(1)
	exactlyOnce(t, r.await(9))
}

// A process dies between publishing and recording. The next one finds the newest slot of each partition again.
func TestRelay_NamesTheSlotBeforeInThePartitionAfterACrash(t *testing.T) {
	for name, forget := range map[string]bool{"the watermark is known": false, "the watermark is forgotten": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.place(names("a", 20)...)
			r.start()
			r.await(20)
			r.recorded(20)
			var died atomic.Bool
			r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
				if step == outboxtest.Answering && len(records) > 0 {
					died.Store(true)
				}
				if died.Load() {
					return errors.New("the process is no more")
				}
				return nil
			})
			r.place(names("b", 20)...)
			r.down()
			r.stop()
			r.publisher.Script(nil)
			if forget {
				r.publisher.ForgetWatermarks()
			}
			r.restart()
			r.place(names("c", 20)...)
			exactlyOnce(t, r.await(60))
			r.restart()
			r.place(names("d", 20)...)
			exactlyOnce(t, r.await(80))
		})
	}
}

// A message that waits gets another slot. The slot that it was skipped under was never published.
func TestRelay_PassesSkippedSlotsOverInThePartition(t *testing.T) {
	r := newRig(t)
	failing := map[string]int{}
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		for i := range records {
			key := string(records[i].Key)
			if step == outboxtest.Committing && strings.HasPrefix(key, "ill") && failing[key] < 2 {
				failing[key]++
				return &outbox.RejectedError{Class: outbox.TooLarge, Err: errors.New("ill"),
					Slots: []uint64{records[i].Slot}}
			}
		}
		return nil
	})
	for i := range 10 {
		r.place(fmt.Sprint("ill-", i), fmt.Sprint("well-", i), fmt.Sprint("ill-", i))
	}
	r.start()
	exactlyOnce(t, r.await(30))
	r.restart()
	r.place(names("z", 9)...)
	exactlyOnce(t, r.await(39))
}

// A message that is sent again has the headers that it had before. After the log lost everything, ce_partitionprevious
// does not begin at 0 again.
func TestRelay_SendsTheSameHeadersAgain(t *testing.T) {
	for name, lose := range map[string]func(*rig){
		"all of it":        func(r *rig) { r.publisher.Recreate() },
		"the end":          func(r *rig) { r.publisher.Lose(13) },
		"all, and it died": func(r *rig) { r.stop(); r.publisher.Recreate(); r.restart() },
		"while it was down": func(r *rig) {
			r.stop()
			r.publisher.Lose(3)
			r.publisher.ForgetWatermarks()
			r.restart()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.relay.BatchMessages = 7
			r.start()
			r.place(names("a", 40)...)
			before := headersBySlot(t, r.await(40))
			r.recorded(40)
			lose(r)
			r.place(names("b", 10)...)
			records := r.await(50)
			after := headersBySlot(t, records)
			for slot, envelope := range before {
				if after[slot] != envelope {
					t.Errorf("slot %d: %+v, was %+v", slot, after[slot], envelope)
				}
			}
			chained(t, records)
		})
	}
}

func TestRelay_ANewLineageBeginsItsPartitionsAnew(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place(names("a", 20)...)
	r.await(20)
	r.recorded(20)
	r.stop()
	second := r.copied().mayFork()
	r.restart()
	r.place(names("b", 10)...)
	r.await(30)
	second.place(names("c", 10)...)
	second.start()
	second.drained()
	mine := slices.DeleteFunc(r.publisher.Published(), func(record outbox.Record) bool {
		return !strings.HasPrefix(string(record.Key), "c")
	})
	if len(mine) != 10 {
		t.Fatalf("the copy published %d", len(mine))
	}
	chained(t, mine)
}

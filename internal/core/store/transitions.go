package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// A Transition is one change of a server's state, as history keeps it.
type Transition struct {
	Seq    uint64    // order in the history, over restarts of the program; set by the store
	Server string    // its name
	From   string    // state before, e.g. "connected"
	To     string    // state after
	At     time.Time // by the wall clock; Seq gives the order
	Code   string    // of the Problem, if there was one
	Text   string    // its sentence
}

type transitionDoc struct {
	From string    `json:"from"`
	To   string    `json:"to"`
	At   time.Time `json:"at"`
	Code string    `json:"code,omitempty"`
	Text string    `json:"text,omitempty"`
}

const (
	keepPerServer = 1_000                  // transitions; a server that flaps every 5 s fills it in 80 minutes
	maxPending    = 10_000                 // transitions, about 2 MB, while the disk is slow or full; then the oldest go
	gather        = 200 * time.Millisecond // after the first transition; a start of many servers becomes one write
)

// Record queues a transition for the history; Run writes it. It never waits for the disk.
// When the disk does not keep up, the oldest queued ones are dropped and counted.
func (s *Store) Record(t Transition) {
	s.mu.Lock()
	if s.readOnly || t.Server == "" || len(t.Server) > bbolt.MaxKeySize {
		s.dropped++ // it can never be written and must not hold up the others
	} else {
		s.pending = append(s.pending, t)
		s.limit()
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// limit drops the oldest queued transitions; the caller holds mu.
func (s *Store) limit() {
	if n := len(s.pending) - maxPending; n > 0 {
		s.pending = s.pending[n:]
		s.dropped += uint64(n)
	}
}

// Dropped returns how many transitions were lost because they could not be written.
func (s *Store) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// Run writes queued transitions in batches until ctx is done, then the rest, and returns nil.
// What cannot be written stays queued and is tried again with the next transition.
func (s *Store) Run(ctx context.Context) error {
	failing := false
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
		select {
		case <-time.After(gather):
		case <-ctx.Done():
		}
		last := ctx.Err() != nil // what is queued before ctx is done gets written, also if that is before Run begins
		err := s.flush()
		if err != nil && !failing {
			s.log.Warn("history not written", "err", err)
		}
		failing = err != nil
		if last {
			return nil
		}
	}
}

// flush writes everything queued in one transaction, or puts it back.
func (s *Store) flush() error {
	s.mu.Lock()
	batch := s.pending
	s.pending = nil
	s.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := s.update(func(tx *bbolt.Tx) error { return appendTransitions(tx, batch) })
	if err != nil {
		s.mu.Lock()
		s.pending = append(batch, s.pending...)
		s.limit()
		s.mu.Unlock()
	}
	return err
}

func appendTransitions(tx *bbolt.Tx, batch []Transition) error {
	all := tx.Bucket(bucketTransitions)
	touched := map[string]*bbolt.Bucket{}
	for _, t := range batch {
		b := touched[t.Server]
		if b == nil {
			var err error
			if b, err = all.CreateBucketIfNotExists([]byte(t.Server)); err != nil {
				return fmt.Errorf("record server %q: %w", t.Server, err)
			}
			touched[t.Server] = b
		}
		seq, err := all.NextSequence()
		if err != nil {
			return err
		}
		text, err := json.Marshal(transitionDoc{From: t.From, To: t.To, At: t.At, Code: t.Code, Text: t.Text})
		if err != nil {
			return err
		}
		if err := b.Put(seqKey(seq), text); err != nil {
			return err
		}
		// The bucket's own sequence is not needed for keys; it holds the count.
		if err := b.SetSequence(b.Sequence() + 1); err != nil {
			return err
		}
	}
	for _, b := range touched {
		if err := prune(b); err != nil {
			return err
		}
	}
	return nil
}

func prune(b *bbolt.Bucket) error {
	for b.Sequence() > keepPerServer {
		k, _ := b.Cursor().First()
		if k == nil {
			return b.SetSequence(0)
		}
		if err := b.Delete(k); err != nil {
			return err
		}
		if err := b.SetSequence(b.Sequence() - 1); err != nil {
			return err
		}
	}
	return nil
}

// Transitions returns the newest transitions of a server that are on disk,
// newest first, at most limit of them.
func (s *Store) Transitions(server string, limit int) ([]Transition, error) {
	var out []Transition
	err := s.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketTransitions).Bucket([]byte(server))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, v := c.Last(); k != nil && len(out) < limit; k, v = c.Prev() {
			var d transitionDoc
			if err := json.Unmarshal(v, &d); err != nil {
				return errors.Join(errDamaged, err)
			}
			out = append(out, Transition{
				Seq: binary.BigEndian.Uint64(k), Server: server,
				From: d.From, To: d.To, At: d.At, Code: d.Code, Text: d.Text,
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

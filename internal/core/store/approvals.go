package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"mcpproxy-tray/internal/core/approval"
)

// A Decision is one entry of the history of decisions.
type Decision struct {
	Seq     uint64          // order of the decisions, from 1; the clock may have been set back between two
	Revoked bool            // a no; LaunchID is empty
	Tool    approval.ToolID // which was approved; of another decision both are empty
	approval.Record
}

// recordDoc is how a Record or Decision is stored.
type recordDoc struct {
	Server   string    `json:"server"`
	LaunchID string    `json:"launch_id,omitempty"`
	At       time.Time `json:"at"`
	By       string    `json:"by,omitempty"`
	Review   bool      `json:"review,omitempty"`
	Revoked  bool      `json:"revoked,omitempty"`

	// Of the decision about a tool, instead of the launch.
	Tool string `json:"tool,omitempty"`
	Hash string `json:"hash,omitempty"`
}

func (d recordDoc) record() approval.Record {
	return approval.Record{Server: d.Server, LaunchID: d.LaunchID, At: d.At, By: d.By, Review: d.Review}
}

// approvalKey orders the records by server. A server's name holds no NUL.
func approvalKey(server, launchID string) []byte { return []byte(server + "\x00" + launchID) }

// Approvals returns every approval in force. A server may have several: one for
// each launch that was approved.
func (s *Store) Approvals() ([]approval.Record, error) {
	var out []approval.Record
	err := s.view(func(tx *bbolt.Tx) (err error) {
		out, err = readApprovals(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func readApprovals(tx *bbolt.Tx) ([]approval.Record, error) {
	var out []approval.Record
	err := tx.Bucket(bucketApprovals).ForEach(func(k, v []byte) error {
		var d recordDoc
		if err := json.Unmarshal(v, &d); err != nil {
			return fmt.Errorf("%w: approval %q: %w", errDamaged, k, err)
		}
		// A record under another record's key would approve what nobody approved.
		if !bytes.Equal(k, approvalKey(d.Server, d.LaunchID)) {
			return fmt.Errorf("%w: approval %q is of %q", errDamaged, k, d.Server)
		}
		out = append(out, d.record())
		return nil
	})
	return out, err
}

// Approve adds an approval. When it returns nil, the approval is on disk. Who once asked
// to look at the tools of a launch keeps that, also when it is approved again.
func (s *Store) Approve(rec approval.Record) error {
	if rec.Server == "" || rec.LaunchID == "" || strings.Contains(rec.Server, "\x00") {
		return fmt.Errorf("approve server %q: launch id or name is not usable", rec.Server)
	}
	return s.update(func(tx *bbolt.Tx) error {
		key := approvalKey(rec.Server, rec.LaunchID)
		var was recordDoc
		if text := tx.Bucket(bucketApprovals).Get(key); text != nil {
			if err := json.Unmarshal(text, &was); err != nil {
				return fmt.Errorf("%w: approval %q: %w", errDamaged, key, err)
			}
		}
		text, err := json.Marshal(recordDoc{Server: rec.Server, LaunchID: rec.LaunchID, At: rec.At, By: rec.By, Review: rec.Review || was.Review})
		if err != nil {
			return err
		}
		if err := tx.Bucket(bucketApprovals).Put(key, text); err != nil {
			return err
		}
		return appendDecision(tx, text)
	})
}

// Revoke removes all approvals of a server and of its tools; the decisions stay in the history.
// When it returns nil, that is on disk.
func (s *Store) Revoke(server, by string, at time.Time) error {
	text, err := json.Marshal(recordDoc{Server: server, At: at, By: by, Revoked: true})
	if err != nil {
		return fmt.Errorf("revoke server %q: %w", server, err)
	}
	return s.update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketApprovals, bucketTools, bucketFirst} {
			if err := deleteAll(tx.Bucket(name), server); err != nil {
				return err
			}
		}
		return appendDecision(tx, text)
	})
}

func appendDecision(tx *bbolt.Tx, text []byte) error {
	b := tx.Bucket(bucketDecisions)
	seq, err := b.NextSequence()
	if err != nil {
		return err
	}
	return b.Put(seqKey(seq), text)
}

// Decisions returns the history of decisions about a server, oldest first.
func (s *Store) Decisions(server string) ([]Decision, error) {
	var out []Decision
	err := s.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketDecisions).ForEach(func(k, v []byte) error {
			var d recordDoc
			if err := json.Unmarshal(v, &d); err != nil {
				return errors.Join(errDamaged, err)
			}
			if d.Server == server {
				out = append(out, Decision{Seq: binary.BigEndian.Uint64(k), Revoked: d.Revoked,
					Tool: approval.ToolID{Name: d.Tool, Hash: d.Hash}, Record: d.record()})
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

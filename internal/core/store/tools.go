package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"mcpproxy-tray/internal/core/approval"
)

// Limits of what is kept of tools.
const (
	maxToolVersions = 8        // approved definitions of one tool; the oldest goes
	maxToolsBytes   = 64 << 20 // of the definitions that are approved at a time
)

var errTooMuch = errors.New("too much to keep")

// toolDoc is how a ToolRecord is stored, and without its definition a decision.
type toolDoc struct {
	Server     string    `json:"server"`
	Tool       string    `json:"tool"`
	Hash       string    `json:"hash"`
	Definition string    `json:"definition,omitempty"`
	At         time.Time `json:"at"`
	By         string    `json:"by,omitempty"`
}

func (d toolDoc) record() approval.ToolRecord {
	return approval.ToolRecord{Server: d.Server, ToolID: approval.ToolID{Name: d.Tool, Hash: d.Hash}, Definition: d.Definition, At: d.At, By: d.By}
}

// firstDoc is how a FirstList is stored.
type firstDoc struct {
	Server   string    `json:"server"`
	LaunchID string    `json:"launch_id"`
	At       time.Time `json:"at"`
}

// Tools returns every tool that is approved, without its definition, and whose first
// lists were taken. A file of a version without them has none.
func (s *Store) Tools() (tools []approval.ToolRecord, first []approval.FirstList, err error) {
	err = s.view(func(tx *bbolt.Tx) (err error) {
		tools, first, err = readTools(tx)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return tools, first, nil
}

func readTools(tx *bbolt.Tx) (tools []approval.ToolRecord, first []approval.FirstList, err error) {
	err = eachDoc(tx.Bucket(bucketTools), nil, func(d toolDoc) []byte {
		d.Definition = ""
		tools = append(tools, d.record())
		return approvalKey(d.Server, d.Hash)
	})
	if err != nil {
		return nil, nil, err
	}
	err = eachDoc(tx.Bucket(bucketFirst), nil, func(d firstDoc) []byte {
		first = append(first, approval.FirstList(d))
		return approvalKey(d.Server, d.LaunchID)
	})
	return tools, first, err
}

// eachDoc calls fn for each document whose key begins with prefix; fn returns the key
// that it should have. b may be nil.
func eachDoc[T any](b *bbolt.Bucket, prefix []byte, fn func(doc T) []byte) error {
	if b == nil {
		return nil
	}
	c := b.Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		var d T
		if err := json.Unmarshal(v, &d); err != nil {
			return fmt.Errorf("%w: %q: %w", errDamaged, k, err)
		}
		if want := fn(d); !bytes.Equal(k, want) {
			return fmt.Errorf("%w: %q is of %q", errDamaged, k, want)
		}
	}
	return nil
}

// Tool returns the definition of a server's tool that was approved last; found is
// false if none was.
func (s *Store) Tool(server, tool string) (newest approval.ToolRecord, found bool, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		return eachDoc(tx.Bucket(bucketTools), approvalKey(server, ""), func(d toolDoc) []byte {
			if d.Tool == tool && (!found || d.At.After(newest.At)) {
				newest, found = d.record(), true
			}
			return approvalKey(d.Server, d.Hash)
		})
	})
	if err != nil {
		return approval.ToolRecord{}, false, err
	}
	return newest, found, nil
}

// ApproveTools adds approvals of tools of one server, all of them or none. When it
// returns nil, they are on disk.
func (s *Store) ApproveTools(recs []approval.ToolRecord) error {
	return s.addTools(recs, func(tx *bbolt.Tx) error {
		for _, r := range recs {
			text, err := json.Marshal(toolDoc{Server: r.Server, Tool: r.Name, Hash: r.Hash, At: r.At, By: r.By})
			if err != nil {
				return err
			}
			if err := appendDecision(tx, text); err != nil {
				return err
			}
		}
		return nil
	})
}

// TakeFirst adds the first list of tools of a launch, whole or not at all. When it
// returns nil, that is on disk. It is no decision of its own: it came with the launch.
func (s *Store) TakeFirst(first approval.FirstList, recs []approval.ToolRecord) error {
	return s.addTools(recs, func(tx *bbolt.Tx) error {
		return put(tx, bucketFirst, approvalKey(first.Server, first.LaunchID), firstDoc(first))
	})
}

// addTools puts records of one server and what else belongs to that into one transaction.
func (s *Store) addTools(recs []approval.ToolRecord, also func(*bbolt.Tx) error) error {
	size := 0
	for _, r := range recs {
		if r.Server == "" || r.Hash == "" || r.Server != recs[0].Server || bytes.IndexByte([]byte(r.Server), 0) >= 0 {
			return fmt.Errorf("approve tool %q of server %q: name or hash is not usable", r.Name, r.Server)
		}
		size += len(r.Definition)
	}
	if size > maxToolsBytes {
		return explain(s.path, fmt.Errorf("approve %d bytes of definitions: %w", size, errTooMuch))
	}
	return s.update(func(tx *bbolt.Tx) error {
		for _, r := range recs {
			d := toolDoc{Server: r.Server, Tool: r.Name, Hash: r.Hash, Definition: r.Definition, At: r.At, By: r.By}
			if err := put(tx, bucketTools, approvalKey(r.Server, r.Hash), d); err != nil {
				return err
			}
		}
		if err := also(tx); err != nil || len(recs) == 0 {
			return err
		}
		return forgetOld(tx, recs[0].Server)
	})
}

// put stores a document in a bucket, which files of older versions do not have yet.
func put(tx *bbolt.Tx, bucket, key []byte, doc any) error {
	b, err := tx.CreateBucketIfNotExists(bucket)
	if err != nil {
		return err
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return b.Put(key, text)
}

// forgetOld keeps the newest definitions of each tool of a server.
func forgetOld(tx *bbolt.Tx, server string) error {
	versions := map[string][]toolDoc{}
	b := tx.Bucket(bucketTools)
	err := eachDoc(b, approvalKey(server, ""), func(d toolDoc) []byte {
		d.Definition = ""
		versions[d.Tool] = append(versions[d.Tool], d)
		return approvalKey(d.Server, d.Hash)
	})
	if err != nil {
		return err
	}
	for _, all := range versions {
		slices.SortStableFunc(all, func(x, y toolDoc) int { return y.At.Compare(x.At) })
		for _, d := range all[min(len(all), maxToolVersions):] {
			if err := b.Delete(approvalKey(d.Server, d.Hash)); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteAll deletes what a bucket, which may be nil, has of a server.
func deleteAll(b *bbolt.Bucket, server string) error {
	if b == nil {
		return nil
	}
	var keys [][]byte
	c := b.Cursor()
	prefix := approvalKey(server, "")
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

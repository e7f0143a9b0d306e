package history

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// TestServersThatAreGoneAreForgotten wants changes to go by the end of the run that saw
// the last of them, and none of the last run: nobody knows when that was killed.
func TestServersThatAreGoneAreForgotten(t *testing.T) {
	path := dbPath(t)
	now := time.Now()
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	f, err := openFile(path, now, defaults)
	if err != nil {
		t.Fatal(err)
	}
	err = f.update(func(tx *bbolt.Tx) error {
		w := writer{tx: tx, enc: encoder{names: &f.names, words: tx.Bucket(bucketNames)}, servers: map[string]*bbolt.Bucket{}}
		var errs []error
		for _, run := range []struct {
			server     string
			began, end int // days ago
		}{{"gone", 400, 100}, {"old", 400, 399}, {"long", 390, 50}, {"killed", 200, 200}} {
			n, err := tx.Bucket(bucketMeta).NextSequence()
			span := binary.AppendVarint(binary.AppendVarint(nil, ago(run.began).UnixMilli()), ago(run.end).UnixMilli())
			errs = append(errs, err, tx.Bucket(bucketRuns).Put(number(n), span),
				w.put(&item{change: &Transition{Server: run.server, From: "connecting", To: "connected", At: ago(run.began)}}))
		}
		return errors.Join(errs...)
	})
	if err := errors.Join(err, f.close()); err != nil {
		t.Fatal(err)
	}
	h := begin(t, path)
	for server, kept := range map[string]bool{"gone": false, "old": false, "long": true, "killed": true} {
		if got := h.page(t, Query{Server: server, Limit: 9}); (len(got.Entries) == 1) != kept {
			t.Errorf("%s: %+v, kept: %v", server, got.Entries, kept)
		}
	}
}

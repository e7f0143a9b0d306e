package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"mcpproxy-tray/internal/core/approval"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func tool(server, name, hash string, minute int) approval.ToolRecord {
	return approval.ToolRecord{Server: server, ToolID: approval.ToolID{Name: name, Hash: hash},
		Definition: `{"name":"` + name + `","v":"` + hash + `"}`, At: noon.Add(time.Duration(minute) * time.Minute), By: "user"}
}

// plain returns records as Tools does.
func plain(recs ...approval.ToolRecord) []approval.ToolRecord {
	var out []approval.ToolRecord
	for _, r := range recs {
		r.Definition = ""
		out = append(out, r)
	}
	return out
}

func wantTools(t *testing.T, s *Store, tools []approval.ToolRecord, first []approval.FirstList) {
	t.Helper()
	gotTools, gotFirst, err := s.Tools()
	if err != nil || !reflect.DeepEqual(gotTools, tools) || !reflect.DeepEqual(gotFirst, first) {
		t.Errorf("Tools() = %v, %v, %v, want %v, %v", gotTools, gotFirst, err, tools, first)
	}
}

func TestToolsAreKept(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	wantTools(t, s, nil, nil)
	x, y, other := tool("a", "x", "t1:1", 0), tool("a", "y\x00", "t1:2", 0), tool("ab", "x", "t1:1", 0)
	first := approval.FirstList{Server: "a", LaunchID: "v1:1", At: noon}
	empty := approval.FirstList{Server: "e", LaunchID: "v1:1", At: noon}
	if err := errors.Join(s.TakeFirst(first, []approval.ToolRecord{x, y}), s.TakeFirst(empty, nil), s.ApproveTools([]approval.ToolRecord{other})); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	wantTools(t, s, plain(x, y, other), []approval.FirstList{first, empty})
	newer := tool("a", "x", "t1:3", 1)
	if err := s.ApproveTools([]approval.ToolRecord{newer}); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	wantTools(t, s, plain(x, y, newer, other), []approval.FirstList{first, empty})
	for _, want := range []approval.ToolRecord{newer, y, other} {
		if got, ok, err := s.Tool(want.Server, want.Name); err != nil || !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("Tool(%q, %q) = %v, %v, %v, want %v", want.Server, want.Name, got, ok, err, want)
		}
	}
	if got, ok, err := s.Tool("ab", "y\x00"); ok || err != nil {
		t.Errorf("Tool of nobody = %v, %v, %v", got, ok, err)
	}
	all, err := s.Decisions("a")
	if err != nil || len(all) != 1 || all[0].Tool != newer.ToolID || all[0].By != "user" || all[0].LaunchID != "" {
		t.Errorf("Decisions = %+v, %v", all, err)
	}
	if err := s.Revoke("a", "user", noon); err != nil {
		t.Fatal(err)
	}
	wantTools(t, reopen(t, s), plain(other), []approval.FirstList{empty})
}

func TestOnlyTheNewestVersionsOfAToolAreKept(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	steady := tool("a", "steady", "t1:s", -5)
	if err := s.ApproveTools([]approval.ToolRecord{steady}); err != nil {
		t.Fatal(err)
	}
	var all []approval.ToolRecord
	for i := range maxToolVersions + 3 {
		r := tool("a", "x", fmt.Sprintf("t1:%02d", i), i)
		all = append(all, r)
		if err := s.ApproveTools([]approval.ToolRecord{r}); err != nil {
			t.Fatal(err)
		}
	}
	wantTools(t, reopen(t, s), plain(append(all[3:], steady)...), nil)
}

func TestToolsThatCannotBeKeptAreRefusedWhole(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	good, huge := tool("a", "x", "t1:1", 0), tool("a", "huge", "t1:2", 0)
	huge.Definition = strings.Repeat("x", maxToolsBytes)
	for name, recs := range map[string][]approval.ToolRecord{
		"no hash": {good, tool("a", "y", "", 0)}, "no server": {tool("", "y", "t1:1", 0)}, "NUL": {tool("a\x00", "y", "t1:1", 0)},
		"two servers": {good, tool("b", "y", "t1:1", 0)}, "too much": {good, huge}, "key too long": {good, tool("a", "y", strings.Repeat("x", 40_000), 0)},
	} {
		if err := s.ApproveTools(recs); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := s.TakeFirst(approval.FirstList{Server: "a", LaunchID: "v1:1"}, recs); err == nil {
			t.Errorf("%s as the first list: no error", name)
		}
	}
	wantTools(t, s, nil, nil)
	if all, err := s.Decisions("a"); err != nil || len(all) > 0 {
		t.Errorf("Decisions = %v, %v", all, err)
	}
}

// TestFileOfAnOlderVersion has no buckets for tools.
func TestFileOfAnOlderVersion(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	if err := s.Approve(approval.Record{Server: "a", LaunchID: "v1:1"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range [][]byte{bucketTools, bucketFirst} {
		if err := s.db.View(func(tx *bbolt.Tx) error {
			if tx.Bucket(name) != nil {
				return errors.New("a bucket that was not there")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, s)
	wantTools(t, s, nil, nil)
	if err := s.Revoke("nobody", "user", noon); err != nil {
		t.Error(err)
	}
	r := tool("a", "x", "t1:1", 0)
	if err := s.ApproveTools([]approval.ToolRecord{r}); err != nil {
		t.Fatal(err)
	}
	wantTools(t, reopen(t, s), plain(r), nil)
}

func TestRecordOfAToolUnderAnothersKeyIsDamage(t *testing.T) {
	for name, doc := range map[string]string{
		"server": `{"server":"b","tool":"x","hash":"t1:1"}`, "hash": `{"server":"a","tool":"x","hash":"t1:2"}`, "not JSON": `{`,
	} {
		s := open(t, filepath.Join(t.TempDir(), "test.db"))
		err := s.db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket(bucketTools)
			return errors.Join(err, b.Put(approvalKey("a", "t1:1"), []byte(doc)))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = Open(s.path)
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != Damaged {
			t.Errorf("%s: Open = %v, want %s", name, err, Damaged)
		}
	}
}

func TestWhoAskedToLookKeepsThat(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	for _, review := range []bool{true, false} {
		if err := s.Approve(approval.Record{Server: "a", LaunchID: "v1:1", Review: review}); err != nil {
			t.Fatal(err)
		}
		s = reopen(t, s)
		if got, err := s.Approvals(); err != nil || len(got) != 1 || !got[0].Review {
			t.Errorf("approved with review %v: %+v, %v", review, got, err)
		}
	}
}

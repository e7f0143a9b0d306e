package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/approval"
)

// goodFile returns the bytes of a database with branch pages and free pages, and what it approves.
func goodFile(t *testing.T) (content []byte, approved map[string]bool) {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "good.db"))
	approved = map[string]bool{}
	for i := range 300 {
		rec := approval.Record{Server: fmt.Sprintf("s%d", i), LaunchID: fmt.Sprintf("id%d", i)}
		approved[rec.Server+rec.LaunchID] = true
		if err := s.Approve(rec); err != nil {
			t.Fatal(err)
		}
		s.Record(Transition{Server: rec.Server, From: "connecting", To: "connected"})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	return content, approved
}

// A damage changes the bytes of a file, in place or not.
type damage func([]byte) []byte

// damages returns ways to damage a file, by name; those of rng are different each time.
func damages(rng *rand.Rand) map[string]damage {
	all := map[string]damage{
		"text":                func([]byte) []byte { return []byte(strings.Repeat("not a database\n", 1000)) },
		"one byte":            func(b []byte) []byte { return b[:1] },
		"one page":            func(b []byte) []byte { return b[:4096] },
		"half":                func(b []byte) []byte { return b[:len(b)/2] },
		"both metas":          func(b []byte) []byte { clear(b[:8192]); return b },
		"a page below itself": belowItself,
	}
	for i := range 60 {
		all[fmt.Sprintf("cut %d", i)] = func(b []byte) []byte { return b[:rng.IntN(len(b))] }
		all[fmt.Sprintf("zeroed page %d", i)] = func(b []byte) []byte {
			page := rng.IntN(len(b)/4096) * 4096
			clear(b[page : page+4096])
			return b
		}
		all[fmt.Sprintf("flipped %d", i)] = func(b []byte) []byte {
			for range 1 + rng.IntN(20) {
				b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
			}
			return b
		}
	}
	return all
}

// belowItself makes each branch page its own first child.
func belowItself(b []byte) []byte {
	for at := 2 * 4096; at < len(b); at += 4096 {
		if page := b[at:]; order.Uint16(page[8:]) == flagBranch {
			order.PutUint64(page[headerSize+8:], order.Uint64(page))
		}
	}
	return b
}

// TestOpenSurvivesDamage opens damaged files. It must either see the file as it
// was or refuse it; it must never approve anything new.
func TestOpenSurvivesDamage(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	good, approved := goodFile(t)
	all := damages(rand.New(rand.NewPCG(seed, 3)))
	path := filepath.Join(t.TempDir(), "bad.db")
	refused := map[string]bool{}
	for name, spoil := range all {
		if err := os.WriteFile(path, spoil(bytes.Clone(good)), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, nil)
		if err != nil {
			refused[name] = true
			wantCode(t, err, Damaged)
			continue
		}
		recs, err := s.Approvals()
		if err != nil {
			t.Errorf("%s: opened, but %v", name, err)
		}
		_ = s.Approve(approval.Record{Server: "new", LaunchID: "new"}) // may fail, must not panic
		_ = s.Close()
		for _, r := range recs {
			if !approved[r.Server+r.LaunchID] {
				t.Errorf("%s: approves %+v", name, r)
			}
		}
	}
	t.Logf("%d of %d damaged files refused", len(refused), len(all))
	for _, name := range []string{"text", "one byte", "one page", "half", "both metas", "a page below itself"} {
		if !refused[name] {
			t.Errorf("%s: opened", name)
		}
	}
}

package store

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"mcpproxy-tray/internal/core/approval"
)

// damageSeed repeats a run that failed: go test -run TestOpenSurvivesRandomDamage -args -seed N.
var damageSeed = flag.Uint64("seed", 0, "seed of the random damage; 0 takes a new one")

const testPage = 4096 // bytes, of the files that goodFile makes

// A goodDB is an undamaged file and what it approves.
type goodDB struct {
	path     string // where a damaged copy may be written
	content  []byte
	approved map[string]bool
}

// goodFile makes a file with branches, pages with overflow, small and large
// buckets, and free pages.
func goodFile(t testing.TB, n int) goodDB {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "good.db"))
	if err != nil {
		t.Fatal(err)
	}
	good := goodDB{path: filepath.Join(t.TempDir(), "bad.db"), approved: map[string]bool{}}
	for i := range n {
		rec := approval.Record{Server: fmt.Sprintf("s%d", i), LaunchID: fmt.Sprintf("id%d", i)}
		good.approved[rec.Server+" "+rec.LaunchID] = true
		if err := s.Approve(rec); err != nil {
			t.Fatal(err)
		}
		nest(t, s, rec.Server, "small")
	}
	nest(t, s, "long", strings.Repeat("x", 3*testPage))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if good.content, err = os.ReadFile(s.path); err != nil {
		t.Fatal(err)
	}
	if size := order.Uint32(good.content[headerSize+8:]); size != testPage {
		t.Fatalf("pages of %d bytes; the tests count in %d", size, testPage)
	}
	return good
}

// nest puts a value into a bucket in a bucket: whatever else is in the file must not
// trouble the store.
func nest(t testing.TB, s *Store, name, value string) {
	t.Helper()
	if err := s.update(func(tx *bbolt.Tx) error {
		outer, err := tx.CreateBucketIfNotExists([]byte("other"))
		if err != nil {
			return err
		}
		inner, err := outer.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			return err
		}
		return inner.Put([]byte("key"), []byte(value))
	}); err != nil {
		t.Fatal(err)
	}
}

// opens reports whether a file with this content is opened. Then it must approve
// exactly what the good one does, and be good for more; else it must be refused
// for its damage, both within a second.
func (good goodDB) opens(t *testing.T, name string, content []byte) bool {
	t.Helper()
	_ = os.Remove(good.path) // ext4 writes a file that replaces its old content to the disk at once
	if err := os.WriteFile(good.path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	s, err := Open(good.path)
	if took := time.Since(start); took > time.Second {
		t.Errorf("%s: Open took %v", name, took)
	}
	if err != nil {
		// The schema's number has no checksum: 1 and 3 differ by one bit.
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != Newer {
			wantCode(t, err, Damaged)
		}
		return false
	}
	defer s.Close()
	good.compare(t, name, s, "")
	useTwice(t, name, s)
	good.compare(t, name, s, "new new")
	sound(t, name, s)
	return true
}

// compare fails the test unless the store approves what the good file does, and extra.
func (good goodDB) compare(t *testing.T, name string, s *Store, extra string) {
	t.Helper()
	recs, err := s.Approvals()
	if err != nil {
		t.Errorf("%s: opened, but approvals: %v", name, err)
	}
	want := len(good.approved)
	if extra != "" {
		want++
	}
	if len(recs) != want {
		t.Errorf("%s: %d approvals, want %d", name, len(recs), want)
	}
	for _, r := range recs {
		if key := r.Server + " " + r.LaunchID; !good.approved[key] && key != extra {
			t.Errorf("%s: approves %+v", name, r)
		}
	}
}

// useTwice approves something with two transactions, which writes both meta pages.
func useTwice(t *testing.T, name string, s *Store) {
	t.Helper()
	s.db.NoSync = true // there are thousands of damages
	for range 2 {
		if err := s.Approve(approval.Record{Server: "new", LaunchID: "new"}); err != nil {
			t.Errorf("%s: opened, but approve: %v", name, err)
		}
	}
}

// sound asks bbolt for its opinion of the file, of which it wants the headers of
// the meta pages to be right too; they are after useTwice.
func sound(t *testing.T, name string, s *Store) {
	t.Helper()
	if err := s.view(func(tx *bbolt.Tx) error {
		var all []error
		for err := range tx.Check() {
			all = append(all, err)
		}
		return errors.Join(all...)
	}); err != nil {
		t.Errorf("%s: bbolt finds fault: %v", name, err)
	}
}

// TestOpenSurvivesRandomDamage damages a file in ways that are the same in each
// run, and in new ones.
func TestOpenSurvivesRandomDamage(t *testing.T) {
	good := goodFile(t, 300)
	seeds := []uint64{1, 2, 3, rand.Uint64()}
	if *damageSeed != 0 {
		seeds = []uint64{*damageSeed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			refused, n := 0, 0
			for _, d := range randomDamages {
				for i := range 25 {
					n++
					if !good.opens(t, fmt.Sprintf("%s %d", d.name, i), d.spoil(rng, bytes.Clone(good.content))) {
						refused++
					}
				}
			}
			t.Logf("%d of %d refused", refused, n)
			if refused == 0 || refused == n {
				t.Error("the damage does not tell good files from bad ones")
			}
		})
	}
}

var randomDamages = []struct {
	name  string
	spoil func(*rand.Rand, []byte) []byte
}{
	{"cut", func(rng *rand.Rand, b []byte) []byte { return b[:1+rng.IntN(len(b)-1)] }},
	{"one flip", func(rng *rand.Rand, b []byte) []byte { return flip(rng, b, 1) }},
	{"many flips", func(rng *rand.Rand, b []byte) []byte { return flip(rng, b, 1+rng.IntN(50)) }},
	{"noise", func(rng *rand.Rand, b []byte) []byte {
		at := rng.IntN(len(b) - 64)
		for i := range 1 + rng.IntN(64) {
			b[at+i] = byte(rng.Uint32())
		}
		return b
	}},
	{"swapped pages", func(rng *rand.Rand, b []byte) []byte {
		x, y := rng.IntN(len(b)/testPage)*testPage, rng.IntN(len(b)/testPage)*testPage
		keep := bytes.Clone(b[x : x+testPage])
		copy(b[x:], b[y:y+testPage])
		copy(b[y:], keep)
		return b
	}},
	{"torn page", func(rng *rand.Rand, b []byte) []byte { // half of it is of another page
		x, y := rng.IntN(len(b)/testPage)*testPage, rng.IntN(len(b)/testPage)*testPage
		copy(b[x+512*rng.IntN(8):x+testPage], b[y:])
		return b
	}},
}

func flip(rng *rand.Rand, b []byte, n int) []byte {
	for range n {
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
	}
	return b
}

// TestOpenSurvivesEachPageLost zeroes each page, fills it with ones, and cuts
// the file at its start.
func TestOpenSurvivesEachPageLost(t *testing.T) {
	good := goodFile(t, 300)
	opened := map[string]int{}
	pages := len(good.content) / testPage
	for id := range pages {
		at := id * testPage
		zeroed, ones := bytes.Clone(good.content), bytes.Clone(good.content)
		clear(zeroed[at : at+testPage])
		copy(ones[at:], bytes.Repeat([]byte{0xFF}, testPage))
		cases := map[string][]byte{"zeroed": zeroed, "ones": ones}
		if id > 0 {
			cases["cut"] = good.content[:at]
		}
		for name, content := range cases {
			if good.opens(t, fmt.Sprintf("page %d %s", id, name), content) {
				opened[name]++
			}
		}
	}
	t.Logf("of %d pages, opened: %v", pages, opened)
	if opened["zeroed"] < 2 || opened["zeroed"] == pages { // either meta page can be spared
		t.Errorf("opened %v of %d", opened, pages)
	}
}

// TestOpenSurvivesEachHeaderBit flips each bit of the meta pages, and of the
// header and first element of each other page that is not free.
func TestOpenSurvivesEachHeaderBit(t *testing.T) {
	good := goodFile(t, 80) // approvals have a branch page
	free := map[uint64]bool{}
	for i := range uint64(order.Uint16(freelist(good.content)[10:])) {
		free[order.Uint64(freelist(good.content)[headerSize+8*i:])] = true
	}
	n, opened := 0, 0
	for at := 0; at < int(order.Uint64(newest(good.content)[40:]))*testPage; at += testPage {
		if free[uint64(at/testPage)] {
			continue
		}
		page := good.content[at:]
		offsets := []int{0}
		switch count := int(order.Uint16(page[10:])); {
		case at < 2*testPage:
			offsets = []int{0, 16, 32, 48, 64}
		case count > 0 && headerSize+count*elementSize < testPage:
			offsets = append(offsets, headerSize)
		}
		for _, offset := range offsets {
			for bit := range 8 * 16 {
				b := bytes.Clone(good.content)
				b[at+offset+bit/8] ^= 1 << (bit % 8)
				n++
				if good.opens(t, fmt.Sprintf("page %d, bit %d of offset %d", at/testPage, bit, offset), b) {
					opened++
				}
			}
		}
	}
	t.Logf("%d of %d opened", opened, n)
	if opened > n/2 {
		t.Error("most of the damage is not noticed")
	}
}

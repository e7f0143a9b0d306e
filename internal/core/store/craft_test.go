package store

import (
	"bytes"
	"errors"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// newest returns the meta page in force.
func newest(b []byte) []byte {
	m0, m1 := b[headerSize:], b[testPage+headerSize:]
	if order.Uint64(m1[48:]) > order.Uint64(m0[48:]) {
		return m1
	}
	return m0
}

// seal makes a changed meta page valid again.
func seal(m []byte) {
	sum := fnv.New64a()
	sum.Write(m[:56])
	order.PutUint64(m[56:], sum.Sum64())
}

// pageOf returns the page with an id.
func pageOf(b []byte, id uint64) []byte { return b[id*testPage:] }

// root returns the page of the bucket that holds all others.
func root(b []byte) []byte { return pageOf(b, order.Uint64(newest(b)[16:])) }

// element returns the element i of a page.
func element(page []byte, i int) []byte { return page[headerSize+i*elementSize:] }

// bucketOf returns the header of a bucket that is not inline.
func bucketOf(b []byte, name string) []byte {
	page := root(b)
	for i := range int(order.Uint16(page[10:])) {
		e := element(page, i)
		pos, size := order.Uint32(e[4:]), order.Uint32(e[8:])
		if string(e[pos:pos+size]) == name {
			return e[pos+size:]
		}
	}
	panic("no bucket " + name)
}

// tree returns the root page of a bucket, a branch in the files used here.
func tree(b []byte, name string) []byte { return pageOf(b, order.Uint64(bucketOf(b, name))) }

// child returns the page below a branch.
func child(b, branch []byte, i int) []byte { return pageOf(b, order.Uint64(element(branch, i)[8:])) }

func freelist(b []byte) []byte { return pageOf(b, order.Uint64(newest(b)[32:])) }

// crafted is damage that bbolt cannot survive, or would follow without notice.
var crafted = []struct {
	name  string
	spoil func(b []byte)
}{
	{"branch below itself", func(b []byte) {
		page := tree(b, "approvals")
		order.PutUint64(element(page, 0)[8:], order.Uint64(page))
	}},
	{"branch below its child", func(b []byte) {
		page := tree(b, "approvals")
		kid := child(b, page, 1)
		order.PutUint16(kid[8:], flagBranch)
		order.PutUint64(element(kid, 0)[8:], order.Uint64(page))
	}},
	{"root below a branch", func(b []byte) {
		order.PutUint64(element(tree(b, "approvals"), 1)[8:], order.Uint64(newest(b)[16:]))
	}},
	{"one child twice", func(b []byte) {
		page := tree(b, "approvals")
		copy(element(page, 0)[8:16], element(page, 1)[8:16])
	}},
	{"children exchanged", func(b []byte) {
		page := tree(b, "approvals")
		x, y := order.Uint64(element(page, 0)[8:]), order.Uint64(element(page, 1)[8:])
		order.PutUint64(element(page, 0)[8:], y)
		order.PutUint64(element(page, 1)[8:], x)
	}},
	{"bucket in itself", func(b []byte) { order.PutUint64(bucketOf(b, "approvals"), order.Uint64(newest(b)[16:])) }},
	{"bucket of another", func(b []byte) { copy(bucketOf(b, "approvals")[:8], bucketOf(b, "decisions")) }},
	{"bucket in the meta page", func(b []byte) { order.PutUint64(bucketOf(b, "approvals"), 1) }},
	{"bucket in the free list", func(b []byte) { copy(bucketOf(b, "approvals")[:8], newest(b)[32:40]) }},
	{"bucket beyond the end", func(b []byte) { order.PutUint64(bucketOf(b, "approvals"), 1<<62) }},
	{"bucket inline without a page", func(b []byte) { order.PutUint64(bucketOf(b, "approvals"), 0) }},
	{"huge free list", func(b []byte) {
		order.PutUint16(freelist(b)[10:], 0xFFFF)
		order.PutUint64(freelist(b)[headerSize:], 1<<33)
	}},
	{"endless free list", func(b []byte) {
		order.PutUint16(freelist(b)[10:], 0xFFFF)
		order.PutUint64(freelist(b)[headerSize:], 1<<63-1)
	}},
	{"free list beyond its page", func(b []byte) { order.PutUint16(freelist(b)[10:], 0xFFFE) }},
	{"free page in use", func(b []byte) { copy(freelist(b)[headerSize:], bucketOf(b, "approvals")[:8]) }},
	{"free page twice", func(b []byte) { copy(freelist(b)[headerSize:], freelist(b)[headerSize+8:headerSize+16]) }},
	{"free page beyond the end", func(b []byte) { order.PutUint64(freelist(b)[headerSize:], 1<<40) }},
	{"free page forgotten", func(b []byte) { order.PutUint16(freelist(b)[10:], order.Uint16(freelist(b)[10:])-1) }},
	{"leaf emptied", func(b []byte) { order.PutUint16(child(b, tree(b, "approvals"), 0)[10:], 0) }},
	{"leaf without its last", func(b []byte) {
		page := child(b, tree(b, "approvals"), 0)
		order.PutUint16(page[10:], order.Uint16(page[10:])-1)
	}},
	{"branch emptied", func(b []byte) { order.PutUint16(tree(b, "approvals")[10:], 0) }},
	{"branch full", func(b []byte) { order.PutUint16(tree(b, "approvals")[10:], 0xFFFF) }},
	{"huge key", func(b []byte) { order.PutUint32(element(child(b, tree(b, "approvals"), 0), 1)[8:], 1<<31) }},
	{"huge value", func(b []byte) { order.PutUint32(element(child(b, tree(b, "approvals"), 0), 1)[12:], 0xFFFFFFFF) }},
	{"no key", func(b []byte) {
		e := element(child(b, tree(b, "approvals"), 0), 0)
		order.PutUint32(e[12:], order.Uint32(e[8:])+order.Uint32(e[12:]))
		order.PutUint32(e[8:], 0)
	}},
	{"entry is a bucket", func(b []byte) { order.PutUint32(element(child(b, tree(b, "approvals"), 0), 0), flagBucket) }},
	{"entry of no kind", func(b []byte) { order.PutUint32(element(child(b, tree(b, "approvals"), 0), 0), 2) }},
	{"huge overflow", func(b []byte) { order.PutUint32(tree(b, "approvals")[12:], 0xFFFFFFFF) }},
	{"overflow into the next page", func(b []byte) { order.PutUint32(tree(b, "approvals")[12:], 1) }},
	{"leaf is a meta page", func(b []byte) { order.PutUint16(child(b, tree(b, "approvals"), 0)[8:], 4) }},
	{"root beyond the end", func(b []byte) { order.PutUint64(newest(b)[16:], 1<<50); seal(newest(b)) }},
	{"more pages than bytes", func(b []byte) { order.PutUint64(newest(b)[40:], 1<<50); seal(newest(b)) }},
	{"fewer pages than used", func(b []byte) { order.PutUint64(newest(b)[40:], 4); seal(newest(b)) }},
	{"no pages", func(b []byte) { order.PutUint64(newest(b)[40:], 0); seal(newest(b)) }},
	{"no free list", func(b []byte) { order.PutUint64(newest(b)[32:], 1<<64-1); seal(newest(b)) }},
	{"pages of no bytes", func(b []byte) { pageSize(b, 0) }},
	{"odd page size", func(b []byte) { pageSize(b, 4095) }},
	{"small page size", func(b []byte) { pageSize(b, 2048) }},
	{"huge page size", func(b []byte) { pageSize(b, 1<<31) }},
	{"no meta page", func(b []byte) { clear(b[:2*testPage]) }},
	{"other version", func(b []byte) { order.PutUint32(b[headerSize+4:], 3); order.PutUint32(b[testPage+headerSize+4:], 3) }},
	{"text", func(b []byte) { copy(b, bytes.Repeat([]byte("not a database\n"), len(b)/15)) }},
}

func pageSize(b []byte, n uint32) {
	for _, m := range [][]byte{b[headerSize:], b[testPage+headerSize:]} {
		order.PutUint32(m[8:], n)
		seal(m)
	}
}

func TestOpenRefusesCraftedDamage(t *testing.T) {
	good := goodFile(t, 300)
	if !good.opens(t, "undamaged", good.content) {
		t.Fatal("the good file is refused")
	}
	for _, c := range crafted {
		t.Run(c.name, func(t *testing.T) {
			b := bytes.Clone(good.content)
			c.spoil(b)
			if bytes.Equal(b, good.content) {
				t.Fatal("nothing is damaged")
			}
			if good.opens(t, c.name, b) {
				t.Error("opened")
			}
		})
	}
}

// TestReadingVerifiesToo is about files that cannot be opened for writing.
func TestReadingVerifiesToo(t *testing.T) {
	good := goodFile(t, 300)
	path := filepath.Join(t.TempDir(), "bad.db")
	for _, c := range crafted {
		b := bytes.Clone(good.content)
		c.spoil(b)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := openForReading(path, time.Now().Add(lockTimeout))
		if !errors.Is(err, errDamaged) || db != nil {
			t.Errorf("%s: openForReading = %v, %v", c.name, db, err)
		}
	}
}

// FuzzOpen opens any bytes. What is opened must be sound in the eyes of bbolt too.
// Run it with -fuzzminimizetime 10x: the engine else spends a minute on making each large input smaller.
func FuzzOpen(f *testing.F) {
	const maxSize = 1 << 17 // bytes
	good := goodFile(f, 12)
	f.Add(good.content, false)
	f.Add(good.content, true)
	f.Add([]byte{}, false)
	large := goodFile(f, 100)
	for _, c := range crafted {
		b := bytes.Clone(large.content)
		c.spoil(b)
		f.Add(b[:min(len(b), maxSize)], true)
	}
	path := filepath.Join(f.TempDir(), "fuzz.db")
	f.Fuzz(func(t *testing.T, content []byte, sealed bool) {
		if len(content) > maxSize {
			return
		}
		content = bytes.Clone(content)
		if sealed && len(content) >= 2*testPage { // else nearly nothing gets past the checksums
			seal(content[headerSize:])
			seal(content[testPage+headerSize:])
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path)
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Code != Newer {
				wantCode(t, err, Damaged)
			}
			return
		}
		defer s.Close()
		s.db.NoSync = true
		if _, err := s.Approvals(); err != nil {
			t.Error(err)
		}
		_, _ = s.Decisions("s1") // may hold anything; reading it must end
		useTwice(t, "fuzz", s)
		sound(t, "fuzz", s)
	})
}
